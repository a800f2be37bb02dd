"""How much data a model needs: by hand, nested samples, verdicts, and a race in which order must win."""

import numpy as np
import pandas as pd
import pytest

from clvlib.retention import BaseRate, ReturnModel
from clvlib.retention.models.learning_curve import customers_needed, learning_curve
from clvlib.retention.windows.rhythms import make_rhythms
from clvlib.retention.windows.snapshots import snapshot_table


class Watcher:
    """Remembers whom it was fitted on and says ``p`` for everybody."""

    seen: list

    def __init__(self, p=0.3, fails_below=0):
        self.p, self.fails_below, self.seen, self.levels = p, fails_below, [], []

    def fit(self, table):
        if table["customer_id"].nunique() < self.fails_below:
            raise ValueError("too few customers for me")
        self.seen.append(set(table["customer_id"]))
        return self

    def calibrate(self, table):
        self.levels.append(set(table["customer_id"]))
        return self

    def predict_probability(self, table):
        return np.full(len(table), self.p)


def table(n=300, seed=0):
    rng = np.random.default_rng(seed)
    orders = rng.poisson(2, n) + 1.0
    customers = rng.integers(0, n // 2, n)
    return pd.DataFrame({"customer_id": customers, "orders": orders, "came_back": rng.random(n) < orders / 10})


def test_losses_and_savings_by_hand():
    test = pd.DataFrame({"customer_id": range(4), "came_back": [True, False, False, False]})
    curve = learning_curve({"a": Watcher(0.5), "b": Watcher(0.25)}, table(), test, sizes=[10], random_state=0)
    assert curve["log_loss"].tolist() == pytest.approx([np.log(2), -(np.log(0.25) + 3 * np.log(0.75)) / 4])
    assert curve["saved"].iloc[1] == pytest.approx(curve["log_loss"].iloc[0] - curve["log_loss"].iloc[1])
    assert curve["verdict"].iloc[0] == "reference"
    assert np.isnan(curve["saved"].iloc[0])
    assert curve["roc_auc"].tolist() == [0.5, 0.5]


def test_samples_are_of_customers_nested_and_the_same_for_every_model():
    one, two = Watcher(), Watcher()
    train, later = table(seed=1), table(seed=2)
    curve = learning_curve(
        {"one": one, "two": two}, train, table(seed=3), calibrate=later, sizes=[60, 20], n_repeats=2, random_state=0
    )
    assert one.seen == two.seen
    assert one.levels == two.levels
    small, large = one.seen[:2], one.seen[2:]
    for few, many, level in zip(small, large, one.levels[2:], strict=True):
        assert few < many
        assert len(many | level) <= 60
        assert train["customer_id"].isin(many).sum() >= len(many)
    assert small[0] != small[1]
    assert curve["customers"].tolist() == [20, 20, 60, 60]
    assert curve["spread"].iloc[1] == 0


def test_all_customers_are_one_sample_and_are_fitted_once():
    watcher, train = Watcher(), table(seed=1)
    everybody = train["customer_id"].nunique()
    curve = learning_curve(
        {"one": watcher}, train, table(seed=3), sizes=[20, everybody], n_repeats=3, random_state=0, reference="one"
    )
    assert len(watcher.seen) == 3 + 1
    assert curve["customers"].tolist() == [20, everybody]


def test_models_are_copied_and_not_changed():
    base = BaseRate()
    learning_curve({"base": base}, table(), table(seed=1), sizes=[100], random_state=0)
    assert not hasattr(base, "rate_")


def test_a_model_that_cannot_be_fitted_says_why_and_is_not_compared():
    models = {"ok": Watcher(), "picky": Watcher(fails_below=50)}
    curve = learning_curve(models, table(), table(seed=1), sizes=[20, 120], random_state=0)
    picky = curve[curve["model"] == "picky"]
    assert picky["verdict"].tolist() == ["not fitted", "no difference shown"]
    assert picky["note"].tolist() == ["too few customers for me", ""]
    assert np.isnan(picky["log_loss"].iloc[0])


def test_later_rows_of_one_class_leave_the_model_uncalibrated_and_said():
    watcher = Watcher()
    curve = learning_curve(
        {"a": watcher},
        table(),
        table(seed=1),
        calibrate=table(seed=2).assign(came_back=False),
        sizes=[50],
        random_state=0,
    )
    assert not watcher.levels
    assert "not calibrated" in curve["note"].item()


def test_several_references_meet_the_same_fits():
    models = {"a": Watcher(0.5), "b": Watcher(0.3), "c": Watcher(0.2)}
    curve = learning_curve(models, table(), table(seed=1), sizes=[10, 50], reference=["a", "b"], random_state=0)
    assert [len(model.seen) for model in models.values()] == [2, 2, 2]
    saved = curve.set_index(["reference", "customers", "model"])["saved"]
    assert saved["a", 10, "c"] - saved["a", 10, "b"] == pytest.approx(saved["b", 10, "c"])


def test_what_a_model_warns_of_is_noted_and_not_printed():
    apart = table().assign(orders=lambda t: 1.0 + t["came_back"])
    curve = learning_curve({"logistic": ReturnModel()}, apart, apart, sizes=[100], random_state=0)
    assert "separat" in curve["note"].item()


def test_a_sure_mistake_costs_much_and_not_everything():
    test = pd.DataFrame({"customer_id": range(4), "came_back": [True, False, False, False]})
    curve = learning_curve({"never": Watcher(0.0)}, table(), test, sizes=[10], random_state=0)
    assert np.isfinite(curve["log_loss"].item())
    assert curve["log_loss"].item() > 3


def test_the_number_needed_holds_for_all_larger_sizes():
    verdicts = ["better", "worse", "better", "better"]
    curve = pd.DataFrame({"customers": [1, 2, 3, 4], "model": "net", "reference": "old", "verdict": verdicts})
    assert customers_needed(curve, "net") == 3
    assert customers_needed(curve.assign(verdict="no difference shown"), "net") is None
    assert customers_needed(curve[:2], "net") is None
    two = pd.concat([curve, curve.assign(reference="new", verdict="worse")])
    assert customers_needed(two, "net", reference="old") == 3
    assert customers_needed(two, "net", reference="new") is None
    with pytest.raises(ValueError, match="with None"):
        customers_needed(two, "net")
    with pytest.raises(ValueError, match="'tree' is not compared"):
        customers_needed(curve, "tree")
    with pytest.raises(ValueError, match="not compared"):
        customers_needed(curve.assign(model="old"), "old")
    with pytest.raises(ValueError, match="made with learning_curve"):
        customers_needed(None, "net")


def test_customers_with_numbers_and_with_names_are_all_customers():
    mixed = table()
    mixed["customer_id"] = mixed["customer_id"].astype(object).where(mixed.index > 5, "a name")
    curve = learning_curve({"a": BaseRate(), "b": Watcher(0.3)}, mixed, mixed, sizes=[10], random_state=0)
    assert curve["saved"].notna().any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"models": {}}, "at least one model"),
        ({"reference": "nobody"}, "reference 'nobody' is none of the models base"),
        ({"sizes": []}, "sizes are a list"),
        ({"sizes": 5}, "sizes are a list"),
        ({"sizes": None}, "sizes are a list"),
        ({"sizes": ["a"]}, "sizes must be whole numbers"),
        ({"level": "a"}, "level is a share"),
        ({"test": table().assign(came_back=2)}, "rows are neither true nor false"),
        ({"test": table().assign(came_back="no")}, "rows are neither true nor false"),
        ({"test": table().drop(columns="customer_id")}, "no customer_id"),
        ({"train": table().drop(columns="came_back")}, "no came_back"),
        ({"train": None}, "expected a table"),
        ({"train": table().assign(customer_id=None)}, "customer_id is missing in"),
        ({"sizes": [0]}, "sizes must be whole numbers"),
        ({"sizes": [10**6]}, "the customers there are"),
        ({"sizes": [True]}, "sizes must be whole numbers"),
        ({"n_repeats": 0}, "n_repeats"),
        ({"test": table().assign(came_back=True)}, "both kinds are needed"),
    ],
)
def test_a_race_that_cannot_be_run_is_refused(change, message):
    asked = {"models": {"base": BaseRate()}, "train": table(), "test": table(seed=1), "sizes": [10], "random_state": 0}
    asked |= change
    with pytest.raises(ValueError, match=message):
        learning_curve(asked.pop("models"), asked.pop("train"), asked.pop("test"), **asked)


