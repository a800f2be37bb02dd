"""Every statement of make_shop's docstring, held against what comes out.

Bounds are four standard errors: with a fixed seed a test is either right or wrong, never flaky, and a factor of two put
in the wrong place is far outside.
"""

import hashlib
from functools import cache

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from clvlib.datasets import make_shop
from clvlib.datasets._shop_purchases import draw_items

N = 20_000
DAYS = 730
R, ALPHA, S, BETA, P, Q, GAMMA = 1.2, 48.0, 1.5, 300.0, 6.0, 4.0, 20.0


@cache
def quiet():
    """A large shop without campaigns and returns: nothing but Pareto/NBD, Gamma-Gamma and tastes."""
    return make_shop(n_customers=N, n_campaigns=0, return_rate=0.0, random_state=11)


@cache
def busy():
    return make_shop(n_customers=N, random_state=12)


@cache
def orders_of(shop):
    by_order = shop().lines.groupby("order_id")
    orders = by_order[["customer_id", "timestamp"]].first()
    return orders.assign(value=by_order["amount"].sum(), n=by_order.size())


@cache
def truth():
    shop = quiet()
    true = shop.tables["truth"].merge(shop.tables["customers"], on="customer_id")
    true["factor"] = true["channel"].map(shop.tables["channels"].set_index("channel")["dropout_factor"])
    end = pd.Timestamp("2023-01-02") + pd.Timedelta(days=DAYS)
    true["age"] = (end - true["acquired"]) / pd.Timedelta(days=1)
    true["alive"] = (true["lost_on"].fillna(end) - true["acquired"]) / pd.Timedelta(days=1)
    true["n_repeat"] = true["customer_id"].map(orders_of(quiet)["customer_id"].value_counts()) - 1
    return true


def close(sample, mean):
    """Whether the sample's mean is within four standard errors of ``mean``."""
    return abs(np.mean(sample) - mean) < 4 * np.std(sample, ddof=1) / np.sqrt(len(sample))


# ---- who comes, buys and stays ----------------------------------------------------------------------------------


def test_purchase_rates_are_gamma():
    assert stats.kstest(truth()["purchase_rate"], stats.gamma(R, scale=1 / ALPHA).cdf).pvalue > 1e-3


def test_dropout_rates_are_gamma_times_the_channel_s_factor():
    assert stats.kstest(truth()["dropout_rate"] / truth()["factor"], stats.gamma(S, scale=1 / BETA).cdf).pvalue > 1e-3


def test_lifetimes_are_exponential_with_the_customer_s_rate():
    true = truth()
    lost = true["lost_on"].notna()
    assert close(lost - (1 - np.exp(-true["dropout_rate"] * true["age"])), 0.0)


def test_repeat_purchases_are_poisson_while_alive():
    true = truth()
    expected = true["purchase_rate"] * true["alive"]
    assert close(true["n_repeat"] - expected, 0.0)
    # variance equal to the mean, given the rate
    assert close((true["n_repeat"] - expected) ** 2 - expected, 0.0)


def test_mean_repeat_purchases_match_pareto_nbd_of_schmittlein_morrison_colombo_1987():
    # E[X(t)] = r b / (a (s - 1)) (1 - (b / (b + t))^(s - 1)); a dropout factor f makes b / f of b
    true = truth()
    b = BETA / true["factor"]
    expected = R * b / (ALPHA * (S - 1)) * (1 - (b / (b + true["age"])) ** (S - 1))
    assert close(true["n_repeat"] - expected, 0.0)
    exact = true["factor"] == 1.0
    assert 0.5 < exact.mean() < 0.6
    assert close((true["n_repeat"] - expected)[exact], 0.0)


def test_everybody_buys_on_arrival_and_arrives_in_the_first_half():
    first = orders_of(quiet).groupby("customer_id")["timestamp"].min()
    acquired = quiet().tables["customers"].set_index("customer_id")["acquired"]
    assert (first == acquired).all()
    days = (acquired - pd.Timestamp("2023-01-02")) / pd.Timedelta(days=1)
    assert stats.kstest(days, stats.uniform(0, DAYS / 2).cdf).pvalue > 1e-3


def test_nobody_buys_after_being_lost():
    both = orders_of(quiet).merge(truth()[["customer_id", "lost_on"]], on="customer_id")
    assert not (both["timestamp"] > both["lost_on"] + pd.Timedelta(seconds=1)).any()


