"""What a line leaves after the cost of goods: from its own cost where the log has it, from a stated rate elsewhere."""

import numpy as np
import pandas as pd

__all__ = ["known_margin_rate", "line_margins"]


def line_margins(lines: pd.DataFrame, *, margin_rate: float) -> pd.Series:
    """What does each line of a log leave after the cost of goods? Currency, index of ``lines``.

    amount - unit_cost * quantity where the line has both; elsewhere amount * ``margin_rate``, a share in (0, 1] that
    somebody has to answer for. A return takes its margin back. Shipping, staff and advertising are not in it.

    ValueError: a log without ``amount``, with ``unit_cost`` but no ``quantity``, or with an amount that is not
    finite; a ``margin_rate`` outside (0, 1].

    >>> lines = pd.DataFrame({"amount": [10.0, 8.0], "quantity": [2.0, 1.0], "unit_cost": [3.0, None]})
    >>> line_margins(lines, margin_rate=0.25).tolist()
    [4.0, 2.0]
    """
    if not 0 < margin_rate <= 1:
        raise ValueError(f"margin_rate is a share of the amount in (0, 1], got {margin_rate}.")
    needed = ["amount", "quantity"] if "unit_cost" in lines.columns else ["amount"]
    for column in needed:
        if column not in lines.columns:
            raise ValueError(f"Margins need a column {column}; there are {', '.join(map(str, lines.columns))}.")
    bad = int((~np.isfinite(lines["amount"].to_numpy(dtype=float))).sum())
    if bad:
        raise ValueError(f"{bad} of {len(lines)} lines have an amount that is missing or infinite; drop them first.")
    margin = lines["amount"] * margin_rate
    if "unit_cost" in lines.columns:
        known = lines["amount"] - lines["unit_cost"].astype(float) * lines["quantity"].astype(float)
        margin = known.where(np.isfinite(known), margin)
    return margin.rename("margin")


def known_margin_rate(lines: pd.DataFrame, *, margin_rate: float) -> float:
    """Which share of the amount is left after the cost of goods, as far as this log knows? In (0, 1] where it is sound.

    The sum of :func:`line_margins` over the sum of amounts: ``margin_rate`` itself in a log without ``unit_cost``. For
    figures that need one rate for all; pass lines before the cut, where a later period is the check.

    ValueError: what :func:`line_margins` refuses, amounts whose sum is not positive, a margin that is not positive.

    >>> lines = pd.DataFrame({"amount": [10.0, 8.0], "quantity": [2.0, 1.0], "unit_cost": [3.0, None]})
    >>> round(known_margin_rate(lines, margin_rate=0.25), 4)
    0.3333
    """
    margin, amount = float(line_margins(lines, margin_rate=margin_rate).sum()), float(lines["amount"].sum())
    if not amount > 0:
        raise ValueError(f"the amounts of {len(lines)} lines add up to {amount:,.2f}: there is no rate to speak of")
    if not 0 < margin <= amount:
        raise ValueError(
            f"{len(lines)} lines of {amount:,.2f} leave a margin of {margin:,.2f}; check unit_cost, which is per piece"
        )
    return margin / amount
