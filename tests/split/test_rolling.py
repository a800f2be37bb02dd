"""The race: what a contender can know, who is judged on what, and what becomes of one that fails."""

import warnings

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from clvlib.datasets import load
from clvlib.split import backtest, rolling_origins
from clvlib.value import BetaGeoModel, BuyTillYouDie, GammaGammaModel


@pytest.fixture
def lines():
    """Sixty days; customers a to d buy every few days, e returns a thing and never buys."""
    rng = np.random.default_rng(0)
    days = np.sort(rng.integers(0, 60, size=80))
    log = pd.DataFrame(
        {
            "customer_id": pd.array(rng.choice(list("abcd"), size=80), dtype="str"),
            "timestamp": pd.Timestamp("2024-01-01") + pd.to_timedelta(days * 24 + 9, unit="h"),
            "amount": rng.gamma(2.0, 10.0, size=80).round(2),
        }
    )
    log.loc[79, "timestamp"] = pd.Timestamp("2024-02-29 10:00")
    refund = pd.DataFrame({"customer_id": ["e"], "timestamp": [pd.Timestamp("2024-01-03")], "amount": [-5.0]})
    return pd.concat([log, refund], ignore_index=True)


class Share:
    """Says what each customer spent before the cut; keeps what it was given for the test to look at."""

    def __init__(self):
        self.given = []

    def fit_predict(self, calibration, *, cut, horizon_days):
        self.given.append(calibration)
        bought = calibration[calibration["amount"] >= 0]
        return bought.groupby("customer_id", observed=True)["amount"].sum().rename("expected_amount").reset_index()


class Says:
    """Returns what the test wants."""

    def __init__(self, change):
        self.change = change

    def fit_predict(self, calibration, *, cut, horizon_days):
        return self.change(Share().fit_predict(calibration, cut=cut, horizon_days=horizon_days))


def _race(models, lines, **options):
    return backtest(models, lines, origins=["2024-02-01", "2024-02-10"], horizon_days=15, **options)


def test_a_contender_holds_nothing_of_the_cut_or_later(lines):
    on_the_cut = pd.DataFrame({"customer_id": ["a"], "timestamp": [pd.Timestamp("2024-02-01")], "amount": [999.0]})
    spy = Share()
    _race({"spy": spy}, pd.concat([lines, on_the_cut], ignore_index=True))
    first, second = spy.given
    assert first["timestamp"].max() < pd.Timestamp("2024-02-01") <= second["timestamp"].max()
    assert second["timestamp"].max() < pd.Timestamp("2024-02-10")
    assert len(first) == (lines["timestamp"] < "2024-02-01").sum()


def test_a_cheat_finds_no_trace_of_later_lines_in_what_it_is_given(lines):
    """It looks where a slice of a log remembers the rest: index, memory, categories, attrs."""
    late = pd.DataFrame({"customer_id": ["z"], "timestamp": [pd.Timestamp("2024-02-28")], "amount": [77777.0]})
    log = pd.concat([late, lines], ignore_index=True).astype({"customer_id": "category"})
    log.attrs["all"] = log.copy()
    spy = Share()
    race = _race({"spy": spy}, log)
    assert not race.runs["failed"].any()
    for calibration in spy.given:
        assert calibration.attrs == {}
        assert calibration.index.equals(pd.RangeIndex(len(calibration)))
        assert not isinstance(calibration["customer_id"].dtype, pd.CategoricalDtype)
        assert "z" not in set(calibration["customer_id"])
        memory = calibration["amount"].to_numpy()
        while memory is not None:
            assert 77777.0 not in np.asarray(memory)
            memory = getattr(memory, "base", None)


def test_what_happens_after_the_cut_cannot_change_a_prediction(lines):
    changed = lines.copy()
    later = changed["timestamp"] >= "2024-02-10"
    changed.loc[later, "amount"] = changed.loc[later, "amount"] * 100 + 1
    one, two = (_race({"share": Share()}, log).predictions for log in (lines, changed))
    pd.testing.assert_series_equal(one["expected_amount"], two["expected_amount"])
    assert not one["holdout_amount"].equals(two["holdout_amount"])