# ---- what they spend and choose ---------------------------------------------------------------------------------


def test_order_values_have_the_gamma_gamma_mean_of_fader_hardie_2013():
    first = orders_of(quiet).drop_duplicates("customer_id")["value"]  # one a customer: independent
    assert close(first, P * GAMMA / (Q - 1))
    expected = truth()["expected_order_value"]
    assert close(expected, P * GAMMA / (Q - 1))


def test_order_values_vary_around_the_customer_s_mean_as_gamma_of_shape_p():
    both = orders_of(quiet).merge(truth()[["customer_id", "expected_order_value"]], on="customer_id")
    ratio = both["value"] / both["expected_order_value"]
    assert close(ratio, 1.0)
    assert close((ratio - 1) ** 2, 1 / P)


def test_amount_is_quantity_times_unit_price_and_an_item_once_an_order():
    lines = quiet().lines
    assert np.allclose(lines["amount"], lines["quantity"] * lines["unit_price"])
    assert not lines.duplicated(["order_id", "item_id"]).any()
    assert (lines["unit_cost"] < lines["unit_price"] + 0.011).all()


def test_lines_an_order_are_one_and_poisson_less_repeated_items():
    n = orders_of(quiet)["n"]
    assert n.min() == 1
    assert 2.1 < n.mean() < 2.2


def test_items_are_drawn_from_each_customer_s_softmax():
    rng = np.random.default_rng(3)
    factors, items, popularity = rng.normal(size=(3, 2)), rng.normal(size=(40, 2)), rng.normal(size=40)
    customer = np.repeat([2, 0, 1], 20_000)
    drawn = draw_items(customer, (factors, items, popularity), random_state=rng)
    for who in range(3):
        weight = np.exp(items @ factors[who] + popularity)
        counts = np.bincount(drawn[customer == who], minlength=40)
        assert stats.chisquare(counts, weight / weight.sum() * 20_000).pvalue > 1e-3


def test_oracle_list_is_the_softmax_s_top_ten():
    shop = busy()
    oracle = shop.tables["oracle"]
    assert (oracle.groupby("customer_id").size() == 10).all()
    customers, items = shop.tables["customer_factors"], shop.tables["item_factors"]
    someone = customers.iloc[17]
    score = items.filter(like="factor_").to_numpy() @ someone.filter(like="factor_").to_numpy(dtype=float)
    score = pd.Series(score + items["popularity"].to_numpy(), index=items["item_id"])
    chance = np.exp(score) / np.exp(score).sum()
    top = chance.nlargest(10)
    theirs = oracle[oracle["customer_id"] == someone["customer_id"]].sort_values("rank")
    assert theirs["item_id"].tolist() == top.index.tolist()
    assert theirs["probability"].to_numpy() == pytest.approx(top.to_numpy())


def test_oracle_beats_popularity_by_what_it_promises():
    lines, tables = quiet().lines, quiet().tables
    oracle, customers, items = tables["oracle"], tables["customer_factors"], tables["item_factors"]
    single = lines[~lines["order_id"].duplicated(keep=False)]
    # 1 + Poisson(1.2) draws that leave one line all fell on one item: chance p exp(-1.2 (1 - p)), not p
    score = customers.filter(like="factor_").to_numpy() @ items.filter(like="factor_").to_numpy().T
    chance = np.exp(score + items["popularity"].to_numpy())
    chance /= chance.sum(axis=1, keepdims=True)
    alone = chance * np.exp(-1.2 * (1 - chance))
    listed = np.take_along_axis(alone, np.argsort(-chance, axis=1)[:, :10], axis=1).sum(axis=1) / alone.sum(axis=1)
    promised = single["customer_id"].map(pd.Series(listed, index=customers["customer_id"]))
    wanted = pd.MultiIndex.from_frame(oracle[["customer_id", "item_id"]])
    hit = pd.MultiIndex.from_frame(single[["customer_id", "item_id"]]).isin(wanted)
    assert close(hit - promised, 0.0)
    popular = lines["item_id"].value_counts().index[:10]
    assert hit.mean() > 1.5 * single["item_id"].isin(popular).mean()


# ---- the catalogue ----------------------------------------------------------------------------------------------


