"""Value tiers: stated thresholds, shares, equal values kept together, and ties that cannot be cut refused."""

import numpy as np
import pandas as pd
import pytest

from clvlib.customers import TIERS, ValueTiers, value_tiers


@pytest.fixture
def clv():
    return pd.Series(np.random.default_rng(0).permutation(1000) + 1.0, name="clv")


def test_by_default_the_best_tenth_are_vips_and_the_next_four_tenths_regulars(clv):
    tiers = ValueTiers().fit(clv)
    assert tiers.thresholds_ == {"VIP": 901.0, "regular": 501.0}
    assert tiers.shares_ == {"VIP": 0.1, "regular": 0.4, "potential": 0.5}
    assigned = tiers.assign(clv)
    assert clv[assigned == "VIP"].min() > clv[assigned == "regular"].max()
    assert clv[assigned == "regular"].min() > clv[assigned == "potential"].max()


def test_stated_thresholds_are_taken_as_they_are_and_the_limit_is_in():
    tiers = value_tiers([200.0, 199.99, 50.0, 49.99, -3.0], vip_from=200, regular_from=50)
    assert tiers.tolist() == ["VIP", "regular", "regular", "potential", "potential"]


def test_a_share_and_a_threshold_can_stand_together(clv):
    tiers = ValueTiers(vip_from=951, regular_share=0.25).fit(clv)
    assert tiers.shares_ == {"VIP": 0.05, "regular": 0.25, "potential": 0.7}
    assert ValueTiers(vip_share=0.02, regular_from=11).fit(clv).thresholds_ == {"VIP": 981.0, "regular": 11.0}


def test_thresholds_stay_when_later_values_move(clv):
    tiers = ValueTiers().fit(clv)
    assert (tiers.assign(clv + 1000) == "VIP").all()
    assert (tiers.assign(clv - 1000) == "potential").all()


@pytest.mark.parametrize("n", [3, 7, 10, 99, 101])
@pytest.mark.parametrize("vip_share", [0.1, 0.2, 0.3])
def test_a_share_is_filled_by_the_customer_it_ends_in(n, vip_share):
    tiers = value_tiers(np.arange(n), vip_share=vip_share, regular_share=0.4)
    assert (tiers == "VIP").sum() == np.ceil(n * vip_share - 1e-9)
    assert (tiers == "regular").sum() == np.ceil(n * 0.4 - 1e-9)
    assert set(tiers) <= set(TIERS)


def test_equal_values_share_a_tier_and_the_share_says_so():
    values = np.r_[np.full(11, 90.0), np.arange(89.0)]
    tiers = ValueTiers(vip_share=0.1, regular_share=0.4).fit(values)
    assert tiers.shares_["VIP"] == 0.11
    assert tiers.assign(values).groupby(values).nunique().max() == 1


@pytest.mark.parametrize("dearer", [0, 40])
def test_thousands_of_equal_values_are_not_cut_and_the_message_tells_where_one_can(dearer):
    values = np.r_[np.full(5000, 12.5), np.full(dearer, 80.0)]
    with pytest.raises(ValueError, match=r"5000 of 50.0 customers are worth exactly 12.5") as refused:
        value_tiers(values)
    assert "vip_from=12.5 (" in str(refused.value)
    assert ("vip_from=80.0 (40 customers)" in str(refused.value)) == bool(dearer)
    stated = value_tiers(values, vip_from=80.0, regular_from=12.5)
    assert stated.value_counts().to_dict() == {"regular": 5000} | ({"VIP": dearer} if dearer else {})


def test_a_tie_below_the_vips_is_refused_for_the_regulars():
    values = np.r_[np.arange(100, 200.0), np.full(900, 5.0)]
    with pytest.raises(ValueError, match="would cut between them"):
        value_tiers(values)


def test_who_has_no_value_has_no_tier_and_takes_no_part(clv):
    holes = clv.mask(clv.index % 4 == 0)
    tiers = ValueTiers().fit(holes)
    assert (tiers.n_values_, tiers.n_missing_) == (750, 250)
    assert tiers.thresholds_ == ValueTiers().fit(holes.dropna()).thresholds_
    assigned = tiers.assign(holes)
    assert assigned.isna().tolist() == holes.isna().tolist()
    assert sum(tiers.shares_.values()) == pytest.approx(1)
    assert tiers.summary_table(holes)["customers"].sum() == 750


