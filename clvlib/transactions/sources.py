"""A log wherever it lies, as raw rows in chunks of bounded size, each row with the number an editor shows for it."""

from __future__ import annotations

import codecs
import contextlib
import csv
import io
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from clvlib.transactions.errors import LogError, some
from clvlib.transactions.rules import UNKNOWN

__all__ = ["CsvSource", "ExcelSource", "FrameSource", "ParquetSource", "open_source"]

_BLOCK = 1 << 20  # bytes of CSV parsed at a time: large enough to be fast, small against any log worth chunking
_ROWS = 1 << 17
_SEPARATORS = (",", ";", "\t", "|")


def open_source(
    source: str | Path | pd.DataFrame, *, encoding: str, separator: str, sheet: str | int | None
) -> FrameSource | CsvSource | ParquetSource | ExcelSource:
    """The reader for ``source``: by type for a DataFrame, by suffix for a file (what is neither Parquet nor Excel
    is read as CSV). Raises LogError for a file that is missing, empty or in a format nothing here reads.
    """
    if isinstance(source, pd.DataFrame):
        return FrameSource(source)
    path = Path(source)
    if not path.exists():
        near = sorted(p.name for p in path.parent.glob("*")) if path.parent.is_dir() else []
        where = f"the folder holds {some(near, at_most=6)}" if near else f"there is no folder {path.parent}"
        raise LogError(str(source), f"there is no such file ({where})", remedy="check the path")
    if path.is_dir():
        raise LogError(str(source), "this is a folder, not a file", remedy="name the CSV, Parquet or Excel file in it")
    if path.stat().st_size == 0:
        raise LogError(path.name, "the file is empty (0 bytes, no header, no lines)", remedy="export it again")
    suffix = path.suffix.lower()
    if suffix in (".parquet", ".pq"):
        return ParquetSource(path)
    if suffix in (".xlsx", ".xlsm"):
        return ExcelSource(path, sheet=sheet)
    if suffix in (".xls", ".ods", ".json", ".zip", ".feather", ".sqlite"):
        raise LogError(path.name, f"nothing here reads {suffix} files", remedy="save it as CSV, Parquet or .xlsx")
    return CsvSource(path, encoding=encoding, separator=separator)


class FrameSource:
    """A DataFrame. Rows are numbered as if it had been written to a file: the first is row 2."""

    ragged: tuple = ()

    def __init__(self, frame: pd.DataFrame, *, name: str = "the DataFrame"):
        self.name, self._frame = name, frame
        self.columns, self.repeated = _told_apart(str(column) for column in frame.columns)

    def chunks(self) -> Iterator[pd.DataFrame]:
        """Raw rows in their order, columns named by ``columns``."""
        for start in range(0, len(self._frame), 8 * _ROWS):
            yield self._frame.iloc[start : start + 8 * _ROWS].set_axis(self.columns, axis=1)

    def rows(self, positions: np.ndarray) -> np.ndarray:
        """The number an editor shows for each position among the rows of ``chunks`` (header: row 1)."""
        return np.asarray(positions, np.int64) + 2

    def count(self) -> int:
        """Data lines in the file, for messages."""
        return len(self._frame)


class ParquetSource(FrameSource):
    """A Parquet file, read batch by batch."""

    def __init__(self, path: Path):
        try:
            self._file = pa.parquet.ParquetFile(path)
        except (pa.ArrowInvalid, OSError) as error:
            raise LogError(
                path.name, f"this is not a Parquet file ({str(error).splitlines()[0]})", remedy="export it again"
            ) from error
        self.name = path.name
        self.columns, self.repeated = _told_apart(self._file.schema_arrow.names)

    def chunks(self) -> Iterator[pd.DataFrame]:
        for batch in self._file.iter_batches(batch_size=_ROWS):
            yield pa.table(batch.columns, names=self.columns).to_pandas()

    def count(self) -> int:
        return self._file.metadata.num_rows


