"""Gaps made on purpose: so many, where they should be, and what each way of filling does to the order."""

import numpy as np
import pandas as pd
import pytest

from clvlib.value import missing_value_table
from clvlib.value.learning.missing import WAYS, masked


@pytest.fixture(scope="module")
def tables():
    rng = np.random.default_rng(0)
    n = 700
    frequency = rng.poisson(2, n).astype(float)
    table = pd.DataFrame({"customer_id": np.arange(n), "origin": "2024-01-01", "frequency": frequency})
    table["total_spend"] = 20 * (1 + frequency) * rng.gamma(4, 0.25, n)
    table["holdout_amount"] = np.where(rng.random(n) < 0.2 + 0.1 * frequency, table["total_spend"] / 2, 0.0)
    return table.iloc[:400], table.iloc[400:].reset_index(drop=True)


def test_the_share_masked_is_the_share_asked_for_and_the_rest_is_untouched():
    values = np.r_[np.arange(100.0), [np.nan] * 20]
    out = masked(values, share=0.3, random_state=0)
    assert np.isnan(out).sum() == 30 + 20
    kept = ~np.isnan(out)
    assert (out[kept] == values[kept]).all()
    assert np.isnan(masked(values, share=0.3, mechanism="largest", random_state=0)[70:]).all()
    assert (masked(values, share=0.3, random_state=0)[:100] != masked(values, share=0.3, random_state=1)[:100]).any()
    assert not np.isnan(masked(values, share=0.0, random_state=0)[:100]).any()


def test_dropping_rows_costs_order_and_filling_keeps_it(tables):
    then, now = tables
    table = missing_value_table(
        then,
        now,
        now["holdout_amount"],
        horizon_days=90,
        feature="total_spend",
        features=["frequency", "total_spend"],
        shares=(0.0, 0.6),
        random_state=0,
    )
    whole, holed = table[table["masked"] == 0].set_index("way"), table[table["masked"] == 0.6].set_index("way")
    assert set(whole.index) == set(WAYS)
    assert (whole["difference"] == 0).all(), "without gaps all ways are one"
    assert (whole["without_forecast"] == 0).all()
    assert holed.loc["drop", "verdict"] == "worse"
    assert holed.loc["drop", "without_forecast"] == round(0.6 * len(now))
    assert holed.loc["median", "verdict"] == "baseline"
    assert holed.loc["regression", "gini"] > holed.loc["drop", "gini"]
    assert holed["missing"].tolist() == pytest.approx([0.6] * len(WAYS))


def test_bad_input(tables):
    then, now = tables
    options = {"horizon_days": 90, "feature": "frequency", "features": ["frequency"], "random_state": 0}
    with pytest.raises(ValueError, match="2 outcomes for 300 customers"):
        missing_value_table(then, now, [1.0, 2.0], **options)
    with pytest.raises(ValueError, match="clicks is not among the features frequency"):
        missing_value_table(then, now, now["holdout_amount"], **(options | {"feature": "clicks"}))
    with pytest.raises(ValueError, match="choose both from drop"):
        missing_value_table(then, now, now["holdout_amount"], ways=["zero", "median"], **options)
    with pytest.raises(ValueError, match="at random, largest"):
        masked([1.0], share=0.5, mechanism="smallest", random_state=0)
    with pytest.raises(ValueError, match=r"in \[0, 1\)"):
        masked([1.0], share=1.0, random_state=0)
