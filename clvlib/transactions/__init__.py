"""Any transaction log in, a validated ledger out: kept + rejected = read, to the line and to the cent."""

from clvlib.transactions.errors import LogError
from clvlib.transactions.ledger import Ledger
from clvlib.transactions.margins import known_margin_rate, line_margins
from clvlib.transactions.read import read_transactions

__all__ = ["Ledger", "LogError", "known_margin_rate", "line_margins", "read_transactions"]
