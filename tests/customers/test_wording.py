"""A figure and its interval as people read them."""

import numpy as np
import pytest

from clvlib.customers import interval_text


def test_digits_percent_and_thousands():
    assert interval_text([1234.56], [1000.0], [2000.0], digits=1) == ["1,234.6 [1,000.0, 2,000.0]"]
    assert interval_text(0.5, 0.25, 0.75, percent=True) == ["50 [25, 75]"]
    assert interval_text(-0.01, -1.0, 1.0, digits=1) == ["0.0 [-1.0, 1.0]"]


def test_what_is_missing_is_no_number():
    assert interval_text([np.nan, 2.0], [np.nan, np.nan], [np.nan, 3.0], missing="not recorded") == [
        "not recorded",
        "2",
    ]


def test_lengths_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="one length"):
        interval_text([1.0, 2.0], [1.0, 2.0, 3.0], [1.0, 2.0])
