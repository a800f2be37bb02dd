"""The leak meter: it sees a leak that was planted, and none where time changes nothing."""

import numpy as np
import pandas as pd
import pytest

from clvlib.matching import LEAK_PROTOCOLS, BuyAgain, ItemKNN, Popularity, leak_table

SETTINGS = {"calibration_end": "2024-04-01", "min_customers": 2, "n": 5, "baseline": "bestsellers", "random_state": 0}


def _log(seed: int, *, fashion: bool) -> pd.DataFrame:
    """120 customers buy one of 60 items on each of 60 days; a fashion brings five new items every ten days."""
    rng = np.random.default_rng(seed)
    day = np.tile(np.arange(60), 120)
    base = (day // 10) * 10 if fashion else np.zeros(len(day), dtype=int)
    item = base + (60 * rng.beta(1, 5, size=len(day)) if not fashion else rng.integers(0, 16, size=len(day))).astype(
        int
    )
    return pd.DataFrame(
        {
            "customer_id": np.repeat([f"c{n:03d}" for n in range(120)], 60),
            "item_id": [f"i{n:02d}" for n in item],
            "timestamp": pd.Timestamp("2024-02-11") + pd.to_timedelta(day, unit="D"),
            "amount": 1.0,
        }
    )[rng.random(len(day)) < 0.25].reset_index(drop=True)


def test_a_random_split_flatters_where_fashions_pass():
    models = {"bestsellers": Popularity(), "item-based": ItemKNN()}
    table = leak_table(models, _log(0, fashion=True), **SETTINGS)
    assert table.index.get_level_values("protocol").unique().tolist() == [*LEAK_PROTOCOLS]
    ndcg = table["ndcg"].unstack("protocol")
    assert ndcg.loc["item-based", "at random"] > 2 * ndcg.loc["item-based", "later period"]


def test_nothing_is_flattered_where_time_changes_nothing():
    models = {"bestsellers": Popularity(), "item-based": ItemKNN()}
    settings = SETTINGS | {"exclude_seen": False}
    ratios = []
    for seed in range(3):
        ndcg = leak_table(models, _log(seed, fashion=False), **settings)["ndcg"].unstack("protocol")
        ratios.append((ndcg["at random"] / ndcg["later period"]).to_numpy())
    assert np.mean(ratios) == pytest.approx(1.0, abs=0.15)


def test_as_much_is_dealt_as_the_later_period_holds():
    lines = _log(0, fashion=False)
    settings = SETTINGS | {"min_customers": 1}
    table = leak_table({"bestsellers": Popularity()}, lines, **settings)["pairs"].droplevel("method")
    before = lines["timestamp"] < settings["calibration_end"]
    pairs = lines.drop_duplicates(["customer_id", "item_id"]), lines[before].drop_duplicates(["customer_id", "item_id"])
    assert table["later period"] <= len(pairs[0]) - len(pairs[1])
    assert table["at random"] == pytest.approx(len(pairs[0]) - len(pairs[1]), rel=0.02)


def test_a_function_may_fit_and_buy_again_needs_lists_that_repeat():
    models = {
        "bestsellers": Popularity(),
        "buy again": BuyAgain(),
        "logged": lambda past: ItemKNN().fit(past.assign(quantity=np.log1p(past["quantity"]))),
    }
    lines = _log(0, fashion=False)
    table = leak_table(models, lines, **SETTINGS | {"exclude_seen": False})
    assert table.loc["later period"].index.tolist() == [*models]
    assert (table.loc["later period", "customers"] > 0).all()
    with pytest.raises(ValueError, match="exclude_seen=False"):
        leak_table(models, lines, **SETTINGS)


def test_models_given_are_not_fitted_themselves():
    model = Popularity()
    leak_table({"bestsellers": model}, _log(0, fashion=False), **SETTINGS)
    assert not hasattr(model, "interactions_")


def test_the_same_seed_gives_the_same_table_and_the_holdout_end_is_kept():
    lines = _log(0, fashion=False)
    models = {"bestsellers": Popularity()}
    one, two = (leak_table(models, lines, holdout_end="2024-04-05", **SETTINGS) for _ in range(2))
    pd.testing.assert_frame_equal(one, two)
    beyond = lines["timestamp"] >= "2024-04-05"
    assert beyond.any()
    cut = leak_table(models, lines[~beyond], holdout_end="2024-04-05", **SETTINGS)
    pd.testing.assert_frame_equal(one, cut)
