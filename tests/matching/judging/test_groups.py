"""Groups by activity: everybody has one, equal customers share one, and the cold start is its own."""

import numpy as np
import pandas as pd
import pytest

from clvlib.matching import activity_groups


def _lines(days_of: dict, amount: float = 5.0) -> pd.DataFrame:
    customers = np.repeat(list(days_of), list(days_of.values()))
    day = np.concatenate([np.arange(n) for n in days_of.values()])
    timestamp = pd.Timestamp("2024-01-01 09:30") + pd.to_timedelta(day, unit="D")
    return pd.DataFrame({"customer_id": customers, "timestamp": timestamp, "amount": amount})


def test_terciles_of_different_customers_are_of_equal_size():
    groups = activity_groups(_lines({f"c{n:02d}": n for n in range(1, 31)}))
    assert groups.value_counts(sort=False).to_dict() == {"1 to 10 days": 10, "11 to 20 days": 10, "21 to 30 days": 10}
    assert groups.cat.ordered


def test_customers_with_as_many_days_are_never_parted():
    groups = activity_groups(_lines({"a": 1, "b": 1, "c": 1, "d": 1, "e": 2, "f": 9}))
    assert groups.to_dict() == {**dict.fromkeys("abcd", "1 day"), **dict.fromkeys("ef", "2 to 9 days")}
    assert activity_groups(_lines({"a": 3, "b": 3})).unique().tolist() == ["3 days"]


def test_several_purchases_on_a_day_are_one_day_and_returns_are_none():
    lines = _lines({"a": 2, "b": 1})
    later_that_day = lines.assign(timestamp=lines["timestamp"] + pd.Timedelta(hours=3))
    returns = _lines({"a": 9, "z": 4}, amount=-5.0)
    groups = activity_groups(pd.concat([lines, later_that_day, returns]))
    assert groups.to_dict() == {"a": "2 days", "b": "1 day"}


def test_strangers_come_first_and_do_not_move_the_ends():
    lines = _lines({f"c{n}": n for n in range(1, 10)})
    groups = activity_groups(lines, customers=["new", "c9", "c1", "c9"])
    assert groups.to_dict() == {"new": "no day before", "c9": "7 to 9 days", "c1": "1 to 3 days"}
    assert groups.cat.categories.tolist() == ["no day before", "1 to 3 days", "7 to 9 days"]
    assert groups["c9"] == activity_groups(lines)["c9"]


@pytest.mark.parametrize("n_groups", [1, 2, 5, 40])
def test_any_number_of_groups_covers_everybody(n_groups):
    groups = activity_groups(_lines({f"c{n}": n for n in range(1, 12)}), n_groups=n_groups)
    assert groups.notna().all()
    assert groups.nunique() == min(n_groups, 11)


@pytest.mark.parametrize(
    ("lines", "options", "message"),
    [
        (_lines({"a": 1}), {"n_groups": 0}, "n_groups must be at least 1"),
        (_lines({"a": 1}).drop(columns="amount"), {}, "no column amount"),
        (_lines({"a": 2}, amount=-1.0), {}, "None of the 2 lines"),
    ],
)
def test_what_has_no_groups_is_refused(lines, options, message):
    with pytest.raises(ValueError, match=message):
        activity_groups(lines, **options)
