"""Any transaction log in, a validated ledger out: kept + rejected = read, to the line and to the cent."""

from clvlib.transactions.errors import LogError
from clvlib.transactions.ledger import Ledger
from clvlib.transactions.read import read_transactions

__all__ = ["Ledger", "LogError", "read_transactions"]
