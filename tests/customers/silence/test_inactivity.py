"""False alarms of silence: against a loop, against the truth of simulated buyers, and with logs that are odd."""

import numpy as np
import pandas as pd
import pytest

from clvlib.customers import inactivity_curve, inactivity_threshold, own_thresholds
from clvlib.datasets import load_cdnow
from clvlib.metrics.intervals import bootstrap_interval, wilson_interval

NAMES = [
    *("threshold_days", "spells", "returned", "censored", "false_alarm_rate", "low", "high"),
    *("silent", "silent_share"),
]


def log(days_by_customer, end=None):
    """Purchases on the given days of 2024; a last line of its own customer where the log must go on to a day."""
    rows = [(customer, day) for customer, days in days_by_customer.items() for day in days]
    rows += [] if end is None else [("the end", end)]
    start = pd.Timestamp("2024-01-01 12:00")
    return pd.DataFrame(
        {
            "customer_id": [customer for customer, _ in rows],
            "timestamp": [start + pd.Timedelta(days=day) for _, day in rows],
            "amount": 10.0,
        }
    ).sort_values("timestamp", ignore_index=True)


@pytest.fixture(scope="module")
def steady():
    """2,000 buyers who buy on each day with probability 0.02 and are never lost."""
    bought = np.random.default_rng(1).uniform(size=(2000, 400)) < 0.02
    bought[:, 0] = True
    customer, day = np.nonzero(bought)
    times = pd.Timestamp("2024-01-01") + pd.to_timedelta(day, unit="D")
    return pd.DataFrame({"customer_id": customer, "timestamp": times, "amount": 1.0})


def by_loop(lines, threshold, horizon, as_of):
    """The definition, one spell after the other."""
    lines = lines[(lines["amount"] >= 0) & (lines["timestamp"] < as_of)]
    spells = returned = censored = silent = 0
    for _, own in lines.groupby("customer_id"):
        days = sorted(own["timestamp"].dt.normalize().unique())
        for day, following in zip(days, [*days[1:], None], strict=True):
            alarm = day + pd.Timedelta(days=threshold)
            if (following is not None and following < alarm) or alarm > as_of:
                continue
            if following is None:
                silent += 1
            if alarm + pd.Timedelta(days=horizon) > as_of:
                censored += 1
                continue
            spells += 1
            returned += following is not None and following < alarm + pd.Timedelta(days=horizon)
    return spells, returned, censored, silent


@pytest.mark.parametrize("as_of", ["1998-07-01", "1997-11-16"])
def test_counts_are_those_of_the_definition_spell_by_spell(as_of):
    lines = load_cdnow().lines
    last = lines.iloc[[-1]]
    lines = pd.concat([lines[lines["customer_id"].isin(lines["customer_id"].unique()[:150])], last])
    lines = pd.concat([lines, lines.iloc[:40].assign(amount=-1.0)])  # refunds, and not in the order of time
    curve = inactivity_curve(lines, thresholds_days=[90, 1, 30], horizon_days=60, as_of=pd.Timestamp(as_of))
    assert list(curve.columns) == NAMES
    assert curve["threshold_days"].tolist() == [1, 30, 90]
    for row in curve.itertuples():
        counted = by_loop(lines, row.threshold_days, 60, pd.Timestamp(as_of))
        assert (row.spells, row.returned, row.censored, row.silent) == counted
        assert row.false_alarm_rate == row.returned / row.spells
        assert row.low < row.false_alarm_rate < row.high


def test_silence_says_nothing_of_buyers_without_memory(steady):
    """Feller 1968, section XIII.9: geometric gaps have no memory, so every threshold has the same rate, 1 - q^h."""
    curve = inactivity_curve(steady, thresholds_days=[1, 10, 30, 60, 100], horizon_days=30)
    expected = 1 - 0.98**30
    assert curve["spells"].is_monotonic_decreasing
    assert curve["spells"].min() > 1000
    assert ((curve["low"] < expected) & (expected < curve["high"])).all()
    assert (curve["high"] - curve["low"]).is_monotonic_increasing


def test_young_spells_are_left_out_even_where_their_purchase_is_known():
    early = log({"a": [0, 40], "b": [0], "c": [70, 95]}, end=100)
    row = inactivity_curve(early, thresholds_days=20, horizon_days=30).iloc[0]
    # c's silence reached 20 days on day 90 and is watched for 11 more: left out, though it ended on day 95
    assert (row["spells"], row["returned"], row["censored"]) == (3, 1, 1)  # a twice, b once; c is not judged
    longer = log({"a": [0, 40], "b": [0], "c": [70, 95]}, end=119)
    row = inactivity_curve(longer, thresholds_days=20, horizon_days=30).iloc[0]
    assert (row["spells"], row["returned"], row["censored"]) == (4, 2, 1)


