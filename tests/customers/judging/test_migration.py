import numpy as np
import pandas as pd
import pytest

from clvlib.customers import migration_table, movers_table, tier_noise
from clvlib.metrics.intervals import wilson_interval


@pytest.fixture(scope="module")
def quarter():
    rng = np.random.default_rng(0)
    before = pd.Series(np.repeat(["VIP", "regular"], [100, 300]), index=[f"c{i}" for i in range(400)])
    flipped = np.where(before.to_numpy() == "VIP", "regular", "VIP")
    noise = np.where(rng.random((400, 200)) < 0.2, flipped[:, None], before.to_numpy()[:, None])
    return before, flipped, noise, rng


def test_counts_and_shares_add_up(quarter):
    before, flipped, _, rng = quarter
    after = pd.Series(np.where(rng.random(400) < 0.3, flipped, before), index=before.index)
    table = migration_table(before, after)
    assert table["customers"].sum() == 400
    assert table.groupby("before")["share"].sum().to_numpy() == pytest.approx(1)
    row = table.iloc[0]
    assert (row["low"], row["high"]) == wilson_interval(int(row["customers"]), 300)
    assert table["before"].tolist() == ["regular", "regular", "VIP", "VIP"]
    shuffled = migration_table(before, after.sample(frac=1, random_state=1))
    pd.testing.assert_frame_equal(table, shuffled)


def test_noise_alone_is_called_no_difference_and_a_real_change_more(quarter):
    before, flipped, noise, rng = quarter
    luck = pd.Series(noise[:, 0], index=before.index)
    real = pd.Series(np.where(rng.random(400) < 0.5, flipped, before), index=before.index)
    by_luck, by_change = (movers_table(before, after, noise=noise[:, 1:]).set_index("before") for after in (luck, real))
    assert by_luck.loc["all", "verdict"] == "no difference shown"
    assert by_luck.loc["all", "explained"] > 0.8
    assert by_change.loc["all", "verdict"] == "more than noise"
    assert by_change.loc["all", "excess"] == pytest.approx(0.3, abs=0.07)
    stays = migration_table(before, before, noise=noise).set_index(["before", "after"])
    assert stays.loc[("VIP", "regular"), "verdict"] == "less than noise"
    assert stays.loc[("VIP", "VIP"), "verdict"] == "more than noise"


def test_ageing_that_is_foreseen_stands_apart_from_luck():
    before = pd.Series(["VIP"] * 10, index=range(10))
    # five will most likely fall and mostly do, five will most likely stay and sometimes fall
    draws = np.array([["regular"] * 9 + ["VIP"]] * 5 + [["VIP"] * 8 + ["regular"] * 2] * 5, dtype=object)
    row = movers_table(before, before, noise=draws, order=["VIP", "regular"]).iloc[0]
    assert row["noise_share"] == pytest.approx(0.55)
    assert row["foreseen_share"] == pytest.approx(0.45)
    assert row["luck_share"] == pytest.approx(0.1)


def test_the_share_explained_is_not_cut_off(quarter):
    before, flipped, noise, _ = quarter
    after = pd.Series(np.where(np.arange(400) % 10 == 0, flipped, before), index=before.index)
    row = movers_table(before, after, noise=noise).set_index("before").loc["all"]
    assert row["explained"] > 1.5
    assert row["verdict"] == "less than noise"


def test_excess_of_noise_alone_is_found_as_often_as_its_level_says(quarter):
    before, _, noise, _ = quarter
    shown = [
        movers_table(before, pd.Series(noise[:, i], index=before.index), noise=noise)["verdict"].iloc[-1]
        != "no difference shown"
        for i in range(100)
    ]
    assert np.mean(shown) == pytest.approx(0.05, abs=0.03)


def test_noise_comes_as_tier_noise_or_as_shares(quarter):
    before, flipped, noise, _ = quarter
    after = pd.Series(flipped, index=before.index)
    value = np.where(before == "VIP", 2.0, 1.0)
    drawn = tier_noise(value, np.where(noise == "VIP", 2.0, 1.0), assign=lambda v: np.where(v > 1, "VIP", "regular"))
    from_labels, from_object = (migration_table(before, after, noise=kind) for kind in (noise, drawn))
    pd.testing.assert_frame_equal(from_labels, from_object)
    shares = migration_table(before, after, noise=drawn.transitions)
    assert shares["noise_share"].to_numpy() == pytest.approx(from_labels["noise_share"].to_numpy())
    assert (shares["excess_low"] == shares["low"] - shares["noise_share"]).all()


def test_who_is_new_stands_apart(quarter):
    before, _, noise, _ = quarter
    after = pd.concat([before, pd.Series(["VIP"], index=["new"])])
    table = migration_table(before, after, noise=noise)
    new = table[table["before"] == "not yet a customer"]
    assert new["customers"].tolist() == [0, 1]
    assert new["noise_share"].isna().all()
    two_columns = migration_table(
        before.rename_axis("customer_id").reset_index(name="tier"),
        after.rename_axis("customer_id").reset_index(name="tier"), noise=noise,
    )  # fmt: skip
    pd.testing.assert_frame_equal(table, two_columns)


@pytest.mark.parametrize(
    ("before", "after", "options", "says"),
    [
        ({"a": "x"}, {"b": "x"}, {}, "not in after, 'a' among them"),
        ({"a": None}, {"a": "x"}, {}, "the tier is missing in 1 of 1 rows of before"),
        ({}, {"a": "x"}, {}, "before has no customers"),
        ({"a": "x"}, {"a": "x"}, {"noise": [["x"], ["x"]]}, "shape"),
        ({"a": "x"}, {"a": "x"}, {"order": ["y"]}, "order has no x"),
        ({"a": "x"}, {"a": "x"}, {"noise": pd.DataFrame({"x": [0.4]}, index=["x"])}, "sum to 1"),
        ({"a": "x"}, {"a": "x"}, {"level": 2}, "level"),
        ({"a": "x"}, {"a": "x"}, {"level": "a"}, "level must be a share"),
    ],
)
def test_bad_tiers_are_refused_kindly(before, after, options, says):
    with pytest.raises(ValueError, match=says):
        migration_table(pd.Series(before, dtype=object), pd.Series(after, dtype=object), **options)
    with pytest.raises(ValueError, match="not list"):
        migration_table(["x"], ["x"])
    with pytest.raises(ValueError, match="repeated in 1 of 2"):
        migration_table(pd.Series(["x", "y"], index=["a", "a"]), pd.Series(["x"], index=["a"]))
