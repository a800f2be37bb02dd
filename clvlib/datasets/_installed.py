"""Data files inside installed distributions, found without importing any of their code."""

from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from clvlib.transactions import LogError

__all__ = ["installed_file"]


def installed_file(package: str, inside: str) -> Path:
    """Path of the file ``inside`` (posix, from the site-packages folder) of an installed distribution.

    >>> installed_file("lifetimes", "lifetimes/datasets/CDNOW_sample.txt").name
    'CDNOW_sample.txt'

    Raises
    ------
    LogError
        If the distribution or the file is not installed.
    """
    try:
        path = Path(str(distribution(package).locate_file(inside)))
    except PackageNotFoundError:
        path = None
    if path is None or not path.is_file():
        raise LogError(inside, f"the distribution {package} is not installed", remedy=f"run: pip install {package}")
    return path
