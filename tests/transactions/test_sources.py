"""Files as they lie: whatever their form, each row keeps the number an editor or Excel shows for it."""

import datetime as dt
import gzip

import pandas as pd
import pytest

from clvlib.transactions import LogError, read_transactions

HEADER = "customer_id,timestamp,amount,item_text\n"


def csv_log(tmp_path, lines, name="shop.csv"):
    path = tmp_path / name
    path.write_text(HEADER + lines, encoding="utf-8")
    return path


def test_rows_are_numbered_as_an_editor_does_across_blank_ragged_and_broken_lines(tmp_path):
    lines = (
        "1,2011-12-09,1,tea\n"  # row 2
        "\n"  # row 3: blank
        '2,2011-12-09,2,"a pot\nin two lines"\n'  # rows 4 and 5
        "3,2011-12-09,bad,cup\n"  # row 6
        "4,2011-12-09\n"  # row 7: too few
        "5,2011-12-09,5,milk,jug\n"  # row 8: too many
        "6,2011-12-09,worse,cup\n"  # row 9
    )
    ledger = read_transactions(csv_log(tmp_path, lines), max_rejected_share=1)
    told = dict(zip(ledger.rejected["row"], ledger.rejected["reason"], strict=True))
    assert list(told) == [6, 7, 8, 9]
    assert told[7].startswith("2 fields instead of 4")
    assert told[8].startswith("5 fields instead of 4")
    assert ledger.rejected.set_index("row").loc[8, "item_text"] == "milk,jug"  # nothing of the row is lost
    assert ledger.lines["item_text"].tolist() == ["tea", "a pot\nin two lines"]
    assert ledger.reconciliation["lines"].tolist()[0] == 6  # the blank row is no line
    assert ledger.notes.set_index("note")["lines"]["blank rows, which are no lines"] == 1


def test_rows_keep_their_numbers_over_many_blocks(tmp_path):
    lines = [f"{i},2011-12-09,1.0,{'tea' * 30}\n" for i in range(60_000)]  # about 6 MB
    wrong = {2_000: "x,2011-12-09,1.0\n", 29_999: "1,never,1.0,tea\n", 59_999: "1,2011-12-09,?,tea\n"}
    for place, line in wrong.items():
        lines[place] = line
    ledger = read_transactions(csv_log(tmp_path, "".join(lines)))
    assert ledger.rejected["row"].tolist() == [place + 2 for place in wrong]


def test_a_file_of_ragged_lines_only_is_refused_with_all_of_them(tmp_path):
    with pytest.raises(LogError, match=r"none of 2 lines can be kept .*fields instead of 4") as caught:
        read_transactions(csv_log(tmp_path, "1,2011-12-09\n2,2011-12-09\n"))
    assert caught.value.ledger.rejected["customer_id"].tolist() == ["1", "2"]


@pytest.mark.parametrize("tail", ["3,2011-12-09,3,cup\n", "3,2011-12-09,3,cup\n" * 100_000])
def test_a_quotation_mark_that_is_never_closed_does_not_swallow_the_rest(tmp_path, tail):
    with pytest.raises(LogError, match="never closed"):
        read_transactions(csv_log(tmp_path, '1,2011-12-09,1,tea\n2,2011-12-09,2,"12 inch plate\n' + tail))


def test_a_column_nobody_reads_may_stand_twice(tmp_path):
    path = tmp_path / "shop.csv"
    path.write_text("customer_id,timestamp,amount,note,note\n1,2011-12-09,1,a,b\n1,2011-12-09,x,c,d\n")
    ledger = read_transactions(path)
    assert ledger.rejected[["note", "note (2)"]].to_numpy().tolist() == [["c", "d"]]


def test_a_compressed_csv_is_read_as_it_is(tmp_path):
    path = tmp_path / "shop.csv.gz"
    path.write_bytes(gzip.compress((HEADER + "1,2011-12-09,1,tea\n").encode()))
    assert len(read_transactions(path).lines) == 1


def test_parquet_keeps_its_types_and_is_numbered_like_a_csv(tmp_path):
    frame = pd.DataFrame(
        {
            "customer_id": pd.array([7, None, 9], dtype="Int32"),
            "timestamp": pd.to_datetime(["2011-12-09", "2011-12-08", "2011-12-07"]).astype("datetime64[ms]"),
            "amount": [1.0, 2.0, float("inf")],
            "category": pd.Categorical(["a", "b", "a"]),
        }
    )
    frame.to_parquet(tmp_path / "shop.parquet")
    ledger = read_transactions(tmp_path / "shop.parquet")
    assert ledger.lines["customer_id"].tolist() == ["7"]
    assert ledger.lines["timestamp"].dtype == "datetime64[us]"
    assert ledger.lines["category"].dtype == "str"
    assert ledger.guests["amount"].tolist() == [2.0]
    assert ledger.rejected["row"].tolist() == [4]