def test_a_table_a_series_and_an_array_give_the_same_tiers(clv):
    table = pd.DataFrame({"customer_id": clv.index.astype(str), "clv": clv}).set_index(clv.index[::-1])
    assigned = value_tiers(table)
    assert assigned.index.equals(table.index)
    assert (assigned.name, assigned.dtype) == ("tier", "str")
    assert assigned.tolist() == value_tiers(clv).tolist() == value_tiers(clv.to_numpy()).tolist()
    assert value_tiers(clv.astype("Float64")).tolist() == value_tiers(clv.astype(object)).tolist()


def test_the_table_of_tiers_adds_up(clv):
    tiers = ValueTiers().fit(clv)
    table = tiers.summary_table(clv).set_index("tier")
    assert list(table.index) == list(TIERS)
    assert table["customers"].tolist() == [100, 400, 500]
    assert table["value"].sum() == pytest.approx(clv.sum())
    assert table["share_of_value"].sum() == pytest.approx(1)
    assert table.loc["VIP", "mean_value"] == pytest.approx(950.5)
    assert table["value_below"].tolist() == [np.inf, 901.0, 501.0]
    nobody = tiers.summary_table([-5.0])
    assert nobody["customers"].tolist() == [0, 0, 1]
    assert nobody["share_of_value"].isna().all()


@pytest.mark.parametrize(
    ("values", "options", "message"),
    [
        ([], {}, "clv has 0 rows"),
        ([np.nan, np.nan], {}, "missing in all of 2 rows"),
        ([1.0, np.inf], {}, "clv is infinite in 1 of 2 rows"),
        (["a", "b"], {}, "clv holds str, not numbers, in 2 rows"),
        ([True, False], {}, "clv holds bool"),
        ([[1.0, 2.0]], {}, r"shape \(n,\), not of shape \(1, 2\)"),
        ([5.0], {}, "leaves no regulars among 1 customers"),
        ([5.0] * 3000, {}, "equal values cannot be cut"),
        (range(9), {"vip_share": 0.6, "regular_share": 0.4}, "leave nobody for the third tier"),
        (range(9), {"vip_share": 0.0}, "vip_share is a share of customers between 0 and 1"),
        (range(9), {"regular_share": 40}, "regular_share is a share"),
        (range(9), {"vip_share": "ten"}, "vip_share must be a finite number, not 'ten'"),
        (range(9), {"vip_from": np.nan}, "vip_from must be a finite number"),
        (range(9), {"vip_share": 0.1, "vip_from": 5}, "give one of them"),
        (range(9), {"vip_from": 5, "regular_from": 5}, "vip_from above regular_from"),
        (range(9), {"vip_from": 2, "regular_from": 7}, "VIP would begin at 2 and regular at 7"),
        (pd.DataFrame({"value": [1.0]}), {}, "the table has no clv; it has value"),
    ],
)
def test_what_has_no_tiers_is_refused_with_a_remedy(values, options, message):
    with pytest.raises(ValueError, match=message):
        value_tiers(values, **options)


def test_no_thresholds_yet_is_said():
    with pytest.raises(ValueError, match="call fit"):
        ValueTiers().assign([1.0])


def test_who_stands_at_a_threshold_does_not_fall_by_the_last_digit():
    threshold = 0.1 + 0.2  # 0.30000000000000004
    tiers = ValueTiers(vip_from=threshold, regular_from=0.1).fit([threshold, 0.1])
    assert tiers.assign([0.3, 0.1 - 1e-17, 0.3 - 1e-6]).tolist() == ["VIP", "regular", "regular"]
    below = np.nextafter(75.0, 0)
    tiers = ValueTiers(vip_share=0.2, regular_share=0.4).fit([500.0, 80.0, 75.0, below, 0.0])
    assert tiers.shares_["regular"] == pytest.approx(0.6), "75 and its neighbour are one value, as a tie is"
    assert ValueTiers(vip_from=-0.3, regular_from=-5).fit([1.0]).assign([-0.1 - 0.2]).tolist() == ["VIP"]
