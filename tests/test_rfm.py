"""From a log to one row a customer: against the published table, a naive computation, and on every way through."""

import datetime as dt
import subprocess
import sys
from contextlib import contextmanager

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clvlib.datasets import load_cdnow
from clvlib.datasets._installed import installed_file
from clvlib.rfm import _customers, _passes, _texts, rfm_summary
from clvlib.rfm._texts import short_texts

WAYS = ("matrix", "compiled")
HOLDOUT = ["holdout_frequency", "holdout_amount", "holdout_days"]


@contextmanager
def way(name):
    """Send every log one way, whatever its length."""
    before = _passes.COMPILED_FROM, _customers.COMPILED_FROM
    _passes.COMPILED_FROM = _customers.COMPILED_FROM = 0 if name == "compiled" else 2**62
    try:
        yield
    finally:
        _passes.COMPILED_FROM, _customers.COMPILED_FROM = before


@pytest.fixture(params=WAYS)
def each_way(request):
    with way(request.param):
        yield


@pytest.fixture(scope="module")
def cdnow():
    return load_cdnow().lines


def shuffled(lines):
    return lines.sample(frac=1.0, random_state=3)


def naive(lines, *, cut, end, unit):
    """The definitions, customer by customer and line by line."""
    rows = []
    for customer, own in lines.assign(day=lines["timestamp"].dt.normalize()).groupby("customer_id"):
        bought = sorted(own.loc[own["amount"] >= 0, "day"].unique())
        calibration, holdout = [d for d in bought if d < cut], [d for d in bought if cut <= d < end]
        if not calibration:
            continue
        first = calibration[0]
        net = own.loc[(own["day"] > first) & (own["day"] < cut), "amount"].sum()
        held = own.loc[(own["day"] >= cut) & (own["day"] < end), "amount"].sum()
        x = len(calibration) - 1
        recency, age = (calibration[-1] - first).days / unit, (cut - first).days - 1
        rows.append((customer, x, recency, age / unit, net / x if x else 0.0, unit, len(holdout), held))
    columns = ["customer_id", "frequency", "recency", "T", "monetary_value", "time_unit_days", *HOLDOUT[:2]]
    table = pd.DataFrame(rows, columns=columns)
    return table.astype(dict.fromkeys(columns[1:], "float64")).assign(holdout_days=float((end - cut).days))


# --- published figures ------------------------------------------------------------------------------------------------


def beside_the_table_lifetimes_ships(summary, file):
    """Our table and theirs side by side; theirs numbers the customers of the sample from 1."""
    names = ["customer_id", "ID", "timestamp", "quantity", "amount"]
    sample = pd.read_csv(
        installed_file("lifetimes", "lifetimes/datasets/CDNOW_sample.txt"),
        sep=r"\s+",
        names=names,
        dtype={"customer_id": "str"},
    )
    number = sample.drop_duplicates("customer_id").set_index("customer_id")["ID"]
    theirs = pd.read_csv(installed_file("lifetimes", f"lifetimes/datasets/{file}"))
    both = summary.assign(ID=summary["customer_id"].map(number)).merge(theirs, on="ID", suffixes=("", "_published"))
    assert len(both) == len(theirs) == len(summary) == 2357
    return both


def test_cdnow_table_matches_the_one_lifetimes_ships_from_fader_hardie_lee_2005(cdnow, each_way):
    summary = rfm_summary(cdnow, calibration_end="1997-09-30")
    both = beside_the_table_lifetimes_ships(summary, "cdnow_customers_summary.csv")
    assert (both["frequency"] == both["frequency_published"]).all()
    np.testing.assert_allclose(both["recency"], both["recency_published"], rtol=0, atol=0.00501)
    np.testing.assert_allclose(both["T"], both["T_published"], rtol=0, atol=0.00501)


