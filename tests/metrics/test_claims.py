"""clvlib.metrics.claims against brute force over every confusion matrix, real tests, and the documents' figures."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score, precision_score, recall_score

from clvlib.datasets.toy import CHURN_METRICS, CLV_METRICS
from clvlib.metrics.claims import attainable, implied_base_rate, same_test_set

METRICS = ("accuracy", "recall", "precision", "f1")
N_BRUTE = 9
LOGISTIC, NETWORK = CLV_METRICS["logistic regression"], CLV_METRICS["neural network"]


def _matrices(n):
    for tp, fp, fn in itertools.product(range(n + 1), repeat=3):
        if tp + fp + fn <= n:
            yield tp, fp, fn, n - tp - fp - fn


def _share(part, whole):
    return Fraction(part, whole) if whole else Fraction(0)


def _metrics(tp, fp, fn, tn):
    return {
        "accuracy": Fraction(tp + tn, tp + fp + fn + tn),
        "recall": _share(tp, tp + fn),
        "precision": _share(tp, tp + fp),
        "f1": _share(2 * tp, 2 * tp + fp + fn),
    }


def _agrees(row, matrix):
    values = _metrics(*matrix)
    return all(
        abs(values[name] - Fraction(figure)) <= Fraction(1, 2 * 10 ** len(figure.partition(".")[2]))
        for name, figure in row.items()
    )


def _brute_positives(row, n):
    return {matrix[0] + matrix[2] for matrix in _matrices(n) if _agrees(row, matrix)}


def _figures():
    """A share as printed with a few decimals, often one that small test sets have."""
    shares = {i / q for q in range(1, N_BRUTE + 1) for i in range(q + 1)}
    likely = st.sampled_from(sorted(f"{share:.{decimals}f}" for share in shares for decimals in range(4)))
    return likely | st.integers(0, 1000).map(lambda i: f"{i / 1000:.3f}")


ROWS = st.dictionaries(st.sampled_from(METRICS), _figures(), min_size=1)


@settings(deadline=None)
@given(ROWS)
@example({"recall": "0.0", "accuracy": "1.0"})  # no positives at all
@example({"precision": "0.00", "recall": "0.00", "f1": "0.00"})
@example({"accuracy": "0.5", "f1": "0.5", "recall": "1"})
@example({"f1": "0.05"})  # its lower end is exactly 0.045
def test_sizes_are_those_of_brute_force_over_all_matrices(row):
    assert attainable(**row, n_max=N_BRUTE) == [n for n in range(1, N_BRUTE + 1) if _brute_positives(row, n)]


@settings(deadline=None)
@given(st.lists(ROWS, min_size=2, max_size=3))
@example([{"accuracy": "1.00", "f1": "1.00"}, {"accuracy": "0.90", "recall": "0.00"}])
def test_sharing_is_that_of_brute_force_over_all_matrices(rows):
    n_max = 6
    expected = any(set.intersection(*(_brute_positives(row, n) for row in rows)) for n in range(1, n_max + 1))
    assert same_test_set(rows, n_max=n_max) is expected


@settings(deadline=None)
@given(
    st.tuples(*[st.integers(0, 150)] * 4).filter(sum),
    st.sampled_from([".0f", ".2f", ".3f", ".5f", "r"]),
    st.sets(st.sampled_from(METRICS), min_size=1),
)
def test_a_real_matrix_is_found_however_its_metrics_were_printed(matrix, form, names):
    values = {name: float(value) for name, value in _metrics(*matrix).items() if name in names}
    row = {name: repr(value) if form == "r" else f"{value:{form}}" for name, value in values.items()}
    assert sum(matrix) in attainable(**row, n_max=sum(matrix))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
@pytest.mark.parametrize("base_rate", [0.0, 0.02, 0.4, 1.0])
def test_two_models_on_one_test_set_as_scikit_learn_prints_them(base_rate):
    rng = np.random.default_rng(0)
    truth = rng.random(230) < base_rate
    rows = []
    for noise in (0.1, 0.35):
        guess = truth ^ (rng.random(230) < noise)
        scores = accuracy_score, recall_score, precision_score, f1_score
        row = {name: str(float(score(truth, guess))) for name, score in zip(METRICS, scores, strict=True)}
        assert 230 in attainable(**row, n_max=230)
        rows.append(row)
    assert same_test_set(rows, n_max=230)


def test_errata_e25_no_matrix_of_up_to_3000_cases_gives_the_logistic_row():
    assert attainable(**LOGISTIC, n_max=3000) == []


def test_errata_e25_at_160_cases_the_f1_would_be_another():
    assert 160 in attainable(accuracy="0.85625", recall="0.78125", f1="0.8130")
    assert 160 in attainable(accuracy="0.875", recall="0.85938", f1="0.8462")
    assert Fraction(2 * 50, 2 * 50 + 23) == pytest.approx(0.8130, abs=5e-5)
    assert Fraction(2 * 55, 2 * 55 + 20) == pytest.approx(0.8462, abs=5e-5)


def test_errata_e25_the_two_rows_imply_different_base_rates():
    logistic, network = implied_base_rate(**LOGISTIC), implied_base_rate(**NETWORK)
    assert logistic[1] == pytest.approx(0.4098, abs=5e-5)
    assert network[1] == pytest.approx(0.4632, abs=5e-5)
    assert logistic[2] < network[0]  # not a matter of rounding, for no size of the test set
    assert same_test_set([LOGISTIC, NETWORK]) is False


def test_errata_e34_the_retention_row_is_attainable_and_can_share_with_itself():
    assert 100 in attainable(**CHURN_METRICS)
    assert same_test_set([CHURN_METRICS, CHURN_METRICS], n_max=100)


def test_trailing_zeros_count():
    assert attainable(accuracy="0.8", n_max=7) == [4, 5, 6]  # 3/4, 4/5, 5/6
    assert attainable(accuracy="0.80", n_max=7) == [5]


def test_both_ends_of_the_rounding_interval_belong_to_it():
    assert attainable(accuracy="0.12", n_max=8) == [8]  # 1/8 = 0.125, rounded half to even
    assert attainable(accuracy="0.13", n_max=8) == [8]  # and half up
    assert attainable(accuracy="0.14", n_max=8) == [7]


@settings(deadline=None)
@given(st.tuples(*[st.integers(1, 300)] * 4))
def test_base_rate_is_that_of_the_matrix_and_lies_in_its_own_interval(matrix):
    row = {name: f"{float(value):.6f}" for name, value in _metrics(*matrix).items() if name != "precision"}
    low, rate, high = implied_base_rate(**row)
    assert low < rate < high
    assert low <= (matrix[0] + matrix[2]) / sum(matrix) <= high


@pytest.mark.parametrize(
    ("row", "error", "message"),
    [
        ({}, ValueError, "no figure given"),
        ({"accuracy": 0.85}, TypeError, "accuracy must be a string"),
        ({"accuracy": "85%"}, ValueError, "85% is '0.85'"),
        ({"accuracy": "1.01"}, ValueError, "from 0 to 1"),
        ({"recall": "-0.1"}, ValueError, "recall must be a decimal number"),
        ({"recall": "nan"}, ValueError, "recall must be a decimal number"),
        ({"f1": ""}, ValueError, "f1 must be a decimal number"),
        ({"f1": "."}, ValueError, "f1 must be a decimal number"),
        ({"precision": "0,85"}, ValueError, "precision must be a decimal number"),
        ({"accuracy": "0.85", "n_max": 0}, ValueError, "at least one case"),
        ({"accuracy": "0.85", "n_max": 10.5}, TypeError, "integer"),
    ],
)
def test_malformed_input_is_named(row, error, message):
    with pytest.raises(error, match=message):
        attainable(**row)


def test_rows_that_cannot_be_compared_are_refused():
    with pytest.raises(ValueError, match="two or more"):
        same_test_set([LOGISTIC])
    with pytest.raises(ValueError, match=r"unknown metrics \['F1'\]"):
        same_test_set([LOGISTIC, {"F1": "0.8"}])
    with pytest.raises(ValueError, match="no figure given"):
        same_test_set([LOGISTIC, {}])


@pytest.mark.parametrize("row", [{"recall": "0.0", "f1": "0.5"}, {"recall": "0.8", "f1": "1.0"}])
def test_base_rate_without_hits_or_without_errors_is_refused(row):
    with pytest.raises(ValueError, match="not determined"):
        implied_base_rate(accuracy="0.9", **row)
