"""One rate for a log whose costs are known in part, and the logs that have none."""

import numpy as np
import pandas as pd
import pytest

from clvlib.transactions import known_margin_rate

LINES = pd.DataFrame(
    {"amount": [10.0, 10.0, -10.0, 4.0], "quantity": [1.0, 1.0, -1.0, 1.0], "unit_cost": [6.0, 6.0, 6.0, np.nan]}
)


def test_a_return_takes_its_margin_back_and_an_unknown_cost_has_the_rate():
    assert known_margin_rate(LINES, margin_rate=0.5) == pytest.approx((4 + 4 - 4 + 2) / 14)


def test_without_costs_it_is_the_rate_itself():
    assert known_margin_rate(LINES.drop(columns="unit_cost"), margin_rate=0.3) == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (LINES.assign(amount=-1.0), "add up to -4.00"),
        (LINES.assign(unit_cost=600.0), "check unit_cost, which is per piece"),
        (LINES.drop(columns="quantity"), "a column quantity"),
    ],
)
def test_logs_without_a_rate_are_refused(lines, said):
    with pytest.raises(ValueError, match=said):
        known_margin_rate(lines, margin_rate=0.3)