def test_cdnow_mean_repeat_spend_matches_the_table_lifetimes_ships_from_fader_hardie_2013(cdnow, each_way):
    summary = rfm_summary(cdnow, calibration_end="1997-09-30")
    both = beside_the_table_lifetimes_ships(summary, "cdnow_customers_summary_with_transactions.csv")
    assert (both["frequency"] == both["x"]).all()
    np.testing.assert_allclose(both["monetary_value"], both["zbar"], rtol=0, atol=0.00501)


def test_repeat_spend_matches_fader_hardie_lee_2005_rfm_and_clv(cdnow, each_way):
    summary = rfm_summary(cdnow, calibration_end="1997-09-30")
    spend = summary.loc[summary["frequency"] > 0, "monetary_value"]
    statistics = [len(spend), spend.mean(), spend.std(), spend.min(), spend.median(), spend.max()]
    np.testing.assert_allclose(statistics, [946, 35, 30, 3, 27, 300], atol=0.5)
    np.testing.assert_allclose(statistics, [946, 35.08, 30.28, 2.99, 27.50, 299.63], atol=0.005)


def test_age_of_a_customer_of_the_first_day_is_272_days_by_7(cdnow):
    assert rfm_summary(cdnow, calibration_end="1997-09-30")["T"].max() == 272 / 7


def test_cdnow_holdout_of_39_weeks(cdnow, each_way):
    summary = rfm_summary(cdnow, calibration_end="1997-09-30", holdout_end="1998-06-30")
    assert set(summary["holdout_days"]) == {273.0}
    late = cdnow[cdnow["timestamp"] >= "1997-10-01"]
    assert summary["holdout_amount"].sum() == pytest.approx(late["amount"].sum())
    assert summary["holdout_frequency"].sum() == len(late.drop_duplicates(["customer_id", "timestamp"]))
    without = rfm_summary(cdnow, calibration_end="1997-09-30")
    pd.testing.assert_frame_equal(summary.drop(columns=HOLDOUT), without)


# --- definitions ------------------------------------------------------------------------------------------------------

LINES = st.lists(
    st.tuples(
        st.integers(0, 3),  # customer
        st.integers(0, 9),  # day
        st.integers(0, 86_399),  # second of the day
        st.sampled_from([-7.25, -1.0, 0.0, 0.5, 3.1, 20.0]),
    ),
    min_size=1,
    max_size=40,
)


@settings(deadline=None, max_examples=150)
@given(LINES, st.data(), st.sampled_from([("D", 1.0), ("W", 7.0), ("M", 365 / 12), ("Y", 365.0)]))
def test_every_way_equals_the_naive_computation(drawn, data, unit):
    start = pd.Timestamp("1969-12-28")  # across the epoch, where integer division of times is easily wrong
    lines = pd.DataFrame(drawn, columns=["customer_id", "day", "second", "amount"])
    lines["timestamp"] = start + pd.to_timedelta(lines["day"], unit="D") + pd.to_timedelta(lines["second"], unit="s")
    first, last = lines["timestamp"].min().normalize(), lines["timestamp"].max().normalize()
    cut = first + pd.Timedelta(days=data.draw(st.integers(1, (last - first).days + 1)))
    holdout_days = (last - cut).days + 1
    end = cut + pd.Timedelta(days=data.draw(st.integers(1, holdout_days))) if holdout_days else None
    expected = naive(lines, cut=cut, end=end or cut, unit=unit[1])
    if end is None:
        expected = expected.drop(columns=HOLDOUT)
    for text in (False, True):
        frame, want = lines[["customer_id", "timestamp", "amount"]], expected
        if text:
            frame = frame.assign(customer_id=frame["customer_id"].map("C-{:09d}".format))
            want = want.assign(customer_id=pd.Series(want["customer_id"].map("C-{:09d}".format), dtype="str"))
        for name in WAYS:
            for log in (frame, frame.sort_values("timestamp", kind="stable")):
                with way(name):
                    if not len(want):
                        with pytest.raises(ValueError, match="is a purchase"):
                            rfm_summary(log, calibration_end=cut, holdout_end=end, time_unit=unit[0])
                        continue
                    found = rfm_summary(log, calibration_end=cut, holdout_end=end, time_unit=unit[0])
                pd.testing.assert_frame_equal(found, want, check_dtype=text, rtol=1e-12, atol=1e-12)