def test_what_one_contender_does_to_its_lines_does_not_reach_the_next(lines):
    class Vandal(Share):
        def fit_predict(self, calibration, *, cut, horizon_days):
            told = super().fit_predict(calibration, cut=cut, horizon_days=horizon_days)
            calibration.loc[:, "amount"] = 0.0
            calibration.drop(calibration.index, inplace=True)
            return told

    before = lines.copy()
    table = _race({"vandal": Vandal(), "share": Share()}, lines).predictions
    pd.testing.assert_frame_equal(lines, before)
    first, second = (table[table["model"] == name]["expected_amount"].to_numpy() for name in ("vandal", "share"))
    np.testing.assert_array_equal(first, second)


def test_origins_run_in_order_of_time_so_that_nothing_learnt_later_is_carried_back(lines):
    spy = Share()
    backtest({"spy": spy}, lines, origins=["2024-02-10", "2024-01-20", "2024-02-01"], horizon_days=15)
    ends = [given["timestamp"].max() for given in spy.given]
    assert ends == sorted(ends)


def test_all_are_judged_on_the_same_customers_and_money(lines):
    race = _race({"one": Share(), "two": Says(lambda told: told.iloc[::-1].assign(expected_amount=1.0))}, lines)
    table = race.predictions
    assert table.columns.tolist() == [
        *("origin", "model", "customer_id", "expected_amount", "expected_purchases", "amount_p05", "amount_p95"),
        *("holdout_amount", "holdout_frequency"),
    ]
    assert len(table) == 2 * 2 * 4, "who only returned something is no customer to forecast"
    for _, origin in table.groupby("origin"):
        one, two = (part.reset_index(drop=True) for _, part in origin.groupby("model"))
        shared = ["customer_id", "holdout_amount", "holdout_frequency"]
        pd.testing.assert_frame_equal(one[shared], two[shared])
    cut, end = pd.Timestamp("2024-02-01"), pd.Timestamp("2024-02-16")
    inside = lines[(lines["timestamp"] >= cut) & (lines["timestamp"] < end)]
    first = table[(table["origin"] == cut) & (table["model"] == "one")].set_index("customer_id")
    for customer, own in inside.groupby("customer_id"):
        assert first.loc[customer, "holdout_amount"] == pytest.approx(own["amount"].sum())
        assert first.loc[customer, "holdout_frequency"] == own["timestamp"].dt.date.nunique()


def test_returns_in_the_holdout_are_deducted_and_are_no_purchase_day(lines):
    back = pd.DataFrame({"customer_id": ["a"], "timestamp": [pd.Timestamp("2024-02-03 08:00")], "amount": [-20.0]})
    plain, netted = (_race({"share": Share()}, log).predictions for log in (lines, pd.concat([lines, back])))
    a = plain["customer_id"].eq("a") & plain["origin"].eq(pd.Timestamp("2024-02-01"))
    assert netted.loc[a, "holdout_amount"].item() == pytest.approx(plain.loc[a, "holdout_amount"].item() - 20)
    assert netted.loc[a, "holdout_frequency"].item() == plain.loc[a, "holdout_frequency"].item()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda told: told.iloc[1:], "no prediction for 1 of the 4 customers"),
        (lambda told: told.assign(expected_amount=np.nan), "expected_amount is NaN or infinite for 4 of 4"),
        (lambda told: told.assign(amount_p95=np.inf), "amount_p95 is NaN or infinite"),
        (lambda told: told.drop(columns="expected_amount"), "no column expected_amount"),
        (lambda told: pd.concat([told, told.iloc[:1]]), "5 rows for 4 customers"),
        (lambda told: told.assign(customer_id=["a", "b", "c", "nobody"]), "no prediction for 1 of the 4"),
        (lambda told: 1 / 0, "ZeroDivisionError: division by zero"),
    ],
)
def test_a_contender_that_fails_is_recorded_with_its_reason_and_the_others_go_on(lines, change, reason):
    race = _race({"broken": Says(change), "share": Share()}, lines)
    failed = race.runs.set_index("model")["failed"]
    assert failed["broken"].all()
    assert not failed["share"].any()
    assert race.runs.loc[race.runs["failed"], "note"].str.contains(reason, regex=False).all()
    assert set(race.predictions["model"]) == {"share"}


def test_a_race_in_which_all_fail_has_no_predictions_but_its_reasons(lines):
    race = _race({"broken": Says(lambda told: 1 / 0)}, lines)
    assert race.predictions.empty
    assert race.runs["note"].str.startswith("ZeroDivisionError").all()


