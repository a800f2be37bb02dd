"""What the logistic models of this room share: features taken out of a table, and a covariance by customers."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

__all__ = ["clustered_covariance", "feature_matrix"]


def feature_matrix(table: pd.DataFrame, names: Sequence[str]) -> np.ndarray:
    """The named columns, shape (n_rows, n_features); ValueError for one that is absent, NaN or negative.

    >>> feature_matrix(pd.DataFrame({"orders": [1, 2]}), ["orders"]).tolist()
    [[1.0], [2.0]]
    """
    absent = [name for name in names if name not in table]
    if absent:
        raise ValueError(f"the table has no {', '.join(absent)}; it has {', '.join(map(str, table.columns))}")
    x = table[list(names)].to_numpy(dtype=float)
    wrong = ~(np.isfinite(x) & (x >= 0))
    if wrong.any():
        bad = [name for name, column in zip(names, wrong.any(axis=0), strict=True) if column]
        raise ValueError(f"{', '.join(bad)}: {int(wrong.any(axis=1).sum())} of {len(x)} rows are NaN or negative")
    return x


def clustered_covariance(
    design: np.ndarray, outcome: np.ndarray, probability: np.ndarray, customer: pd.Series, *, penalty: np.ndarray
) -> np.ndarray:
    """Covariance of a logistic regression's coefficients where a customer's rows depend on each other.

    The cluster-robust sandwich (Liang & Zeger 1986, Biometrika 73, p. 13) with the factor n / (n - 1) for n customers.

    design: shape (n_rows, n_coefficients), with the intercept's column where there is one. outcome, probability: shape
    (n_rows,). customer: who each row is of. penalty: weight of each squared coefficient, shape (n_coefficients,).

    >>> x = np.ones((4, 1))
    >>> clustered_covariance(x, np.array([0, 1, 0, 1]), np.full(4, 0.5), pd.Series([*"abcd"]), penalty=np.zeros(1))
    array([[1.33333333]])
    """
    weight = probability * (1 - probability)
    bread = np.linalg.inv(design.T @ (design * weight[:, None]) + np.diag(penalty))
    code = pd.factorize(customer)[0]
    n = int(code.max()) + 1
    rows = design * (outcome - probability)[:, None]
    score = np.column_stack([np.bincount(code, weights=column, minlength=n) for column in rows.T])
    return bread @ (score.T @ score) @ bread * n / max(n - 1, 1)
