"""Joins the ledger port to its adapter."""

from tradeops.adapters.ledger_sqlalchemy.ledger import SqlLedger, open_ledger
from tradeops.bootstrap.schemes import refuse_scheme


def open_ledger_by_url(url: str) -> SqlLedger:
    """The ledger of `TRADEOPS_LEDGER_URL`.

    Raises:
        ConfigurationError: No adapter serves the URL.
    """
    if not url.startswith(("sqlite:", "postgresql+psycopg:")):
        raise refuse_scheme("TRADEOPS_LEDGER_URL", url, "sqlite, postgresql+psycopg")
    return open_ledger(url)
