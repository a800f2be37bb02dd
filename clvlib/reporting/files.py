"""Files beside the pages, as the pages name them."""

from pathlib import Path
from urllib.parse import quote

__all__ = ["files"]


def files(out: Path, pattern: str) -> list[dict]:
    """Files beside the pages, to link to: name, relative address, size for people."""
    return [
        {
            "name": path.name,
            "href": quote(path.relative_to(out).as_posix()),
            "size": _size(path.stat().st_size),
        }
        for path in sorted(out.glob(pattern))
        if path.is_file()
    ]


def _size(count: int) -> str:
    """
    >>> _size(812), _size(48_200), _size(3_400_000)
    ('812 bytes', '48 kB', '3.4 MB')
    """
    if count < 1000:
        return f"{count} bytes"
    return f"{count / 1000:.0f} kB" if count < 1_000_000 else f"{count / 1e6:.1f} MB"