def test_warnings_and_notes_are_recorded_and_not_shown(lines):
    class Warns(Share):
        def fit_predict(self, calibration, *, cut, horizon_days):
            self.notes_ = ["2 left out"]
            for _ in range(3):
                warnings.warn("b runs away", UserWarning, stacklevel=1)
            return super().fit_predict(calibration, cut=cut, horizon_days=horizon_days)

    race = _race({"warns": Warns()}, lines)
    assert race.runs["note"].tolist() == ["2 left out · b runs away"] * 2
    assert (race.runs["seconds"] > 0).all()
    assert (race.runs["cpu_seconds"] >= 0).all()


def test_a_failure_is_not_excused_by_the_notes_of_an_earlier_origin(lines):
    class FailsLater(Share):
        notes_ = ("calm",)

        def fit_predict(self, calibration, *, cut, horizon_days):
            if cut > pd.Timestamp("2024-02-01"):
                raise RuntimeError("too much")
            return super().fit_predict(calibration, cut=cut, horizon_days=horizon_days)

    runs = _race({"m": FailsLater()}, lines).runs
    assert runs["failed"].tolist() == [False, True]
    assert runs["note"].iloc[1].startswith("RuntimeError: too much")


@pytest.mark.parametrize(
    ("origins", "horizon_days", "reason"),
    [
        (["2024-02-20"], 15, "A holdout of 15 days from 2024-02-20 ends after the log.*leaves room for is 2024-02-15"),
        (["2024-02-01 09:00"], 5, "not a midnight.*use 2024-02-01"),
        (["2024-02-01", "2024-02-01"], 5, "1 of 2 origins are given twice"),
        (["2023-12-01"], 5, "Nobody bought before 2023-12-01"),
        ([], 5, "origins is empty"),
        (["2024-02-01"], 0, "horizon_days must be at least 1"),
    ],
)
def test_an_impossible_protocol_is_refused(lines, origins, horizon_days, reason):
    with pytest.raises(ValueError, match=reason):
        backtest({"share": Share()}, lines, origins=origins, horizon_days=horizon_days)


def test_a_holdout_without_a_purchase_is_refused(lines):
    quiet = lines[(lines["timestamp"] < "2024-02-01") | (lines["timestamp"] >= "2024-02-20")]
    with pytest.raises(ValueError, match="None of the 4 customers known at 2024-02-01 spent anything in the 10 days"):
        backtest({"share": Share()}, quiet, origins=["2024-02-01"], horizon_days=10)


def test_an_empty_log_is_refused(lines):
    with pytest.raises(ValueError, match="no lines"):
        backtest({"share": Share()}, lines.iloc[:0], origins=["2024-02-01"], horizon_days=10)


def test_origins_leave_whole_holdouts(lines):
    origins = rolling_origins(lines, n_origins=3, horizon_days=10, step_days=10)
    assert [str(origin.date()) for origin in origins] == ["2024-01-31", "2024-02-10", "2024-02-20"]
    assert backtest({"s": Share()}, lines, origins=origins, horizon_days=10).runs["origin"].nunique() == 3
    with pytest.raises(ValueError, match=r"3 origins 30 days apart.*Use fewer origins"):
        rolling_origins(lines, n_origins=3, horizon_days=10, step_days=30)
    with pytest.raises(ValueError, match="step_days must be at least 1"):
        rolling_origins(lines, n_origins=3, horizon_days=10, step_days=0)


def test_the_cohort_of_fader_hardie_lee_2005_comes_out_of_the_race():
    """39 weeks from 1997-10-01: the holdout's purchase days of 2,357 customers as in their frequency bins."""
    race = backtest({"share": Share()}, load("cdnow").lines, origins=["1997-10-01"], horizon_days=273)
    assert len(race.predictions) == 2357
    # sum over bins of customers times printed mean purchases, each rounded to three digits
    printed = np.dot([1411, 439, 214, 100, 62, 38, 29, 64], [0.237, 0.697, 1.393, 1.56, 2.532, 2.947, 3.862, 6.359])
    assert race.predictions["holdout_frequency"].sum() == pytest.approx(printed, abs=2357 * 0.0005)


def test_a_bar_is_drawn_on_terminals_only(lines, capsys, monkeypatch):
    _race({"share": Share()}, lines, progress=True)
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    _race({"share": Share()}, lines, progress=True)
    assert capsys.readouterr().out == ""


# --- at the door ------------------------------------------------------------------------------------------------------