def test_a_day_of_returns_is_no_purchase_and_a_return_before_the_first_purchase_does_not_count(each_way):
    days = pd.to_datetime(["2024-01-01", "2024-01-02", "2024-01-03", "2024-01-03", "2024-01-05", "2024-01-06"])
    lines = pd.DataFrame({"customer_id": "a", "timestamp": days, "amount": [-50.0, 10.0, 8.0, -3.0, -1.0, 0.0]})
    summary = rfm_summary(lines, calibration_end="2024-01-06", time_unit="D").loc[0]
    assert summary[["frequency", "recency", "T"]].tolist() == [2, 4, 4]
    assert summary["monetary_value"] == (8 - 3 - 1 + 0) / 2


def test_monetary_value_may_be_negative_net_of_returns(each_way):
    days = pd.to_datetime(["2024-01-01", "2024-01-02", "2024-01-03"])
    lines = pd.DataFrame({"customer_id": "a", "timestamp": days, "amount": [10.0, 5.0, -9.0]})
    assert rfm_summary(lines, calibration_end="2024-01-03")["monetary_value"].tolist() == [-4.0]


def test_who_only_returned_or_came_after_the_cut_is_not_a_customer_of_calibration(each_way):
    days = pd.to_datetime(["2024-01-01", "2024-01-02", "2024-01-09"])
    lines = pd.DataFrame({"customer_id": [*"abc"], "timestamp": days, "amount": [1.0, -1.0, 1.0]})
    summary = rfm_summary(lines, calibration_end="2024-01-05", holdout_end="2024-01-09")
    assert summary["customer_id"].tolist() == ["a"]
    assert summary[HOLDOUT].to_numpy().tolist() == [[0.0, 0.0, 4.0]]


def test_a_holdout_without_any_line_is_zeros(each_way):
    days = pd.to_datetime(["2024-01-01", "2024-01-02", "2024-01-30"])
    lines = pd.DataFrame({"customer_id": [*"abb"], "timestamp": days, "amount": 1.0})
    summary = rfm_summary(lines, calibration_end="2024-01-03", holdout_end="2024-01-20")
    assert summary[HOLDOUT].to_numpy().tolist() == [[0, 0, 17], [0, 0, 17]]


def test_the_order_of_the_lines_does_not_matter(cdnow, each_way):
    periods = {"calibration_end": "1997-09-30", "holdout_end": "1998-03-31"}
    expected = rfm_summary(cdnow, **periods)
    pd.testing.assert_frame_equal(rfm_summary(shuffled(cdnow), **periods), expected, rtol=1e-13)
    by_customer = cdnow.sort_values(["customer_id", "timestamp"], ascending=False)
    pd.testing.assert_frame_equal(rfm_summary(by_customer, **periods), expected, rtol=1e-13)


@pytest.mark.parametrize("holdout_end", [None, "1998-06-30", "1998-03-31"])
def test_the_ways_give_the_same_table(cdnow, holdout_end):
    for lines in (cdnow, shuffled(cdnow)):
        tables = []
        for name in WAYS:
            with way(name):
                tables.append(rfm_summary(lines, calibration_end="1997-09-30", holdout_end=holdout_end))
        pd.testing.assert_frame_equal(*tables, rtol=1e-13)


def test_a_log_of_a_million_lines_takes_the_compiled_way_by_itself(monkeypatch):
    n = _passes.COMPILED_FROM
    days = np.datetime64("2024-01-01", "s") + np.arange(n) * 60
    lines = pd.DataFrame({"customer_id": np.arange(n) % 1_000, "timestamp": days, "amount": 1.0})
    found = rfm_summary(lines, calibration_end="2025-06-30")
    monkeypatch.setattr(_passes, "COMPILED_FROM", n + 1)
    pd.testing.assert_frame_equal(found, rfm_summary(lines, calibration_end="2025-06-30"), rtol=1e-13)
    monkeypatch.setattr(_passes, "matrix_pass", None)
    monkeypatch.setattr(_passes, "COMPILED_FROM", n)
    assert len(rfm_summary(lines, calibration_end="2025-06-30")) == 1_000


