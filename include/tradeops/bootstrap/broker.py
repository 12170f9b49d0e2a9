"""Joins the broker port to its adapter."""

from tradeops.adapters.broker_paper import PaperBroker, prepare_paper_broker
from tradeops.bootstrap.schemes import refuse_scheme
from tradeops.domain.policy import TradingPolicy
from tradeops.execution.paper_fills import make_acceptor, make_executor
from tradeops.ports.market_source import MarketSource
from tradeops.ports.trading_calendar import TradingCalendar


def open_broker(url: str, *, source: MarketSource, calendar: TradingCalendar, policy: TradingPolicy) -> PaperBroker:
    """The broker of `TRADEOPS_BROKER_URL`; a database is the paper broker's own book.

    Raises:
        ConfigurationError: No adapter serves the URL.
    """
    _check(url)
    return PaperBroker(
        url,
        execute=make_executor(source, calendar, policy),
        accepts=make_acceptor(source, calendar, policy),
    )


def prepare_broker(url: str) -> None:
    """Make what the broker of a URL needs before anybody sends to it.

    Raises:
        ConfigurationError: No adapter serves the URL.
        ExternalServiceError: The database cannot be reached.
    """
    _check(url)
    prepare_paper_broker(url)


def _check(url: str) -> None:
    if not url.startswith(("sqlite:", "postgresql+psycopg:")):
        raise refuse_scheme("TRADEOPS_BROKER_URL", url, "sqlite, postgresql+psycopg (paper broker)")
