"""Whom two rules call lost, and how often each is wrong: against a loop, and with the truth of simulated buyers."""

import numpy as np
import pandas as pd
import pytest

from clvlib.customers import flag_table
from clvlib.datasets import load_cdnow, make_shop
from clvlib.metrics.intervals import wilson_interval
from clvlib.rfm import rfm_summary
from clvlib.value import BetaGeoModel, ModifiedBetaGeoModel

CUT = "1998-01-01"
NAMES = [
    *("threshold_days", "rule", "customers", "flagged", "false_alarms", "false_alarm_rate", "low", "high"),
    *("caught_share", "difference", "difference_low", "difference_high"),
]


@pytest.fixture(scope="module")
def lines():
    return load_cdnow().lines


@pytest.fixture(scope="module")
def alive(lines):
    """A stand-in for a model's column: more purchase days, more alive; everybody has another number."""
    days = lines[lines["timestamp"] < CUT].groupby("customer_id")["timestamp"].nunique()
    return pd.DataFrame({"customer_id": days.index, "probability_alive": days / 100 + np.arange(len(days)) / 1e6})


def test_both_rules_count_as_a_loop_does(lines, alive):
    table = flag_table(lines, alive, as_of=CUT, threshold_days=[240, 120], horizon_days=90)
    assert list(table.columns) == NAMES
    assert table["threshold_days"].tolist() == [120, 120, 240, 240]
    known = lines[lines["timestamp"] < CUT]
    later = lines[(lines["timestamp"] >= CUT) & (lines["timestamp"] < pd.Timestamp(CUT) + pd.Timedelta(days=90))]
    back = set(later["customer_id"])
    silent = (pd.Timestamp(CUT) - known.groupby("customer_id")["timestamp"].max()).dt.days
    for threshold, rows in table.groupby("threshold_days"):
        flagged = set(silent.index[silent >= threshold])
        lowest = set(alive.nsmallest(len(flagged), "probability_alive")["customer_id"])
        for row, who in zip(rows.itertuples(), (flagged, lowest), strict=True):
            assert (row.customers, row.flagged, row.false_alarms) == (len(silent), len(who), len(who & back))
            assert (row.low, row.high) == wilson_interval(len(who & back), len(who))
            stayed = set(silent.index) - back
            assert row.caught_share == pytest.approx(len(who & stayed) / len(stayed))
        difference = (len(lowest & back) - len(flagged & back)) / len(flagged)
        assert rows["difference"].tolist() == [0.0, pytest.approx(difference)]
        assert rows.iloc[1]["difference_low"] < difference < rows.iloc[1]["difference_high"]


def test_interval_of_the_difference_is_that_of_paired_resamples(lines, alive):
    row = flag_table(lines, alive, as_of=CUT, threshold_days=180, horizon_days=90).iloc[1]
    known = lines[lines["timestamp"] < CUT].groupby("customer_id")["timestamp"].max()
    later = lines[(lines["timestamp"] >= CUT) & (lines["timestamp"] < pd.Timestamp(CUT) + pd.Timedelta(days=90))]
    back = known.index.isin(later["customer_id"])
    silence = ((pd.Timestamp(CUT) - known).dt.days >= 180).to_numpy()
    rank = alive.set_index("customer_id").loc[known.index, "probability_alive"].rank().to_numpy()
    model = rank <= silence.sum()
    rng, drawn = np.random.default_rng(5), []
    for _ in range(400):
        pick = rng.integers(len(back), size=len(back))
        drawn.append(
            (back & model)[pick].sum() / model[pick].sum() - (back & silence)[pick].sum() / silence[pick].sum()
        )
    assert (row["difference_low"], row["difference_high"]) == pytest.approx(
        np.quantile(drawn, [0.025, 0.975]), abs=0.01
    )


def test_who_knows_the_truth_raises_fewer_false_alarms_than_silence():
    shop = make_shop(n_customers=1500, random_state=3)
    cut = pd.Timestamp("2024-07-01")
    truth = shop.tables["truth"]
    lost = truth["lost_on"] < cut
    # the probability of no purchase in the horizon is certain for the lost, and by the own rate for the others
    sure = np.where(lost, 0.0, 1 - np.exp(-truth["purchase_rate"] * 90))
    known = shop.lines[(shop.lines["timestamp"] < cut) & (shop.lines["amount"] >= 0)]["customer_id"]
    oracle = pd.DataFrame({"customer_id": truth["customer_id"], "probability_alive": sure})
    table = flag_table(shop.lines, oracle, as_of=cut, threshold_days=[60, 120], horizon_days=90)
    assert table["customers"].unique().tolist() == [known.nunique()]
    oracle_rows = table[table["rule"] == "probability_alive"]
    assert (oracle_rows["difference_high"] < 0).all()
    assert (oracle_rows["caught_share"].to_numpy() > table[table["rule"] == "silence"]["caught_share"].to_numpy()).all()