def test_rhythms_hide_their_order_from_the_last_30_days_and_from_sums():
    log = make_rhythms(2000, random_state=0)
    snapshots = snapshot_table(log.lines, snapshot_dates=log.snapshot_dates)
    assert len(snapshots) == 6000
    assert snapshots["customer_id"].is_unique
    assert snapshots["orders"].eq(1).all()
    warm = snapshots["customer_id"].map(log.probability).to_numpy() > 0.2
    share = snapshots.groupby(warm)["came_back"].mean()
    assert share[True] == pytest.approx(0.4, abs=0.03)
    assert share[False] == pytest.approx(0.1, abs=0.02)
    for name in ("spend", "days_since_last_purchase"):
        one, other = snapshots.loc[warm, name], snapshots.loc[~warm, name]
        assert abs(one.mean() - other.mean()) < 4 * np.hypot(one.sem(), other.sem())
    first, last = (log.lines.groupby("customer_id")["timestamp"].agg(how).drop("end") for how in ("min", "max"))
    returned = snapshots.set_index("customer_id")["came_back"]
    length = (last - first).dt.days[~returned]
    kind = log.probability[length.index] > 0.2
    assert abs(length[kind].mean() - length[~kind].mean()) < 4 * np.hypot(length[kind].sem(), length[~kind].sem())
    train, test = snapshots[:2000], snapshots[4000:]
    told = ReturnModel(features=["spend", "days_since_last_purchase"]).fit(train).predict_probability(test)
    assert np.ptp(told) < 0.1


@pytest.mark.parametrize(("change", "message"), [({"n_customers": 1}, "n_customers"), ({"warm": 1.5}, "warm and cold")])
def test_rhythms_of_nobody_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        make_rhythms(**{"n_customers": 10, "random_state": 0} | change)