def test_a_log_of_more_days_than_a_kernel_counts_takes_the_matrix():
    days = np.array(["1800-01-01", "1990-06-01", "2023-12-31"], "datetime64[s]")
    lines = pd.DataFrame({"customer_id": "a", "timestamp": days, "amount": 1.0})
    with way("compiled"):
        assert rfm_summary(lines, calibration_end="2023-12-31", time_unit="D").loc[0, "T"] == 81_813


# --- the end of a period ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "end",
    [
        "1997-09-30",
        "19970930",
        "1997-09",
        dt.date(1997, 9, 30),
        np.datetime64("1997-09-30"),
        pd.Period("1997-09-30"),
        pd.Timestamp("1997-10-01"),
        dt.datetime(1997, 10, 1),
        "1997-10-01 00:00",
        np.datetime64("1997-10-01T00:00"),
    ],
    ids=repr,
)
def test_a_date_is_the_last_whole_day_and_a_moment_is_the_cut(cdnow, end):
    expected = rfm_summary(cdnow, calibration_end="1997-09-30", holdout_end="1998-06-30")
    pd.testing.assert_frame_equal(rfm_summary(cdnow, calibration_end=end, holdout_end="1998-06-30"), expected)


def test_a_moment_within_a_day_is_refused_with_both_ways_out(cdnow):
    with pytest.raises(ValueError, match=r"lies within a day.*'1997-09-30'.*pd.Timestamp\('1997-09-30'\)"):
        rfm_summary(cdnow, calibration_end=pd.Timestamp("1997-09-30 12:00"))


@pytest.mark.parametrize("end", ["soon", "", None, 19970930, pd.NaT])
def test_what_is_no_date_is_refused_with_an_example(cdnow, end):
    with pytest.raises(ValueError, match="is no date; write calibration_end='1997-09-30'"):
        rfm_summary(cdnow, calibration_end=end)


@pytest.mark.parametrize(
    ("end", "message"),
    [
        ("1996-12-31", "before the first line; the log covers 1997-01-01 to 1998-06-30"),
        (pd.Timestamp("1997-01-01"), "before the first line"),
        ("1998-07-01", "after the last line.*covers 1997-01-01 to 1998-06-30.*Take '1998-06-30'"),
        (pd.Timestamp("1998-07-02"), "after the last line"),
    ],
    ids=repr,
)
def test_a_calibration_end_outside_the_log_is_refused_with_what_it_covers(cdnow, end, message):
    with pytest.raises(ValueError, match=message):
        rfm_summary(cdnow, calibration_end=end)


@pytest.mark.parametrize(
    ("end", "message"),
    [("1997-09-30", "Choose a later holdout_end"), ("1998-07-01", "after the last line.*Take '1998-06-30'")],
)
def test_a_holdout_end_outside_what_is_left_of_the_log_is_refused(cdnow, end, message):
    with pytest.raises(ValueError, match=message):
        rfm_summary(cdnow, calibration_end="1997-09-30", holdout_end=end)


