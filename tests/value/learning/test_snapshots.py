"""Training snapshots: features before an origin, money after it, and every outcome known by the cut."""

import numpy as np
import pandas as pd
import pytest

from clvlib.value import customer_features, training_origins, training_snapshots


@pytest.fixture(scope="module")
def log():
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "customer_id": rng.integers(0, 40, 600),
            "timestamp": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 400, 600), unit="D"),
            "amount": rng.normal(20, 15, 600).round(2),
        }
    )


def test_every_origin_leaves_its_horizon_before_the_cut_and_its_history_after_the_start(log):
    start = log["timestamp"].min().normalize()
    origins = training_origins(log, cut="2025-01-01", horizon_days=90, n_origins=20, step_days=20)
    assert origins == sorted(origins)
    assert origins[-1] + pd.Timedelta(days=90) == pd.Timestamp("2025-01-01")
    assert origins[0] >= start + pd.Timedelta(days=30)
    assert origins[0] - pd.Timedelta(days=20) < start + pd.Timedelta(days=30), "as many as the log allows"
    assert len(training_origins(log, cut="2025-01-01", horizon_days=90)) == 3


def test_targets_are_the_net_money_of_the_half_open_window(log):
    origins = ["2024-05-01", "2024-07-01"]
    table = training_snapshots(log, origins=origins, horizon_days=60)
    for origin in map(pd.Timestamp, origins):
        rows = table[table["origin"] == origin]
        inside = log[(log["timestamp"] >= origin) & (log["timestamp"] < origin + pd.Timedelta(days=60))]
        expected = inside.groupby("customer_id")["amount"].sum().reindex(rows["customer_id"], fill_value=0.0)
        np.testing.assert_allclose(rows["holdout_amount"], expected)
        plain = customer_features(log, cut=origin)
        pd.testing.assert_frame_equal(rows[plain.columns].reset_index(drop=True), plain)
    assert (table["holdout_amount"] < 0).any(), "returns are deducted, also where nothing else came"


def test_a_purchase_and_its_return_leave_nothing_and_no_dust():
    lines = pd.DataFrame({"customer_id": "a", "amount": [5.0, 0.1, 0.2, -0.3], "timestamp": pd.Timestamp("2024-01-03")})
    lines.loc[0, "timestamp"] = pd.Timestamp("2024-01-01")
    assert lines["amount"].iloc[1:].sum() != 0
    table = training_snapshots(lines, origins=["2024-01-02"], horizon_days=2)
    assert table["holdout_amount"].tolist() == [0.0]


def test_lines_from_known_until_on_are_not_looked_at(log):
    cut = pd.Timestamp("2024-10-01")
    origins = training_origins(log, cut=cut, horizon_days=90)
    table = training_snapshots(log, origins=origins, horizon_days=90, known_until=cut)
    future = log.assign(amount=log["amount"].where(log["timestamp"] < cut, 1e9))
    pd.testing.assert_frame_equal(training_snapshots(future, origins=origins, horizon_days=90, known_until=cut), table)
    with pytest.raises(ValueError, match=r"reach beyond 2024-10-01.*use origins up to 2024-07-03"):
        training_snapshots(log, origins=["2024-09-01"], horizon_days=90, known_until=cut)


def test_a_log_that_is_too_short_says_how_long_it_is_and_what_to_do(log):
    with pytest.raises(
        ValueError, match=r"takes 303 days before 1997-10-01, and the log has 273.*shorten horizon_days"
    ):
        training_origins(
            pd.DataFrame({"timestamp": pd.to_datetime(["1997-01-01", "1997-09-30"])}),
            cut="1997-10-01",
            horizon_days=273,
        )


def test_bad_input(log):
    with pytest.raises(ValueError, match="no lines"):
        training_origins(log.head(0), cut="2024-10-01", horizon_days=30)
    with pytest.raises(ValueError, match="step_days must be at least 1, got 0"):
        training_origins(log, cut="2024-10-01", horizon_days=30, step_days=0)
    with pytest.raises(ValueError, match="horizon_days must be at least 1"):
        training_origins(log, cut="2024-10-01", horizon_days=0)
    with pytest.raises(ValueError, match="no origin"):
        training_snapshots(log, origins=[], horizon_days=30)
    with pytest.raises(ValueError, match="1 of 2 origins stand there twice"):
        training_snapshots(log, origins=["2024-05-01", "2024-05-01"], horizon_days=30)
    with pytest.raises(ValueError, match="no lines"):
        training_snapshots(log.head(0), origins=["2024-05-01"], horizon_days=30)
