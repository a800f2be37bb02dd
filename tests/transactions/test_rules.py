"""The contract of kept lines: what the row-wise reading would have to have missed, it stops."""

import numpy as np
import pandas as pd
import pandera.errors
import pytest

from clvlib.transactions import read_transactions
from clvlib.transactions.rules import contract

AS_OF = pd.Timestamp("2011-12-10")


@pytest.fixture
def lines():
    log = pd.DataFrame(
        {"customer_id": ["1", "2"], "timestamp": "2011-12-09", "amount": [1.0, 2.0], "quantity": [1.0, None]}
    )
    return read_transactions(log).lines


def test_a_ledgers_lines_fulfil_the_contract(lines):
    contract(AS_OF, list(lines)).validate(lines)


@pytest.mark.parametrize(
    ("column", "value", "told"),
    [
        ("amount", np.nan, "amount"),
        ("amount", np.inf, "amount is infinite"),
        ("amount", 2e12, "amount is beyond"),
        ("quantity", -np.inf, "quantity is infinite"),
        ("timestamp", pd.Timestamp("2011-12-11"), "future"),
        ("timestamp", pd.NaT, "timestamp"),
        ("customer_id", None, "customer_id"),
    ],
)
def test_each_rule_stops_a_line_that_breaks_it(lines, column, value, told):
    lines = lines.copy()
    lines.loc[1, column] = value
    with pytest.raises(pandera.errors.SchemaError, match=told):
        contract(AS_OF, list(lines)).validate(lines)


@pytest.mark.parametrize(
    ("column", "dtype"), [("customer_id", "int64"), ("timestamp", "datetime64[ns]"), ("amount", "float32")]
)
def test_a_wrong_dtype_breaks_the_contract(lines, column, dtype):
    with pytest.raises(pandera.errors.SchemaError, match=f"{column} is not"):
        contract(AS_OF, list(lines)).validate(lines.astype({column: dtype}))


def test_a_column_too_many_breaks_the_contract(lines):
    with pytest.raises(pandera.errors.SchemaErrors, match="extra"):
        contract(AS_OF, list(lines)).validate(lines.assign(extra=1))