class ExcelSource(FrameSource):
    """One sheet of an Excel workbook; cells keep the type Excel gave them."""

    def __init__(self, path: Path, *, sheet: str | int | None):
        try:
            with pd.ExcelFile(path, engine="openpyxl") as book:
                sheets = [str(name) for name in book.sheet_names]
                # a sheet called 2024 before the sheet with that number
                wanted = [name for name in sheets if sheet is None or name == str(sheet)]
                wanted = wanted or [name for number, name in enumerate(sheets) if number == sheet]
                frames = pd.read_excel(book, sheet_name=wanted, dtype=object, na_filter=False) if wanted else {}
        except (zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
            raise LogError(
                path.name, f"this is not an Excel workbook ({type(error).__name__}: {error})", remedy="save it again"
            ) from error
        frames = {name: frame for name, frame in frames.items() if sheet is not None or len(frame.columns)}
        if len(frames) > 1:
            counts = ", ".join(f"'{name}' ({len(frame):,} lines)" for name, frame in frames.items())
            raise LogError(
                path.name, f"the workbook has several sheets with data: {counts}", remedy="say which one with sheet=…"
            )
        if not frames:
            problem = f"there is no sheet {sheet!r}" if sheet is not None else "every sheet is empty"
            raise LogError(path.name, f"{problem}; sheets: {some(sheets)}", remedy="say which one with sheet=…")
        (frame,) = frames.values()
        super().__init__(frame.replace("", None), name=path.name)
        # pandas has renamed the second of two columns by now
        self.repeated = [name for name in self.columns if f"{name}.1" in self.columns]


class CsvSource(FrameSource):
    """A CSV file, parsed block by block; every field arrives as the text that stands in the file."""

    def __init__(self, path: Path, *, encoding: str, separator: str):
        separator = "\t" if separator == r"\t" else separator  # as YAML gives '\t'
        self.name, self.path, self.encoding, self.separator = path.name, path, encoding, separator
        if len(separator.encode()) != 1 or separator in '"\r\n':
            raise LogError(self.name, f"{separator!r} cannot separate fields", remedy=f"say one of {some(_SEPARATORS)}")
        try:
            "".encode(encoding)
        except LookupError as error:
            raise LogError(
                self.name, f"there is no encoding {encoding!r}", remedy="say 'utf-8', 'cp1252', 'gb18030' …"
            ) from error
        with _stream(path) as stream:
            head = stream.read(1 << 16)
        wide = head[:4].startswith((b"\xff\xfe", b"\xfe\xff"))
        if wide != encoding.lower().replace("_", "-").startswith("utf-16"):
            told = "begins with the mark of UTF-16" if wide else "does not begin with the mark of UTF-16"
            raise LogError(
                self.name,
                f"the file {told}, read as {encoding}",
                remedy=f"say encoding={'utf-16' if wide else 'utf-8'!r}",
            )
        if not wide and b"\0" in head:
            raise LogError(self.name, "the file holds zero bytes: it is not text", remedy="export it as CSV")
        try:  # strictly, since a header misread would be told as a missing column; the last character may be cut
            decoded = codecs.getincrementaldecoder(encoding)().decode(head).removeprefix("\ufeff")
        except UnicodeDecodeError as error:
            raise self._explained(error) from error
        if not decoded.strip():
            raise LogError(
                self.name, f"the file is empty ({len(head)} bytes, no header, no lines)", remedy="export it again"
            )
        self.header = next(csv.reader(io.StringIO(decoded, newline=""), delimiter=separator), [])
        self.first_line = decoded.splitlines()[0]
        if not self.first_line.strip() or self.first_line.startswith("sep="):
            told = f"the first line is {self.first_line.strip()!r} and not the header"
            raise LogError(self.name, told, remedy="delete what stands above the names of the columns")
        self.columns, self.repeated = _told_apart(field.strip() for field in self.header)
        self._ragged: list[tuple[int, int, str]] = []
        self._breaks: list[tuple[int, int]] = []

    def other_separator(self) -> str | None:
        """Another separator that splits the header into more columns, or None."""

        def columns(one):
            return len(next(csv.reader([self.first_line], delimiter=one), []))

        best = max(_SEPARATORS, key=columns)
        return best if columns(best) > max(len(self.columns), 1) else None

    def chunks(self) -> Iterator[pd.DataFrame]:
        self._ragged, self._breaks, done = [], [], 0
        try:
            with _stream(self.path) as stream:
                for batch in self._batches(stream):
                    self._note_breaks(batch, done)
                    done += len(batch)
                    yield pa.table(batch.columns, names=self.columns).to_pandas()
        except (pa.ArrowInvalid, UnicodeDecodeError) as error:
            raise self._explained(error) from error
        if self._breaks and self._breaks[-1][0] == done - 1 and self._odd_quotes():
            raise self._unclosed()

    def _batches(self, stream: pa.NativeFile) -> Iterator[pa.RecordBatch]:
        def keep(row):  # Arrow's own reaction is to stop; here the row is set aside, and its text is kept
            self._ragged.append((row.number, row.actual_columns, row.text))
            return "skip"

        return pa.csv.open_csv(
            stream,
            # threads would lose the numbers of ragged rows
            read_options=pa.csv.ReadOptions(block_size=_BLOCK, use_threads=False, encoding=self.encoding),
            # an empty line is kept as a row of blanks for the same reason: numbers stay true
            parse_options=pa.csv.ParseOptions(
                delimiter=self.separator, newlines_in_values=True, ignore_empty_lines=False, invalid_row_handler=keep
            ),
            convert_options=pa.csv.ConvertOptions(
                column_types=dict.fromkeys(self.header, pa.large_string()), strings_can_be_null=False
            ),
        )

    def _note_breaks(self, batch: pa.RecordBatch, done: int) -> None:
        for column in batch.columns:
            if pc.any(pc.match_substring(column, "\n")).as_py():
                breaks = pc.count_substring(column, "\n").to_numpy(zero_copy_only=False)
                where = np.flatnonzero(breaks)
                self._breaks += zip((where + done).tolist(), breaks[where].tolist(), strict=True)

    @property
    def ragged(self) -> list[tuple[int, int, str]]:
        """Rows with too few or too many fields, complete once ``chunks`` is exhausted: row, fields, text."""
        numbers = np.array([number for number, _, _ in self._ragged], np.int64)
        shift = self._shift(numbers - 2 - np.arange(len(numbers)))
        inside = np.cumsum([0] + [text.count("\n") for _, _, text in self._ragged])[:-1]
        return [
            (int(n + s + i), fields, text) for (n, fields, text), s, i in zip(self._ragged, shift, inside, strict=True)
        ]

    def rows(self, positions: np.ndarray) -> np.ndarray:
        positions = np.asarray(positions, np.int64)
        before = np.array([number - 2 - j for j, (number, _, _) in enumerate(self._ragged)], np.int64)
        earlier = np.searchsorted(before, positions, side="right")
        inside = np.cumsum([0] + [text.count("\n") for _, _, text in self._ragged])
        return positions + 2 + earlier + inside[earlier] + self._shift(positions)

    def _shift(self, positions: np.ndarray) -> np.ndarray:
        """Line breaks inside fields of earlier rows: an editor counts lines, a parser records."""
        where = np.array([row for row, _ in self._breaks], np.int64)
        order = np.argsort(where, kind="stable")
        total = np.concatenate([[0], np.cumsum(np.array([n for _, n in self._breaks], np.int64)[order])])
        return total[np.searchsorted(where[order], positions, side="left")]

    def ragged_table(self) -> pd.DataFrame:
        """Ragged rows as rows: what fits stands under its column, a surplus stays with the last one."""
        records, wide = [], len(self.columns)
        for row, count, line in self.ragged:
            fields = next(csv.reader([line], delimiter=self.separator), [])
            head, rest = fields[: wide - 1], fields[wide - 1 :]
            cells = [*head, self.separator.join(rest)] if rest else [*head, *[None] * (wide - len(head))]
            records.append([row, f"{count} fields instead of {wide}" + UNKNOWN, *cells])
        table = pd.DataFrame(records)
        return table.astype(dict.fromkeys(table.columns[1:], "str"))

    def count(self) -> int:
        with _stream(self.path) as stream:
            lines, last = 0, b"\n"
            while block := stream.read(_BLOCK):
                lines, last = lines + block.count(b"\n"), block[-1:]
        return max(lines + (last != b"\n") - 1, 0)

    def _odd_quotes(self) -> bool:
        with _stream(self.path) as stream:
            return sum(block.count(b'"') for block in iter(lambda: stream.read(_BLOCK), b"")) % 2 == 1

    def _unclosed(self) -> LogError:
        row = int(self.rows(np.array([self._breaks[-1][0]]))[0]) if self._breaks else None
        where = f"in row {row:,} " if row else ""
        return LogError(
            self.name,
            f'a quotation mark (") opened {where}is never closed: the rest of the file would be one field',
            remedy="close it, or double a quotation mark that belongs to the text",
        )

    def _explained(self, error: Exception) -> LogError:
        if "straddling" in str(error):
            self._breaks = []
            return self._unclosed()
        if isinstance(error, pa.ArrowInvalid) and "UTF8" not in str(error):
            return LogError(self.name, str(error).splitlines()[0], remedy="export the file again as CSV")
        with _stream(self.path) as stream:
            for row, line in enumerate(io.BufferedReader(stream), start=1):
                try:
                    line.decode(self.encoding)
                except UnicodeDecodeError as bad:
                    readings = []
                    for other in ("cp1252", "gb18030", "utf-8"):
                        try:
                            readings.append(f"encoding={other!r} reads {line.decode(other).strip()[-60:]!r}")
                        except UnicodeDecodeError:
                            continue
                    return LogError(
                        self.name,
                        f"row {row:,} is not {self.encoding}: byte 0x{line[bad.start]:02x} at position {bad.start + 1}",
                        remedy="say the encoding the shop's program wrote: " + "; ".join(readings),
                    )
        return LogError(self.name, f"the file is not {self.encoding}", remedy="say its encoding")


def _told_apart(names: Iterable[str]) -> tuple[list[str], list[str]]:
    """The names, a second of one kind as ``name (2)``, and those that occur twice: refused later if they are read."""
    columns, seen = [], {}
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        columns.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return columns, [name for name, times in seen.items() if times > 1]


@contextlib.contextmanager
def _stream(path: Path) -> Iterator[pa.NativeFile]:
    """The file's bytes. Through Python, since Arrow's own file reads 32 blocks ahead, and that is memory."""
    with open(path, "rb") as file, pa.input_stream(file, "gzip" if path.suffix == ".gz" else None) as stream:
        yield stream
