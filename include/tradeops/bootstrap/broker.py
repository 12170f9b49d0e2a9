"""Joins the broker port to its adapter."""

from tradeops.adapters.broker_paper import PaperBroker
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
    if not url.startswith(("sqlite:", "postgresql+psycopg:")):
        raise refuse_scheme("TRADEOPS_BROKER_URL", url, "sqlite, postgresql+psycopg (paper broker)")
    return PaperBroker(
        url,
        execute=make_executor(source, calendar, policy),
        accepts=make_acceptor(source, calendar, policy),
    )
