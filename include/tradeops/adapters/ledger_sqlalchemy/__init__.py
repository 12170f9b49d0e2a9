"""The ledger on SQLAlchemy."""

from tradeops.adapters.ledger_sqlalchemy.ledger import SqlLedger, open_ledger
from tradeops.adapters.ledger_sqlalchemy.liveness import describe_process
from tradeops.adapters.ledger_sqlalchemy.tables import METADATA

__all__ = ["METADATA", "SqlLedger", "describe_process", "open_ledger"]