def test_edges_of_the_windows_are_half_open():
    lines = log({"a": [0, 10], "b": [0, 20]}, end=60)
    rates = inactivity_curve(lines, thresholds_days=[10, 11], horizon_days=10)
    # a is back on the day of the alarm (false), b ten days after it (beyond the horizon); both are then gone
    assert rates["spells"].tolist() == [4, 3]
    assert rates["returned"].tolist() == [1, 1]


def test_interval_is_wilson_s_where_every_customer_has_one_spell():
    once = log({f"c{i}": [0, 15] if i < 6 else [0] for i in range(20)}, end=40)
    curve = inactivity_curve(once, thresholds_days=10, horizon_days=10)
    row = curve.iloc[0]
    assert row["returned"] == 6
    # 20 customers, 26 spells: a second silence of the six, which nothing ended; the effective number lies between
    low, high = wilson_interval(6, 26)
    assert row["low"] == pytest.approx(low, abs=0.02)
    assert row["high"] == pytest.approx(high, abs=0.02)


def test_interval_agrees_with_the_bootstrap_over_customers():
    lines = load_cdnow().lines
    curve = inactivity_curve(lines, thresholds_days=[14, 60], horizon_days=90)
    end = pd.Timestamp("1998-07-01")
    days = lines.assign(day=lines["timestamp"].dt.normalize())[["customer_id", "day"]].drop_duplicates()
    days = days.sort_values(["customer_id", "day"])
    gap = (days.groupby("customer_id")["day"].shift(-1) - days["day"]).dt.days.fillna(np.inf)
    for row in curve.itertuples():
        judged = (gap >= row.threshold_days) & ((end - days["day"]).dt.days >= row.threshold_days + 90)
        returned = gap[judged] < row.threshold_days + 90
        low, high = bootstrap_interval(
            returned.astype(float), groups=days.loc[judged, "customer_id"], n_resamples=800, random_state=0
        )
        assert (row.low, row.high) == pytest.approx((low, high), abs=0.004)


def test_customers_who_repeat_themselves_make_the_interval_wider():
    rng = np.random.default_rng(0)
    regular = {f"r{i}": list(range(0, 300, 20)) for i in range(30)}
    gone = {f"g{i}": [int(rng.integers(0, 60))] for i in range(200)}
    row = inactivity_curve(log(regular | gone, end=330), thresholds_days=15, horizon_days=30).iloc[0]
    simple = wilson_interval(int(row["returned"]), int(row["spells"]))
    assert row["high"] - row["low"] > 1.5 * (simple[1] - simple[0])


def test_no_false_alarm_and_nothing_but_false_alarms_still_have_an_interval():
    never = inactivity_curve(log({"a": [0], "b": [3], "c": [5]}, end=90), thresholds_days=10, horizon_days=20).iloc[0]
    assert (never["false_alarm_rate"], never["low"]) == (0.0, 0.0)
    assert never["high"] > 0.4
    always = log({"a": range(0, 100, 10), "b": range(0, 100, 10)})
    row = inactivity_curve(always, thresholds_days=5, horizon_days=20, as_of="2024-03-10").iloc[0]
    assert row["false_alarm_rate"] == 1.0
    assert row["low"] < 0.5


def test_nothing_after_as_of_is_known():
    lines = load_cdnow().lines
    settings = {"thresholds_days": [30, 90], "horizon_days": 30}
    cut = inactivity_curve(lines, as_of="1998-01-01", **settings)
    before = lines[lines["timestamp"] < "1998-01-01"]
    pd.testing.assert_frame_equal(cut, inactivity_curve(before, as_of="1998-01-01", **settings))


def test_a_log_with_a_time_zone_counts_its_own_days():
    plain = log({"a": [0, 80, 100], "b": [60, 85]}, end=120)
    zoned = plain.assign(timestamp=plain["timestamp"].dt.tz_localize("Europe/Berlin"))  # clocks change on day 90
    settings = {"thresholds_days": [5, 15, 20], "horizon_days": 20}
    pd.testing.assert_frame_equal(inactivity_curve(plain, **settings), inactivity_curve(zoned, **settings))


def test_thousands_of_one_time_buyers_and_no_repeat_customer():
    once = log({f"c{i}": [i % 50] for i in range(3000)}, end=200)
    curve = inactivity_curve(once, thresholds_days=[30, 60], horizon_days=30)
    assert (curve["false_alarm_rate"] == 0).all()
    assert (curve["high"] < 0.01).all()
    assert inactivity_threshold(curve, max_false_alarm_rate=0.05) == 30


