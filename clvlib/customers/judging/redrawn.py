"""The same customers with other luck: histories drawn anew from what a purchase model and a spend model believe.

Of each customer a BG/NBD model (Fader, Hardie & Lee 2005, Marketing Science 24(2)) and a Gamma-Gamma model (Fader &
Hardie 2013, note 025) know a distribution of the own purchase rate lambda, the own chance p of leaving after a repeat
purchase, and the own spend rate nu, given the history (x, t_x, T, m). All are conjugate::

    P(alive)  = 1 / (1 + a / (b + x - 1) ((alpha + T) / (alpha + t_x))^(r + x))      for x > 0, else 1
    alive     : lambda ~ Gamma(r + x, alpha + T),   p ~ Beta(a, b + x)
    gone      : lambda ~ Gamma(r + x, alpha + t_x), p ~ Beta(a + 1, b + x - 1)
    nu        ~ Gamma(q + p_spend x, gamma + x m)

In the modified model (MBG/NBD; Batislam, Denizel & Filiztekin 2007) the first purchase is a chance to leave as well:
the same with b + 1 in place of b, P(alive) below 1 for x = 0 too, and who is gone at x = 0 left on the first day::

    P(alive)  = 1 / (1 + a / (b + x) ((alpha + T) / (alpha + t_x))^(r + x))          for every x
    alive     : p ~ Beta(a, b + x + 1);   gone : p ~ Beta(a + 1, b + x)

so that a redraw costs a handful of random numbers a customer, whatever the length of the history.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from clvlib.customers._checks import frame, number, whole

__all__ = ["continued_histories", "redrawn_histories"]

_COLUMNS = ("frequency", "recency", "T", "monetary_value")


def redrawn_histories(
    summary: pd.DataFrame,
    *,
    purchases: Mapping[str, float],
    spend: Mapping[str, float],
    n_draws: int,
    random_state: int | np.random.Generator,
    leaving: bool = False,
    leave_at_first: bool = False,
) -> pd.DataFrame:
    """What might the log say of the same customers, had chance dealt differently since their first purchase?

    Draws each customer's own rate, the end of their time (now, or gone with the last purchase) and their spend rate
    from what the history says of them, and lets purchases fall and amounts come out once more.

    Parameters
    ----------
    summary : one row a customer, as :func:`clvlib.rfm.rfm_summary` gives it.
    purchases : ``r``, ``alpha``, ``a``, ``b`` of a BG/NBD or MBG/NBD model fitted in the summary's time unit
        (``params_``).
    spend : ``p``, ``q``, ``gamma`` of a Gamma-Gamma model (``params_``), gamma in currency.
    n_draws : histories a customer.
    leaving : False keeps the time that each customer was there, so that all that differs is luck in buying. True draws
        the leaving anew as well: who is here might have left, who has left might be here.
    leave_at_first : whether a customer may leave straight after the first purchase: False for the parameters of
        BG/NBD (:class:`clvlib.value.BetaGeoModel`), True for those of MBG/NBD
        (:class:`clvlib.value.ModifiedBetaGeoModel`). The four names are the same, the models are not.

    Returns
    -------
    DataFrame of n_draws * n_customers rows, all customers of draw 0 first, in the summary's order: ``draw``, then the
    summary's columns. ``prediction.to_numpy().reshape(n_draws, -1).T`` is then of shape (n_customers, n_draws).

    ValueError: a column or a parameter missing, NaN or out of its range; n_draws below 1.

    >>> summary = pd.DataFrame({"customer_id": ["a"], "frequency": [2.0], "recency": [30.4], "T": [38.9],
    ...                         "monetary_value": [22.4], "time_unit_days": [7.0]})
    >>> redrawn = redrawn_histories(summary, purchases=dict(r=0.24, alpha=4.4, a=0.79, b=2.43),
    ...                             spend=dict(p=6.25, q=3.74, gamma=15.4), n_draws=1000, random_state=0)
    >>> len(redrawn), bool(1.0 < redrawn["frequency"].mean() < 3.0), bool(redrawn["recency"].max() <= 38.9)
    (1000, True, True)
    """
    x, t_x, T, m, rng = _checked(summary, purchases, spend, n_draws, random_state)
    alive, rate, leave, nu = _individuals(x, t_x, T, m, purchases, spend, rng, leave_at_first)
    if leaving:
        bought, possible = _purchases(rate, leave, T, rng, chance_before=leave_at_first)
        recency = T * _order_statistic(bought, possible, rng)
    else:
        # purchases that end a customer's time come at rate lambda p, the others at lambda (1 - p), independently; given
        # the time, only the others are drawn, and the one that ended it stays (a first purchase is no repeat purchase)
        bought = rng.poisson(rate * (1 - leave) * np.where(alive, T, t_x)) + np.where(alive | (x == 0), 0.0, 1.0)
        recency = np.where(alive, T * _order_statistic(bought, bought, rng), t_x)
    spent = _spent(bought, nu, spend, rng)
    mean = np.divide(spent, bought, where=bought > 0, out=np.zeros(len(x)))
    return _table(summary, n_draws, bought, recency, T, mean)


def continued_histories(
    summary: pd.DataFrame,
    *,
    purchases: Mapping[str, float],
    spend: Mapping[str, float],
    days: float,
    n_draws: int,
    random_state: int | np.random.Generator,
    leaving: bool = False,
    leave_at_first: bool = False,
) -> pd.DataFrame:
    """What might the log say ``days`` later, if customers are what the models believe them to be?

    leaving: False keeps everybody who is still there for the whole time: customers go on at rates that do not change,
    nobody is lost, and all that moves is luck (and what is learnt of those who had left unseen already). True lets
    them leave as the model expects. Other arguments, the result and the errors as :func:`redrawn_histories`;
    ``T`` is longer by ``days``.

    >>> summary = pd.DataFrame({"customer_id": ["a"], "frequency": [2.0], "recency": [30.4], "T": [38.9],
    ...                         "monetary_value": [22.4], "time_unit_days": [7.0]})
    >>> later = continued_histories(summary, purchases=dict(r=0.24, alpha=4.4, a=0.79, b=2.43), days=91,
    ...                             spend=dict(p=6.25, q=3.74, gamma=15.4), n_draws=1000, random_state=0)
    >>> float(later["frequency"].min()), later["T"].unique().tolist()
    (2.0, [51.9])
    """
    if not 0 < number("days", days) < np.inf:
        raise ValueError(f"days is a length of time above zero, got {days!r}")
    x, t_x, T, m, rng = _checked(summary, purchases, spend, n_draws, random_state)
    unit = np.tile(summary["time_unit_days"].to_numpy(dtype=float), n_draws) if "time_unit_days" in summary else 7.0
    ahead = np.broadcast_to(days / unit, T.shape)
    alive, rate, leave, nu = _individuals(x, t_x, T, m, purchases, spend, rng, leave_at_first)
    bought, possible = _purchases(np.where(alive, rate, 0.0), leave if leaving else np.zeros(len(x)), ahead, rng)
    recency = np.where(bought > 0, T + ahead * _order_statistic(bought, possible, rng), t_x)
    spent = x * m + _spent(bought, nu, spend, rng)
    total = x + bought
    mean = np.divide(spent, total, where=total > 0, out=np.zeros(len(x)))
    return _table(summary, n_draws, total, recency, T + ahead, mean)


def _checked(summary, purchases, spend, n_draws, random_state) -> tuple:
    n_draws = whole("n_draws", n_draws)
    needs = (("purchases", purchases, ("r", "alpha", "a", "b")), ("spend", spend, ("p", "q", "gamma")))
    for what, given, needed in needs:
        if not isinstance(given, Mapping):
            raise ValueError(f"{what} must be a mapping of {', '.join(needed)}, not {type(given).__name__}")
        wrong = [name for name in needed if not (name in given and 0 < number(name, given[name]) < np.inf)]
        if wrong:
            model = "BetaGeoModel or ModifiedBetaGeoModel" if what == "purchases" else "GammaGammaModel"
            raise ValueError(
                f"{what} needs {', '.join(needed)} above zero; {', '.join(wrong)} is missing or not. "
                f"Give the params_ of a fitted {model}"
            )
    frame("the summary", summary, _COLUMNS, remedy="make it with clvlib.rfm.rfm_summary")
    values = summary[list(_COLUMNS)].to_numpy(dtype=float)
    x, t_x, T, m = values.T
    wrong = ~np.isfinite(values).all(axis=1) | (x < 0) | (t_x < 0) | (t_x > T)
    if wrong.any() or not len(values):
        raise ValueError(
            f"{int(wrong.sum())} of {len(values)} rows are NaN, negative, or have a recency beyond T; "
            "make the summary with clvlib.rfm.rfm_summary"
        )
    # a mean spend of zero or less (returns) says nothing that the spend model could use
    columns = [np.tile(column, n_draws) for column in (x, t_x, T, np.maximum(m, 0.0))]
    return *columns, np.random.default_rng(random_state)


def _individuals(x, t_x, T, m, purchases, spend, rng, leave_at_first) -> tuple[np.ndarray, ...]:
    """Whether alive at T, purchase rate, chance of leaving, spend rate: each of shape (n,)."""
    r, alpha, a, b = (float(purchases[name]) for name in ("r", "alpha", "a", "b"))
    stayed = x + leave_at_first  # how often they could have left, and did not, if they are still there
    longer = np.exp(np.minimum((r + x) * np.log((alpha + T) / (alpha + t_x)), 700.0))
    odds = np.where(stayed > 0, a / np.where(stayed > 0, b + stayed - 1, 1.0) * longer, 0.0)
    alive = rng.random(len(x)) < 1 / (1 + odds)
    rate = rng.standard_gamma(r + x) / (alpha + np.where(alive, T, t_x))
    leave = rng.beta(np.where(alive, a, a + 1), np.where(alive, b + stayed, np.maximum(b + stayed - 1, 1e-9)))
    known = np.where(m > 0, x, 0.0)
    nu = rng.standard_gamma(spend["q"] + spend["p"] * known) / (spend["gamma"] + known * m)
    return alive, rate, leave, nu


def _purchases(rate, leave, length, rng, *, chance_before: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Purchases made within ``length``, and how many there would have been had nobody left.

    ``chance_before``: there is a chance to leave before the first of them.
    """
    possible = rng.poisson(rate * length)
    with np.errstate(divide="ignore", over="ignore"):
        last = np.floor(rng.standard_exponential(len(rate)) / -np.log1p(-np.minimum(leave, 1 - 1e-12)))
    last += not chance_before
    return np.minimum(possible, last).astype(float), possible.astype(float)


def _order_statistic(bought, possible, rng) -> np.ndarray:
    """When the last purchase made falls, as a share: the ``bought``-th smallest of ``possible`` uniform moments."""
    some = bought > 0
    share = np.zeros(len(bought))
    share[some] = rng.beta(bought[some], possible[some] - bought[some] + 1)
    return share


def _spent(bought, nu, spend, rng) -> np.ndarray:
    some = bought > 0
    amount = np.zeros(len(bought))
    amount[some] = rng.standard_gamma(spend["p"] * bought[some]) / nu[some]
    return amount


def _table(summary, n_draws, x, t_x, T, m) -> pd.DataFrame:
    n = len(summary)
    columns = {"draw": np.repeat(np.arange(n_draws), n)}
    if "customer_id" in summary:
        columns["customer_id"] = np.tile(summary["customer_id"].to_numpy(), n_draws)
    columns |= {"frequency": x, "recency": t_x, "T": T, "monetary_value": m}
    if "time_unit_days" in summary:
        columns["time_unit_days"] = np.tile(summary["time_unit_days"].to_numpy(dtype=float), n_draws)
    return pd.DataFrame(columns)
