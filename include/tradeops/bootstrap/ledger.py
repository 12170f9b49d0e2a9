"""Joins the ledger port to its adapter."""

from tradeops.adapters.ledger_sqlalchemy.copies import PostgresCopies, SqliteCopies
from tradeops.adapters.ledger_sqlalchemy.ledger import SqlLedger, open_ledger
from tradeops.bootstrap.schemes import refuse_scheme
from tradeops.ports.ledger_copies import LedgerCopies

SQLITE, POSTGRES = "sqlite:", "postgresql+psycopg:"


def open_ledger_by_url(url: str) -> SqlLedger:
    """The ledger of `TRADEOPS_LEDGER_URL`.

    Raises:
        ConfigurationError: No adapter serves the URL.
    """
    _check(url)
    return open_ledger(url)


def open_ledger_copies(url: str) -> LedgerCopies:
    """What copies the ledger of `TRADEOPS_LEDGER_URL`.

    Raises:
        ConfigurationError: No adapter serves the URL.
    """
    _check(url)
    return PostgresCopies(url) if url.startswith(POSTGRES) else SqliteCopies(url)


def _check(url: str) -> None:
    if not url.startswith((SQLITE, POSTGRES)):
        raise refuse_scheme("TRADEOPS_LEDGER_URL", url, "sqlite, postgresql+psycopg")