def _with(lines, name, value, rows=(3, 7)):
    changed = lines.copy()
    changed.loc[list(rows), name] = value
    return changed


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda log: log.drop(columns=["amount"]), "no column amount, but customer_id, timestamp; .*read_transactions"),
        (lambda log: log[["amount"]], "no column customer_id and no column timestamp, but amount"),
        (lambda log: pd.concat([log, log[["amount"]]], axis=1), "more than one column amount; drop or rename"),
        (lambda log: log.astype({"timestamp": "str"}), r"timestamp holds str, not times, in 81 lines.*pd\.to_datetime"),
        (lambda log: log.astype({"timestamp": pd.ArrowDtype(pa.date32())}), "timestamp holds date32.*, not times"),
        (lambda log: log.astype({"amount": "str"}), r"amount holds str, not numbers, in 81 lines.*pd\.to_numeric"),
        (lambda log: log.assign(amount=True), "amount holds bool, not numbers"),
        (
            lambda log: _with(log, "amount", np.nan),
            "amount is missing or infinite in 2 of 81 lines.* position 3; .*apart",
        ),
        (lambda log: _with(log, "amount", -np.inf), "amount is missing or infinite in 2 of 81 lines.* position 3"),
        (
            lambda log: _with(log.astype({"amount": "Float64"}), "amount", pd.NA),
            "amount is .* in 2 of 81 .* position 3",
        ),
        (lambda log: _with(log, "timestamp", pd.NaT), "timestamp is missing in 2 of 81 lines.* position 3; .*apart"),
        (lambda log: _with(log, "customer_id", None), "customer_id is missing in 2 of 81 lines.* position 3; .*apart"),
    ],
)
def test_a_log_that_cannot_be_judged_is_refused_with_column_count_and_remedy(lines, change, reason):
    spy = Share()
    with pytest.raises(ValueError, match=reason):
        _race({"spy": spy}, change(lines))
    assert not spy.given, "nobody runs before the door is closed"


@pytest.mark.parametrize("nothing", [None, [1, 2], "lines.csv", {"amount": [1.0]}])
def test_what_is_no_table_is_refused(nothing):
    with pytest.raises(TypeError, match=r"lines must be a table .*, not \w+; read the log with .*read_transactions"):
        _race({"share": Share()}, nothing)


def test_an_arrow_table_gives_the_same_race(lines):
    table = pa.Table.from_pandas(lines, preserve_index=False)
    pd.testing.assert_frame_equal(*(_race({"s": Share()}, log).predictions for log in (lines, table)))
    options = {"n_origins": 2, "horizon_days": 10, "step_days": 10}
    assert rolling_origins(table, **options).equals(rolling_origins(lines, **options))


def test_columns_of_arrow_type_give_the_same_race(lines):
    arrow = lines.convert_dtypes(dtype_backend="pyarrow")
    one, two = (_race({"s": Share()}, log).predictions for log in (lines, arrow))
    np.testing.assert_array_equal(one["holdout_amount"], two["holdout_amount"])
    np.testing.assert_array_equal(one["holdout_frequency"], two["holdout_frequency"])


@pytest.mark.parametrize("horizon_days", [10.5, 10.0, pd.Timedelta(days=10), True, "10", None, np.nan])
def test_a_horizon_that_is_no_whole_number_is_refused(lines, horizon_days):
    with pytest.raises(ValueError, match="horizon_days must be a whole number, as in horizon_days=91, not "):
        backtest({"share": Share()}, lines, origins=["2024-02-01"], horizon_days=horizon_days)
    with pytest.raises(ValueError, match="horizon_days must be a whole number"):
        rolling_origins(lines, n_origins=1, horizon_days=horizon_days, step_days=1)


def test_a_horizon_as_long_as_the_log_is_refused_and_a_numpy_integer_is_a_number(lines):
    for horizon_days in (61, 10**12):
        with pytest.raises(
            ValueError, match=f"A holdout of {horizon_days} days is no shorter than the log; the log covers"
        ):
            backtest({"share": Share()}, lines, origins=["2024-02-01"], horizon_days=horizon_days)
    race = backtest({"share": Share()}, lines, origins=["2024-02-01"], horizon_days=np.int64(15))
    assert type(race.horizon_days) is int


@pytest.mark.parametrize("one", ["2024-02-01", pd.Timestamp("2024-02-01"), np.datetime64("2024-02-01")])
def test_one_origin_on_its_own_is_a_list_of_one(lines, one):
    race = backtest({"share": Share()}, lines, origins=one, horizon_days=15)
    assert race.runs["origin"].tolist() == [pd.Timestamp("2024-02-01")]