def test_excel_cells_of_every_type_and_the_row_numbers_of_excel(tmp_path):
    frame = pd.DataFrame(
        {
            "customer_id": [1, "007", 3.0, None, None, "x"],
            "timestamp": [
                dt.datetime(2011, 12, 9, 12, 50),
                "08.12.2011",
                "gestern",
                None,
                dt.date(2011, 12, 7),
                "06.12.2011",
            ],
            "amount": [1.5, "2,50", 3, None, 4, "viel"],
        }
    )
    frame.to_excel(tmp_path / "shop.xlsx", index=False)
    ledger = read_transactions(tmp_path / "shop.xlsx", date_format="%d.%m.%Y", decimal=",")
    assert ledger.lines["customer_id"].tolist() == ["007", "1"]
    assert ledger.lines["amount"].tolist() == [2.5, 1.5]
    assert ledger.guests["timestamp"].dt.day.tolist() == [7]
    assert ledger.rejected["row"].tolist() == [4, 7]  # row 5 is blank
    assert ledger.rejected["amount"].tolist() == ["3", "viel"]
    assert ledger.reconciliation["lines"].tolist()[0] == 5


def test_a_workbook_with_two_sheets_of_data_is_not_read_by_halves(tmp_path):
    one = pd.DataFrame({"customer_id": ["1"], "timestamp": ["2011-12-09"], "amount": [1.0]})
    with pd.ExcelWriter(tmp_path / "shop.xlsx") as book:
        one.to_excel(book, sheet_name="2010", index=False)
        pd.concat([one, one]).to_excel(book, sheet_name="2011", index=False)
    with pytest.raises(LogError, match=r"'2010' \(1 lines\), '2011' \(2 lines\).*sheet="):
        read_transactions(tmp_path / "shop.xlsx")
    assert len(read_transactions(tmp_path / "shop.xlsx", sheet="2011").lines) == 2
    with pytest.raises(LogError, match="there is no sheet '2012'"):
        read_transactions(tmp_path / "shop.xlsx", sheet="2012")


@pytest.mark.parametrize(
    ("name", "told"), [("shop.parquet", "not a Parquet file"), ("shop.xlsx", "not an Excel workbook")]
)
def test_a_file_that_is_not_what_its_name_says(tmp_path, name, told):
    (tmp_path / name).write_text(HEADER)
    with pytest.raises(LogError, match=told):
        read_transactions(tmp_path / name)


@pytest.mark.parametrize("content", [b"PK\x03\x04\x00\x00\x00", b"\x00\x01\x02\x03"])
def test_a_binary_file_called_csv(tmp_path, content):
    (tmp_path / "shop.csv").write_bytes(content)
    with pytest.raises(LogError, match="it is not text"):
        read_transactions(tmp_path / "shop.csv")


def test_formats_nothing_reads_and_folders_are_named_as_such(tmp_path):
    (tmp_path / "shop.xls").write_bytes(b"x")
    with pytest.raises(LogError, match=r"nothing here reads \.xls files"):
        read_transactions(tmp_path / "shop.xls")
    with pytest.raises(LogError, match="a folder, not a file"):
        read_transactions(tmp_path)


def test_an_unknown_encoding_is_refused(tmp_path):
    with pytest.raises(LogError, match="no encoding 'utf-9'"):
        read_transactions(csv_log(tmp_path, "1,2011-12-09,1,tea\n"), encoding="utf-9")


def test_a_byte_that_is_no_utf8_far_down_is_found(tmp_path):
    path = csv_log(tmp_path, "1,2011-12-09,1,tea\n" * 80_000)
    with open(path, "ab") as file:
        file.write("2,2011-12-09,1,Café\n".encode("cp1252"))
    with pytest.raises(LogError, match=r"row 80,002 is not utf-8.*cp1252"):
        read_transactions(path)


def test_a_header_in_another_encoding_is_told_as_that_and_not_as_a_missing_column(tmp_path):
    path = tmp_path / "shop.csv"
    path.write_bytes("Käufer,timestamp,amount\n1,2011-12-09,1\n".encode("cp1252"))
    with pytest.raises(LogError, match=r"row 1 is not utf-8.*cp1252' reads 'Käufer"):
        read_transactions(path, {"Käufer": "customer_id"})
    assert len(read_transactions(path, {"Käufer": "customer_id"}, encoding="cp1252").lines) == 1


def test_a_character_cut_by_the_first_look_is_no_error(tmp_path):
    lines = "1,2011-12-09,1,喵喵喵\n" * 20_000
    for shift in range(3):
        assert len(read_transactions(csv_log(tmp_path, f"1,2011-12-09,1,{'x' * shift}\n" + lines)).lines) == 20_001