def test_days_are_those_of_the_logs_time_zone(each_way):
    moments = pd.to_datetime(["2024-01-01 23:30", "2024-01-02 00:30", "2024-01-03 12:00"]).tz_localize("Europe/Berlin")
    lines = pd.DataFrame({"customer_id": "a", "timestamp": moments, "amount": 1.0})
    summary = rfm_summary(lines, calibration_end="2024-01-03", time_unit="D")
    assert summary.loc[0, ["frequency", "recency"]].tolist() == [2, 2]
    cut = pd.Timestamp("2024-01-04", tz="Europe/Berlin")
    pd.testing.assert_frame_equal(rfm_summary(lines, calibration_end=cut, time_unit="D"), summary)
    pd.testing.assert_frame_equal(
        rfm_summary(pa.Table.from_pandas(lines), calibration_end=cut, time_unit="D"), summary, check_dtype=False
    )
    in_utc = lines.assign(timestamp=lines["timestamp"].dt.tz_convert("UTC"))
    assert rfm_summary(in_utc, calibration_end="2024-01-03", time_unit="D").loc[0, "frequency"] == 1
    with pytest.raises(ValueError, match="time zone UTC, and the log's days are those of Europe/Berlin"):
        rfm_summary(lines, calibration_end=pd.Timestamp("2024-01-04", tz="UTC"))


# --- any frame, any id ------------------------------------------------------------------------------------------------


def test_the_table_has_the_houses_columns(cdnow):
    summary = rfm_summary(cdnow, calibration_end="1997-09-30", holdout_end="1998-06-30")
    names = ["customer_id", "frequency", "recency", "T", "monetary_value", "time_unit_days", *HOLDOUT]
    assert summary.columns.tolist() == names
    assert str(summary["customer_id"].dtype) == "str"
    assert {str(dtype) for dtype in summary.dtypes.iloc[1:]} == {"float64"}
    assert isinstance(summary.index, pd.RangeIndex)
    assert set(summary["time_unit_days"]) == {7.0}
    summary.loc[0, "frequency"] = 5.0  # the table is the caller's: nothing in it is shared or read only
    summary.loc[0, "customer_id"] = "x"


def test_the_log_is_not_changed(cdnow, each_way):
    lines = shuffled(cdnow)
    before = lines.copy(deep=True)
    rfm_summary(lines, calibration_end="1997-09-30", holdout_end="1998-06-30")
    pd.testing.assert_frame_equal(lines, before)


def frames(lines):
    table = pa.Table.from_pandas(lines[["customer_id", "timestamp", "amount"]], preserve_index=False)
    yield "arrow", table
    yield "arrow in pieces", pa.concat_tables([table.slice(0, 100), table.slice(100)])
    yield (
        "arrow dates, text views, dictionary",
        table.set_column(1, "timestamp", table["timestamp"].cast(pa.date32())).set_column(
            0, "customer_id", table["customer_id"].dictionary_encode()
        ),
    )
    yield (
        "arrow text views, decimals",
        table.set_column(0, "customer_id", table["customer_id"].cast(pa.string_view())).set_column(
            2, "amount", pa.chunked_array([[round(100 * value) for value in table["amount"].to_pylist()]])
        ),
    )
    yield "pandas on arrow", table.to_pandas(types_mapper=pd.ArrowDtype)
    yield "nanoseconds", lines.assign(timestamp=lines["timestamp"].astype("datetime64[ns]"))
    yield "object dates and ids", lines.assign(
        timestamp=lines["timestamp"].dt.date.astype(object), customer_id=lines["customer_id"].astype(object)
    )
    yield "categories", lines.assign(customer_id=lines["customer_id"].astype("category"))
    yield "another index", lines.set_index(np.arange(len(lines)) * 3)
    yield "float32", lines.assign(amount=lines["amount"].astype("float32"))


def test_any_frame_gives_the_same_table(cdnow, each_way):
    periods = {"calibration_end": "1997-09-30", "holdout_end": "1998-06-30"}
    expected = rfm_summary(cdnow, **periods)
    for name, frame in frames(cdnow):
        found = rfm_summary(frame, **periods)
        if "decimals" in name:
            found[["monetary_value", "holdout_amount"]] /= 100
        found["customer_id"] = found["customer_id"].astype("str")
        rtol = 1e-6 if name == "float32" else 1e-13
        pd.testing.assert_frame_equal(found, expected, rtol=rtol, obj=name)