@pytest.mark.parametrize("bad", ["soon", "2024-02-31", None, pd.NaT, 20240201, 1.5, True])
def test_an_origin_that_is_no_date_is_named(lines, bad):
    for origins in ([bad], bad, ["2024-02-01", bad]):
        with pytest.raises(ValueError, match=rf"The origin {bad!r} is no date.*write it as '1997-10-01'"):
            backtest({"share": Share()}, lines, origins=origins, horizon_days=15)


def test_origins_without_a_zone_are_midnights_of_the_zone_of_the_log(lines):
    log = lines.assign(timestamp=lines["timestamp"].dt.tz_localize("Europe/Berlin"))
    local, plain = _race({"share": Share()}, log), _race({"share": Share()}, lines)
    assert local.runs["origin"].tolist() == [origin.tz_localize("Europe/Berlin") for origin in plain.runs["origin"]]
    for column in ("customer_id", "expected_amount", "holdout_amount", "holdout_frequency"):
        pd.testing.assert_series_equal(local.predictions[column], plain.predictions[column])
    with pytest.raises(ValueError, match="time zone UTC, and the log's days are those of Europe/Berlin; write it as"):
        backtest({"s": Share()}, log, origins=[pd.Timestamp("2024-02-01", tz="UTC")], horizon_days=15)
    with pytest.raises(ValueError, match="those of a zone it does not state; write it as '2024-02-01'"):
        backtest({"s": Share()}, lines, origins=[pd.Timestamp("2024-02-01", tz="UTC")], horizon_days=15)


def test_a_holdout_over_the_change_of_clocks_has_whole_days():
    """In Berlin 2024-03-31 has 23 hours: ten days of 24 hours would end an hour into 2024-04-05."""
    stamps = pd.to_datetime(["2024-03-01 09:00", "2024-04-04 23:30", "2024-04-05 00:30", "2024-04-05 23:30"])
    plain = pd.DataFrame({"customer_id": "a", "timestamp": stamps, "amount": [1.0, 2.0, 4.0, 8.0]})
    local = plain.assign(timestamp=plain["timestamp"].dt.tz_localize("Europe/Berlin"))
    for log in (plain, local):
        race = backtest({"share": Share()}, log, origins="2024-03-26", horizon_days=10)
        assert race.predictions["holdout_amount"].tolist() == [2.0]
        late = log.assign(timestamp=log["timestamp"].where(log.index > 0, log["timestamp"] + pd.Timedelta(hours=14.5)))
        (origin,) = rolling_origins(late, n_origins=1, horizon_days=35, step_days=1)
        assert str(origin.date()) == "2024-03-02", "half an hour of the log lies before it"
        origins = rolling_origins(log, n_origins=2, horizon_days=10, step_days=5)
        assert origins.strftime("%Y-%m-%d %H:%M").tolist() == ["2024-03-22 00:00", "2024-03-27 00:00"]


@pytest.mark.parametrize(
    ("models", "error", "reason"),
    [
        ({}, ValueError, "models is empty; give one as in"),
        ([Share()], TypeError, r"models must be contenders by name, as in \{.*\}, not list$"),
        (Share(), TypeError, "models must be contenders by name.* not Share$"),
        (BetaGeoModel(), TypeError, r"not BetaGeoModel\. To race it, wrap .*BuyTillYouDie\(purchases=BetaGeoModel\(\)"),
        (
            {"s": Share(), "b": BetaGeoModel()},
            TypeError,
            r"1 of 2 models cannot fit_predict: 'b' \(BetaGeoModel\); wrap",
        ),
        ({"s": Share}, TypeError, r"'s' \(Share\): a class, not a model; call it"),
        (None, TypeError, "models must be contenders by name"),
    ],
)
def test_what_cannot_race_is_refused_before_anybody_runs(lines, models, error, reason):
    with pytest.raises(error, match=reason):
        _race(models, lines)


def test_the_remedy_for_a_bare_model_works(lines):
    with pytest.raises(TypeError) as refused:
        _race({"b": BetaGeoModel()}, lines)
    written = str(refused.value).split("clvlib.value.")[1]
    names = {one.__name__: one for one in (BuyTillYouDie, BetaGeoModel, GammaGammaModel)}
    wrapped = eval(written, {"__builtins__": {}}, names)
    assert callable(wrapped.fit_predict)
    assert isinstance(wrapped.purchases, BetaGeoModel)
    assert isinstance(wrapped.spend, GammaGammaModel)