def test_lines_may_end_as_on_an_old_macintosh(tmp_path):
    path = tmp_path / "shop.csv"
    path.write_bytes(b"customer_id,timestamp,amount\r1,2011-12-09,1\r2,2011-12-09,?\r")
    ledger = read_transactions(path)
    assert (len(ledger.lines), ledger.rejected["row"].tolist()) == (1, [3])


@pytest.mark.parametrize("first", ["", "sep=,", "  "])
def test_what_stands_above_the_header_is_told(tmp_path, first):
    path = tmp_path / "shop.csv"
    path.write_text(f"{first}\n{HEADER}1,2011-12-09,1,tea\n")
    with pytest.raises(LogError, match="not the header"):
        read_transactions(path)


def test_a_tab_may_be_written_with_a_backslash_since_yaml_keeps_it(tmp_path):
    path = tmp_path / "shop.csv"
    path.write_text("customer_id\ttimestamp\tamount\n1\t2011-12-09\t1\n")
    assert len(read_transactions(path, separator=r"\t").lines) == 1


@pytest.mark.parametrize("separator", ["", ";;", "；", '"', "\n"])
def test_what_cannot_separate_is_refused(tmp_path, separator):
    with pytest.raises(LogError, match="cannot separate fields"):
        read_transactions(csv_log(tmp_path, "1,2011-12-09,1,tea\n"), separator=separator)


def test_columns_that_are_not_read_may_hold_anything_also_in_rejected_rows(tmp_path):
    log = pd.DataFrame({"customer_id": ["1", "2"], "timestamp": "2011-12-09", "amount": ["1", "?"]})
    log["basket"], log["more"], log["raw"] = [[1, 2], [3]], [{"a": 1}, {"a": 2}], [b"a", b"\xff"]
    log.to_parquet(tmp_path / "shop.parquet")
    for source in (log, tmp_path / "shop.parquet"):
        rejected = read_transactions(source).rejected
        assert rejected[["basket", "more", "raw"]].iloc[0].tolist() == ["[3]", "{'a': 2}", "\\xff"]


def test_a_frame_may_have_numbers_for_names():
    log = pd.DataFrame([["1", "2011-12-09", 1.0]])
    assert len(read_transactions(log, {0: "customer_id", 1: "timestamp", 2: "amount"}).lines) == 1


def test_a_sheet_called_like_a_number_is_found_by_it(tmp_path):
    with pd.ExcelWriter(tmp_path / "shop.xlsx") as book:
        for year in (2023, 2024):
            log = pd.DataFrame({"customer_id": ["1"], "timestamp": f"{year}-01-01", "amount": [1.0]})
            log.to_excel(book, sheet_name=str(year), index=False)
    for sheet in (2024, "2024", 1):
        assert read_transactions(tmp_path / "shop.xlsx", sheet=sheet).lines["timestamp"].dt.year.tolist() == [2024]


def test_rejected_rows_show_what_is_read_and_what_is_asked_for_alone(tmp_path):
    names = {"who": "customer_id", "day": "timestamp", "row": "amount"}
    path = tmp_path / "shop.csv"
    path.write_text(
        "who,name,mail,day,row,note\n"
        "1,Ann,ann@example.org,2011-12-09,1,a\n"
        "2,Bob,bob@example.org,2011-12-09,?,b\n"
        "3,Cid, the third,cid@example.org,2011-12-09,2,c\n"  # the name's comma moves the address under the day
        "4,Dee\n"
    )
    rejected = read_transactions(path, names, keep_columns=["note"], max_rejected_share=1).rejected
    assert rejected.columns.tolist() == ["row", "reason", "who", "day", "row (as read)", "note"]
    assert rejected["row"].tolist() == [3, 4, 5]
    assert rejected.iloc[0, 2:].tolist() == ["2", "2011-12-09", "?", "b"]
    assert rejected.iloc[1:, 2:].isna().all(axis=None)  # which field is which is not known
    assert (rejected.drop(columns="row").dtypes == "str").all()
    frame = pd.read_csv(path.with_name("shop.csv"), on_bad_lines="skip").assign(day="never")
    with pytest.raises(LogError) as caught:
        read_transactions(frame, names, keep_columns=[])
    assert caught.value.ledger.rejected.columns.tolist() == ["row", "reason", "who", "day", "row (as read)"]
    everything = read_transactions(path, names, max_rejected_share=1).rejected  # the library's own default
    assert everything.loc[0, "mail"] == "bob@example.org"


def test_a_column_to_be_kept_that_is_not_there_is_named(tmp_path):
    with pytest.raises(LogError, match=r"`keep_columns` names 'item text', .* Remedy: write 'item_text'"):
        read_transactions(csv_log(tmp_path, "1,2011-12-09,1,tea\n"), keep_columns=["item text"])