def test_threshold_beyond_what_was_watched_is_empty_and_not_zero():
    curve = inactivity_curve(log({"a": [0, 10], "b": [0]}, end=50), thresholds_days=[5, 400], horizon_days=10)
    assert curve["spells"].tolist() == [3, 0]
    assert curve.loc[1, ["false_alarm_rate", "low", "high"]].isna().all()


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"thresholds_days": [0]}, "thresholds_days must be a whole number of at least 1"),
        ({"thresholds_days": [2.5]}, "thresholds_days must be a whole number"),
        ({"thresholds_days": [True]}, "thresholds_days must be a whole number"),
        ({"thresholds_days": []}, "thresholds_days is empty"),
        ({"thresholds_days": "30"}, "thresholds_days must be whole numbers"),
        ({"thresholds_days": None}, "thresholds_days must be whole numbers"),
        ({"horizon_days": 0}, "horizon_days must be a whole number"),
        ({"horizon_days": "90"}, "horizon_days must be a whole number"),
        ({"horizon_days": 5000}, "no silence reached 30 days and was watched 5000 days longer"),
        ({"level": 95}, "level must be a share"),
        ({"as_of": "1999-01-01"}, "after the log's end"),
        ({"as_of": "soon"}, "is no date"),
        ({"as_of": "1996-01-01"}, "choose a later as_of"),
    ],
)
def test_bad_questions_are_told_with_the_remedy(settings, told):
    with pytest.raises(ValueError, match=told):
        inactivity_curve(load_cdnow().lines, **({"thresholds_days": [30], "horizon_days": 90} | settings))


def test_bad_logs_are_told_with_the_remedy():
    lines = log({"a": [0, 10]}, end=50)
    mixed = [
        pd.Timestamp("2024-01-01", tz="UTC"),
        pd.Timestamp("2024-01-02", tz="Asia/Tokyo"),
        pd.Timestamp("2024-02-01"),
    ]
    settings = {"thresholds_days": [5], "horizon_days": 10}
    for wrong, told in [
        (lines.drop(columns="amount"), "no column amount"),
        (lines.iloc[:0], "has no lines"),
        (lines.assign(timestamp=pd.Series(mixed, dtype=object)), "timestamp"),
        (lines.assign(amount=-1.0), "no customer bought"),
    ]:
        with pytest.raises(ValueError, match=told):
            inactivity_curve(wrong, **settings)


def test_threshold_is_the_smallest_that_is_good_enough():
    curve = pd.DataFrame({"threshold_days": [90, 30, 60], "false_alarm_rate": [0.05, 0.3, np.nan]})
    assert inactivity_threshold(curve, max_false_alarm_rate=0.3) == 30
    assert inactivity_threshold(curve, max_false_alarm_rate=0.29) == 90
    with pytest.raises(ValueError, match=r"at 0.01 or below: the lowest rate is 0.05, after 90 days"):
        inactivity_threshold(curve, max_false_alarm_rate=0.01)
    for wrong in (-0.1, 1.5, "5%", True, np.nan):
        with pytest.raises(ValueError, match="max_false_alarm_rate must be a share"):
            inactivity_threshold(curve, max_false_alarm_rate=wrong)
    for wrong in (curve[["threshold_days"]], curve.assign(false_alarm_rate="low"), None, {"threshold_days": [1]}):
        with pytest.raises(ValueError, match="take it from inactivity_curve"):
            inactivity_threshold(wrong, max_false_alarm_rate=0.1)
    with pytest.raises(ValueError, match="none of the 1 thresholds"):
        inactivity_threshold(curve[curve["threshold_days"] == 60], max_false_alarm_rate=0.1)


def test_own_threshold_is_the_quantile_of_own_gaps_as_numpy_s_higher(steady):
    own = own_thresholds(steady, fallback_days=77, quantile=0.8, min_gaps=3)
    some = own.set_index("customer_id")
    for customer, lines in steady[steady["customer_id"] < 60].groupby("customer_id"):
        gaps = lines["timestamp"].drop_duplicates().diff().dt.days.dropna()
        row = some.loc[customer]
        assert row["gaps"] == len(gaps)
        assert row["own"] == (len(gaps) >= 3)
        expected = np.quantile(gaps, 0.8, method="higher") + 1 if len(gaps) >= 3 else 77
        assert row["threshold_days"] == expected
        assert row["silent_too_long"] == (row["days_since_last_purchase"] >= expected)


def test_own_thresholds_are_a_worse_list_of_the_lost_than_one_silence_for_all():
    lines, cut = load_cdnow().lines, pd.Timestamp("1998-04-02")
    own = own_thresholds(lines, fallback_days=120, quantile=0.75, as_of=cut)
    back = own["customer_id"].isin(lines.loc[lines["timestamp"] >= cut, "customer_id"])
    by_own = own["silent_too_long"]
    silence = own["days_since_last_purchase"].rank(method="first", ascending=False) <= by_own.sum()
    assert back[by_own].sum() > 1.1 * back[silence].sum()


def test_own_threshold_flags_the_weekly_buyer_before_the_yearly_one():
    lines = log({"weekly": range(0, 71, 7), "slow": [0, 60, 120, 180, 240, 300]}, end=340)
    own = own_thresholds(lines, fallback_days=90).set_index("customer_id")
    assert own.loc["weekly", ["threshold_days", "silent_too_long"]].tolist() == [8, True]
    assert own.loc["slow", ["threshold_days", "silent_too_long"]].tolist() == [61, False]
    for wrong in ({"quantile": 1.0}, {"min_gaps": 0}, {"fallback_days": -1}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            own_thresholds(lines, **({"fallback_days": 90} | wrong))