def test_texts_are_distinct_and_in_the_language_asked_for():
    english = make_shop(n_customers=10, n_items=4_000).products["item_text"]
    chinese = make_shop(n_customers=10, n_items=4_000, language="zh").products["item_text"]
    assert english.is_unique
    assert chinese.is_unique
    assert english.str.contains(" ").all()
    assert english.str.isascii().all()
    assert not chinese.str.contains(r"[A-Za-z\s]").any()
    assert chinese.str.contains("[一-鿿]{4}").all()


def test_text_carries_taste():
    # items of one category are nearer to each other in taste than to others: content can predict choice
    items = quiet().tables["item_factors"].filter(like="factor_").to_numpy()
    category = quiet().tables["products"]["category"].to_numpy()
    total = ((items - items.mean(axis=0)) ** 2).sum()
    within = sum(((items[category == c] - items[category == c].mean(axis=0)) ** 2).sum() for c in np.unique(category))
    assert within < 0.6 * total


# ---- channels, referrers, returns, browsing, surveys ------------------------------------------------------------


def test_channels_have_their_shares_and_costs():
    customers = quiet().tables["customers"]
    for channel in quiet().tables["channels"].itertuples():
        of_channel = customers["channel"] == channel.channel
        assert close(of_channel, channel.share)
        assert close(customers.loc[of_channel, "acquisition_cost"], channel.mean_cost)


def test_referrers_came_before_and_only_referred_customers_have_one():
    customers = quiet().tables["customers"]
    referred = customers["channel"] == "referral"
    assert (customers["referrer_id"].notna() == referred).all()
    came = customers.set_index("customer_id")["acquired"]
    assert (customers.loc[referred, "referrer_id"].map(came) <= customers.loc[referred, "acquired"]).all()


def test_returns_turn_a_line_round_within_30_days():
    lines = busy().lines
    bought, back = lines[lines["amount"] > 0], lines[lines["amount"] < 0]
    assert set(back["order_id"].str[0]) == {"R"}
    error = np.sqrt(0.04 * 0.96 / len(bought))
    # a return after the last day is not seen: at most the lines of the last 30 days, less than 5 in 100
    assert 0.04 * 0.95 - 4 * error < len(back) / len(bought) < 0.04 + 4 * error
    keys = ["customer_id", "item_id", "quantity", "unit_price"]
    back = back.assign(quantity=-back["quantity"]).merge(bought, on=keys, suffixes=("_back", ""))
    waited = (back["timestamp_back"] - back["timestamp"]) / pd.Timedelta(days=1)
    assert back.loc[waited.between(1, 30), "order_id_back"].nunique() == (lines["amount"] < 0).sum()


def test_every_order_ends_a_session_in_which_its_items_were_viewed_and_carted():
    shop = make_shop(n_customers=500, random_state=5)
    events = shop.tables["events"]
    assert events["timestamp"].is_monotonic_increasing
    bought = shop.lines[shop.lines["amount"] > 0]
    purchases = events[events["event"] == "purchase"]
    both = bought.merge(purchases, on=["customer_id", "order_id", "item_id"], suffixes=("", "_event"))
    assert len(both) == len(bought) == len(purchases)
    assert ((both["timestamp"] - both["timestamp_event"]).abs() <= pd.Timedelta(seconds=1)).all()
    for before in ("view", "cart"):
        earlier = events[events["event"] == before]
        pair = purchases.merge(earlier, on=["session_id", "item_id"], suffixes=("", "_before"))
        in_time = pair[pair["timestamp_before"] <= pair["timestamp"]]
        assert in_time.groupby(["session_id", "item_id"]).ngroups == len(purchases)


def test_browsing_ends_with_the_customer():
    shop = make_shop(n_customers=500, random_state=5)
    both = shop.tables["events"].merge(shop.tables["truth"][["customer_id", "lost_on"]], on="customer_id")
    assert not (both["timestamp"] > both["lost_on"] + pd.Timedelta(seconds=1)).any()
    assert both["order_id"].isna().mean() > 0.5


def test_surveys_know_who_is_about_to_leave():
    surveys = busy().tables["surveys"].merge(busy().tables["truth"], on="customer_id")
    assert set(surveys["satisfaction"]) == {1, 2, 3, 4, 5}
    orders = busy().lines.loc[busy().lines["amount"] > 0, "order_id"].nunique()
    assert len(surveys) / orders == pytest.approx(0.3, abs=0.01)
    assert stats.spearmanr(surveys["satisfaction"], surveys["dropout_rate"]).statistic < -0.4


# ---- campaigns --------------------------------------------------------------------------------------------------