def test_polars_frames_also_lazy_ones_give_the_same_table(cdnow, each_way):
    polars = pytest.importorskip("polars")
    frame = polars.from_pandas(cdnow[["customer_id", "timestamp", "amount"]])
    expected = rfm_summary(cdnow, calibration_end="1997-09-30")
    for lines in (frame, frame.lazy()):
        pd.testing.assert_frame_equal(rfm_summary(lines, calibration_end="1997-09-30"), expected)


@pytest.mark.parametrize(
    "ids",
    [
        np.array([5, 5, -3, 2_000_000_000], np.int64),
        np.array([7, 7, 1, 3], np.int8),
        np.array([2**63, 2**63, 1, 5], np.uint64),
        np.array([10**18, 10**18, -(10**18), 0]),
        pd.array([3, 3, 1, 2], dtype="Int64"),
        np.array([1.5, 1.5, -0.5, 0.25]),
        ["b", "b", "B", "é"],
        ["10", "10", "9", "1"],
        ["", "", "a", "aa"],
        ["a-very-long-customer-number-1", "a-very-long-customer-number-1", "a", "b"],
        pd.Categorical(["x", "x", "z", "y"], categories=["unused", "z", "y", "x"]),
        pd.Categorical([3, 3, 1, 2]),
        np.array([True, True, False, False]),
        pd.to_datetime(["2024-01-02", "2024-01-02", "2024-01-01", "2023-01-01"]),
    ],
    ids=repr,
)
def test_ids_of_any_kind_come_back_as_they_are_in_their_order(ids, each_way):
    days = pd.to_datetime(["2024-01-01", "2024-01-02", "2024-01-02", "2024-01-03"])
    lines = pd.DataFrame({"customer_id": ids, "timestamp": days, "amount": 1.0})
    summary = rfm_summary(lines, calibration_end="2024-01-03")
    expected = sorted(set(np.asarray(lines["customer_id"]).tolist()))
    assert np.asarray(summary["customer_id"]).tolist() == expected
    assert summary["frequency"].sum() == len(lines) - len(expected)
    assert summary["customer_id"].dtype.kind == np.asarray(lines["customer_id"]).dtype.kind


@pytest.mark.parametrize("spread", [1, 30, 10**6])
def test_integer_ids_close_together_or_far_apart_give_the_same_table(spread, each_way):
    rng = np.random.default_rng(1)
    ids = rng.integers(0, 3_000, 10_000)
    days = np.datetime64("2024-01-01", "s") + np.arange(10_000) * 3_600
    lines = pd.DataFrame({"customer_id": ids, "timestamp": days, "amount": rng.integers(0, 50, 10_000) / 4})
    expected = rfm_summary(lines, calibration_end="2025-02-15")
    found = rfm_summary(lines.assign(customer_id=ids * spread - 77), calibration_end="2025-02-15")
    assert (found["customer_id"] == expected["customer_id"] * spread - 77).all()
    pd.testing.assert_frame_equal(found.iloc[:, 1:], expected.iloc[:, 1:])


TEXTS = st.one_of(
    st.lists(st.integers(0, 400).map("C{:06d}".format), min_size=4, max_size=60),
    st.lists(st.integers(0, 400).map("customer-{}".format), min_size=4, max_size=60),
    st.lists(st.text(alphabet="aZ09é\0", min_size=1, max_size=4), min_size=8, max_size=60),
    st.lists(st.integers(0, 2**32 - 1).map("{:08x}".format), min_size=4, max_size=60),
)


@settings(deadline=None, max_examples=200)
@given(TEXTS, st.integers(0, 3), st.booleans())
def test_short_texts_are_coded_in_their_order_and_spelt_again(texts, offset, threaded):
    before = _texts.THREADED_FROM
    _texts.THREADED_FROM = 0 if threaded else before
    coded = short_texts(pa.array(["head"] * offset + texts, pa.large_string())[offset:])
    _texts.THREADED_FROM = before
    if coded is None:
        # what ends in a zero byte is what a shorter text looks like, and less than eight bytes are not read at once
        assert any(text.endswith("\0") for text in texts) or sum(len(text.encode()) for text in texts) < 8
        return
    codes, n, spelt = coded
    there = np.unique(codes)
    assert there.min() >= 0
    assert there.max() < n
    assert spelt(there).to_pylist() == sorted(set(texts), key=str.encode)
    assert spelt(codes).to_pylist() == texts


