"""The ledger, put together from its parts."""

from typing import Self

from tradeops.adapters.databases import open_database
from tradeops.adapters.ledger_sqlalchemy.bookkeeping import SqlBookKeeping
from tradeops.adapters.ledger_sqlalchemy.boxes import SqlBoxes
from tradeops.adapters.ledger_sqlalchemy.claims import SqlCycleClaims
from tradeops.adapters.ledger_sqlalchemy.configuration import SqlConfiguration
from tradeops.adapters.ledger_sqlalchemy.decision_reads import SqlDecisionReads
from tradeops.adapters.ledger_sqlalchemy.decisions import SqlDecisionLog
from tradeops.adapters.ledger_sqlalchemy.market_clock import SqlMarketClock
from tradeops.adapters.ledger_sqlalchemy.promotions import SqlPromotions
from tradeops.adapters.ledger_sqlalchemy.schema import migrate_if_behind
from tradeops.adapters.ledger_sqlalchemy.trading_window import SqlTradingWindow
from tradeops.adapters.ledger_sqlalchemy.verification import SqlChains


class SqlLedger(
    SqlCycleClaims,
    SqlDecisionLog,
    SqlDecisionReads,
    SqlBoxes,
    SqlBookKeeping,
    SqlConfiguration,
    SqlMarketClock,
    SqlPromotions,
    SqlTradingWindow,
    SqlChains,
):
    """`Ledger` on SQLite or PostgreSQL.

    It holds one connection. Threads may share it and wait for each other; a forked process opens
    its own. Whoever opens it closes it.
    """

    def close(self) -> None:
        """Give the connection back."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()


def open_ledger(url: str) -> SqlLedger:
    """Open the ledger of a URL; an empty or older database is brought to the newest schema first.

    Raises:
        ConfigurationError: The URL cannot be used, or a newer version of this program wrote the database.
        ExternalServiceError: The database cannot be reached.
    """
    connection = open_database(url)
    try:
        migrate_if_behind(connection)
    except BaseException:
        connection.close()
        raise
    return SqlLedger(connection)