def test_customers_alike_at_the_edge_share_the_places(lines, alive):
    same = alive.assign(probability_alive=0.5)
    table = flag_table(lines, same, as_of=CUT, threshold_days=[90, 300], horizon_days=60)
    later = lines[(lines["timestamp"] >= CUT) & (lines["timestamp"] < "1998-03-02")]
    base = alive["customer_id"].isin(later["customer_id"]).mean()
    assert table.loc[table["rule"] == "probability_alive", "false_alarm_rate"].tolist() == pytest.approx([base, base])
    shuffled = same.sample(frac=1.0, random_state=1)  # nor does the order of the rows decide
    pd.testing.assert_frame_equal(
        table, flag_table(lines, shuffled, as_of=CUT, threshold_days=[90, 300], horizon_days=60)
    )


def test_nobody_and_everybody_flagged(lines, alive):
    table = flag_table(lines, alive, as_of=CUT, threshold_days=[1, 900], horizon_days=60).set_index("threshold_days")
    assert (table.loc[1, "flagged"] == len(alive)).all()
    assert (table.loc[1, "caught_share"] == 1.0).all()
    assert (table.loc[1, "difference"] == 0.0).all()
    assert (table.loc[900, "flagged"] == 0).all()
    assert table.loc[900, ["false_alarm_rate", "low", "high", "difference"]].isna().all(axis=None)
    assert (table.loc[900, "caught_share"] == 0.0).all()


def test_bad_input_is_told_with_the_remedy(lines, alive):
    good = {"as_of": CUT, "threshold_days": 90, "horizon_days": 90}
    for wrong, told in [
        ({"horizon_days": 200}, "reaches beyond the log"),
        ({"as_of": "1998-06-01 10:00"}, "no midnight"),
        ({"as_of": None}, "reaches beyond the log"),
        ({"threshold_days": 0}, "threshold_days must be a whole number"),
    ]:
        with pytest.raises(ValueError, match=told):
            flag_table(lines, alive, **(good | wrong))
    for table, told in [
        (alive.drop(columns="probability_alive"), "no column probability_alive"),
        (alive["probability_alive"], "must be a DataFrame with customer_id and probability_alive, not Series"),
        (alive.iloc[5:], "5 of 2357 customers"),
        (pd.concat([alive, alive.iloc[:3]]), "twice in 3 of"),
        (alive.assign(probability_alive=np.nan), "missing or outside 0 to 1 for 2357"),
        (alive.assign(probability_alive=1.5), "missing or outside 0 to 1"),
        (alive.assign(probability_alive="high"), "missing or outside 0 to 1"),
    ]:
        with pytest.raises(ValueError, match=told):
            flag_table(lines, table, **good)


def test_bg_nbd_never_calls_a_one_time_buyer_lost_and_pays_for_it(lines):
    """Fader, Hardie & Lee 2005: who bought once is alive for certain in the BG/NBD; in Batislam et al. 2007 not so."""
    cut = pd.Timestamp("1998-04-02")
    summary = rfm_summary(lines, calibration_end=cut)
    rows = {}
    for model in (BetaGeoModel(), ModifiedBetaGeoModel()):
        table = summary.assign(probability_alive=model.fit(summary).probability_alive(summary))
        rows[type(model)] = flag_table(lines, table, as_of=cut, threshold_days=90, horizon_days=90).iloc[1]
    assert rows[BetaGeoModel]["difference_low"] > 0.05
    assert abs(rows[ModifiedBetaGeoModel]["difference"]) < 0.01


def test_another_probability_ranks_under_its_own_name():
    times = pd.to_datetime(["2024-01-01", "2024-01-05", "2024-02-20", "2024-03-10"])
    lines = pd.DataFrame({"customer_id": [*"abcb"], "amount": 10.0, "timestamp": times})
    options = {"as_of": "2024-03-01", "threshold_days": 30, "horizon_days": 10}
    chance = pd.DataFrame({"customer_id": [*"abc"], "probability_purchase": [0.1, 0.8, 0.2]})
    bought = flag_table(lines, chance, **options)
    assert bought["rule"].tolist() == ["silence", "probability_purchase"]
    alive = flag_table(lines, chance.rename(columns={"probability_purchase": "probability_alive"}), **options)
    pd.testing.assert_frame_equal(bought.drop(columns="rule"), alive.drop(columns="rule"))
    with pytest.raises(ValueError, match="no column probability_alive"):
        flag_table(lines, chance.rename(columns={"probability_purchase": "score"}), **options)
    with pytest.raises(ValueError, match="level must be a share"):
        flag_table(lines, chance, level="a", **options)