def test_texts_that_are_too_long_or_unlike_are_left_to_the_general_way():
    for texts in (["a" * 20, "b" * 20], ["", "aaaaaaaaa"], ["aaaaaaaaaaaa1"] * 2_000 + ["bbbbbbbbbbbb1"]):
        assert short_texts(pa.array(texts, pa.large_string())) is None


# --- what is refused --------------------------------------------------------------------------------------------------


def log(**changes):
    days = pd.to_datetime(["2024-01-01", "2024-01-15", "2024-01-29"])
    return pd.DataFrame({"customer_id": [*"aab"], "timestamp": days, "amount": [9.0, 20.0, 10.0]} | changes)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (log().drop(columns="amount"), "no column amount, but customer_id, timestamp; read it with"),
        (log().iloc[:0], "no lines"),
        (log(customer_id=["a", None, "b"]), "customer_id is missing in 1 of 3 lines.*position 1"),
        (log(customer_id=[1.0, np.nan, np.nan]), "customer_id is missing in 2 of 3 lines"),
        (log(customer_id=pd.array([1, None, 2], dtype="Int64")), "customer_id is missing in 1 of 3 lines"),
        (log(customer_id=pd.Categorical(["a", None, "b"])), "customer_id is missing in 1 of 3 lines"),
        (log(amount=[1.0, np.nan, 2.0]), "amount is missing or infinite in 1 of 3 lines.*position 1"),
        (log(amount=[1.0, np.inf, -np.inf]), "amount is missing or infinite in 2 of 3 lines"),
        (log(amount=pd.array([1, None, 2], dtype="Int64")), "amount is missing or infinite in 1 of 3 lines"),
        (log(amount=["1", "2", "3"]), "amount holds .*string, not numbers"),
        (log(timestamp=pd.to_datetime(["2024-01-01", None, "2024-01-29"])), "timestamp is missing in 1 of 3 lines"),
        (log(timestamp=[None, None, None]), "timestamp is missing in 3 of 3 lines"),
        (log(timestamp=["2024-01-01", "2024-01-15", "2024-01-29"]), "timestamp holds .*string, not times"),
        (log(amount=[-1.0, -2.0, -3.0]), "none of the lines up to 2024-01-29 is a purchase"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_log_that_cannot_be_summarised_is_refused_with_count_and_remedy(lines, message, each_way):
    with pytest.raises(ValueError, match=message):
        rfm_summary(lines, calibration_end="2024-01-29")
    if len(lines.columns) == 3 and len(lines) and isinstance(lines["amount"].iloc[0], float):
        with pytest.raises(ValueError, match=message):
            rfm_summary(pa.Table.from_pandas(lines, preserve_index=False), calibration_end="2024-01-29")


def test_an_unknown_time_unit_is_refused():
    with pytest.raises(ValueError, match="time_unit must be one of 'D', 'W', 'M', 'Y', not 'weeks'"):
        rfm_summary(log(), calibration_end="2024-01-29", time_unit="weeks")


# --- what it costs to begin -------------------------------------------------------------------------------------------


def test_neither_the_import_nor_a_small_log_loads_numba():
    code = """
import sys
import clvlib.rfm
from clvlib.datasets import load_cdnow
before = [name for name in ("numba", "scipy.sparse", "narwhals", "tensorflow", "matplotlib", "sklearn")
          if name in sys.modules]
clvlib.rfm.rfm_summary(load_cdnow().lines, calibration_end="1997-09-30")
print(before, "numba" in sys.modules, "narwhals" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[] False False"
