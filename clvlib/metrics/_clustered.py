"""How sure logistic coefficients are where the rows of one customer depend on each other."""

import numpy as np

__all__ = ["clustered_covariance"]


def clustered_covariance(
    design: np.ndarray,
    outcome: np.ndarray,
    probability: np.ndarray,
    customer: np.ndarray,
    *,
    penalty: np.ndarray | float = 0.0,
) -> np.ndarray:
    """Covariance of a logistic regression's coefficients, whole customers taken as one piece of evidence.

    The cluster-robust sandwich (Liang & Zeger 1986, Biometrika 73, p. 13) with the factor n / (n - 1) for n customers.

    design: shape (n_rows, n_coefficients), with the intercept's column where there is one. outcome, probability: shape
    (n_rows,). customer: codes from 0, shape (n_rows,). penalty: weight of each squared coefficient.

    >>> clustered_covariance(np.ones((4, 1)), np.array([0, 1, 0, 1]), np.full(4, 0.5), np.arange(4))
    array([[1.33333333]])
    """
    weight = probability * (1 - probability)
    bread = np.linalg.inv(design.T @ (design * weight[:, None]) + penalty * np.eye(design.shape[1]))
    n = int(customer.max()) + 1
    rows = design * (outcome - probability)[:, None]
    score = np.column_stack([np.bincount(customer, weights=column, minlength=n) for column in rows.T])
    return bread @ (score.T @ score) @ bread * n / max(n - 1, 1)
