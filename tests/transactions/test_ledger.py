"""The ledger on disk, its report, and the arithmetic of its reconciliation."""

import numpy as np
import pandas as pd
import pytest

from clvlib.transactions import Ledger, LogError, read_transactions
from clvlib.transactions.ledger import money, reconcile

TABLES = ("lines", "guests", "returns", "rejected", "reconciliation", "notes")


@pytest.fixture
def ledger():
    log = pd.DataFrame(
        {
            "customer_id": ["007", None, "9", "9", "9"],
            "timestamp": ["2011-12-09 12:50", "2011-12-08", "never", "2011-12-07", "2011-12-07"],
            "amount": ["1.10", "2.20", "3.30", "-0.55", "4"],
            "row": list("abcde"),
        }
    )
    return read_transactions(log, currency="GBP", timezone="Europe/London", returns="apart")


def test_a_saved_ledger_comes_back_equal(ledger, tmp_path):
    again = Ledger.load(ledger.save(tmp_path / "deep" / "ledger"))
    for name in TABLES:
        pd.testing.assert_frame_equal(getattr(ledger, name), getattr(again, name))
    assert (again.currency, again.timezone) == ("GBP", "Europe/London")


def test_what_is_no_saved_ledger_is_refused(ledger, tmp_path):
    with pytest.raises(LogError, match="no saved ledger"):
        Ledger.load(tmp_path)
    folder = ledger.save(tmp_path / "ledger")
    (folder / "guests.parquet").unlink()
    with pytest.raises(LogError, match="no saved ledger"):
        Ledger.load(folder)
    (folder / "ledger.json").write_text('{"format": 0}')
    with pytest.raises(LogError, match="format 0"):
        Ledger.load(folder)


def test_a_column_of_the_log_called_row_does_not_hide_the_row_number(ledger):
    assert ledger.rejected[["row", "row (as read)"]].to_numpy().tolist() == [[4, "c"]]


def test_the_report_says_what_happened_to_every_line(ledger):
    told = ledger.report().splitlines()
    assert told[0] == "read: 5 lines, 10.05 GBP"
    assert "guest: 1 line, 2.20 GBP: no customer_id" in told
    assert "return: 1 line, -0.55 GBP: returns='apart'" in told
    assert any(line.startswith("rejected: 1 line, 3.30 GBP: timestamp is not a date") for line in told)


def test_money_is_summed_exactly_in_any_order():
    amounts = np.array([1e9 + 0.01, 0.1, -1e9, 0.2] * 100_000)
    assert money(amounts) == money(amounts[::-1]) == 31_000_000_000
    assert money(np.full(1_000_000, 1e12)) == 10**24  # more than an int64 holds
    assert money(np.array([np.nan, np.inf, -np.inf])) == 0


def test_a_reconciliation_that_does_not_add_up_is_a_bug_and_stops():
    with pytest.raises(AssertionError, match="lines read"):
        reconcile([("read", "", 3, 10), ("kept", "", 2, 10)])
    with pytest.raises(AssertionError, match="millionths"):
        reconcile([("read", "", 2, 10), ("kept", "", 2, 11)])
