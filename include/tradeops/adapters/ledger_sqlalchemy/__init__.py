"""The ledger on SQLAlchemy."""

from tradeops.adapters.ledger_sqlalchemy.ledger import SqlLedger, open_ledger
from tradeops.adapters.ledger_sqlalchemy.tables import METADATA

__all__ = ["METADATA", "SqlLedger", "open_ledger"]