@cache
def trial():
    """Each contact with the purchases in its window: the experiment a shop would evaluate."""
    shop = make_shop(n_customers=40_000, return_rate=0.0, random_state=13)
    contacts = shop.tables["contacts"].merge(shop.tables["contact_truth"], on=["campaign_id", "customer_id"])
    contacts = contacts.merge(shop.tables["truth"], on="customer_id")
    orders = shop.lines.drop_duplicates("order_id")
    contacts["bought"] = 0
    for campaign in shop.tables["campaigns"].itertuples():
        ends = campaign.starts + pd.Timedelta(days=campaign.window_days)
        counts = orders.loc[orders["timestamp"].between(campaign.starts, ends), "customer_id"].value_counts()
        mine = contacts["campaign_id"] == campaign.campaign_id
        contacts.loc[mine, "bought"] = contacts.loc[mine, "customer_id"].map(counts).fillna(0).astype(int)
    return contacts


@pytest.mark.parametrize("response", ["persuadable", "indifferent", "put_off", None])
def test_difference_of_treated_and_control_is_the_true_uplift(response):
    contacts = trial() if response is None else trial()[trial()["response"] == response]
    treated, control = (contacts.loc[contacts["treated"] == arm, "bought"] for arm in (True, False))
    error = np.sqrt(treated.var() / len(treated) + control.var() / len(control))
    true = contacts["expected_uplift"].mean()
    assert abs(treated.mean() - control.mean() - true) < 4 * error
    # and the bound is narrow enough to tell an effect from none
    if response in ("persuadable", "put_off"):
        assert abs(true) > 4 * error


def test_treatment_is_by_chance():
    treated, control = (trial().loc[trial()["treated"] == arm, "purchase_rate"] for arm in (True, False))
    assert close(trial()["treated"], 0.5)
    assert stats.ks_2samp(treated, control).pvalue > 1e-3


def test_only_those_who_had_come_are_drawn():
    shop = busy()
    drawn = shop.tables["contacts"].merge(shop.tables["campaigns"], on="campaign_id")
    drawn = drawn.merge(shop.tables["customers"], on="customer_id")
    assert (drawn["acquired"] < drawn["starts"]).all()
    assert set(drawn["campaign_id"]) == {"K01", "K02"}


# ---- the same again ---------------------------------------------------------------------------------------------


def digest(frame):
    return hashlib.sha256(frame.to_csv(index=False).encode()).hexdigest()


def test_same_seed_same_bytes_whatever_was_asked_for_first():
    one, two = (make_shop(n_customers=300, random_state=4) for _ in range(2))
    names = list(one.tables)
    first = {name: digest(one.tables[name]) for name in names}
    second = {name: digest(two.tables[name]) for name in reversed(names)}
    assert first == second
    assert digest(one.lines) == digest(two.lines)


def test_another_seed_is_another_shop():
    one, two = (make_shop(n_customers=300, random_state=seed) for seed in (4, 5))
    assert digest(one.lines) != digest(two.lines)
    assert digest(one.tables["products"]) != digest(two.tables["products"])


def test_an_option_changes_its_own_part_only():
    # every part has a stream of its own: without returns the same people buy the same things
    with_returns, without = (make_shop(n_customers=300, return_rate=rate) for rate in (0.1, 0.0))
    bought = with_returns.lines[with_returns.lines["amount"] > 0].reset_index(drop=True)
    assert digest(bought) == digest(without.lines)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"n_customers": 0}, "n_customers is 0"),
        ({"alpha": -1.0}, "alpha is -1.0"),
        ({"q": 1.0}, "has no mean"),
        ({"language": "fr"}, "one of en, zh"),
        ({"n_days": 200, "n_campaigns": 4}, "room for 0 to 3"),
        ({"return_rate": 1.5}, "from 0 to 1"),
    ],
)
def test_impossible_shops_are_refused(options, said):
    with pytest.raises(ValueError, match=said):
        make_shop(**options)


def test_smallest_shop_has_all_its_tables():
    shop = make_shop(n_customers=1, n_items=1, n_days=60, n_factors=1, n_campaigns=1)
    assert len(shop.lines) >= 1
    assert all(isinstance(shop.tables[name], pd.DataFrame) for name in shop.tables)
    assert all(len(shop.tables[name].columns) >= 2 for name in shop.tables)


def test_a_shop_may_lie_in_the_future():
    assert make_shop(n_customers=10, start="2090-01-01").ledger.rejected.empty
