"""Run books through settlement and paper fills on the bundled data, and export them to folders.

Run as `python -m tests.integration.produce_exports FOLDER`; the test that reads the folders imports
nothing of the product.
"""

import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import numpy as np

from tests.fakes.money_ports import InMemoryBookKeeping, InMemoryBroker, InMemoryValues
from tradeops.adapters.market_source_bundled import BundledMarketSource
from tradeops.adapters.trading_calendar_exchange_calendars import ExchangeTradingCalendar
from tradeops.bootstrap.policy import load_policy
from tradeops.domain.identifiers import BookId, ClientOrderId, CycleId, InstrumentId
from tradeops.domain.orders import Order, Side
from tradeops.domain.policy import TradingPolicy
from tradeops.execution.paper_fills import make_acceptor, make_executor
from tradeops.services.export_fills import export_fills
from tradeops.services.settle_session import settle_session

LISTED = {"AAPL": date(2001, 3, 1), "IBM": date(2001, 3, 1), "MSFT": date(2001, 3, 1)}
LISTED |= {"GOOG": date(2005, 3, 1), "FB": date(2012, 12, 3)}
INTERESTING = (date(2003, 2, 18), date(2005, 2, 28), date(2004, 11, 15), date(2012, 8, 9), date(2012, 11, 8))


def hold_orders(sessions: tuple[date, ...]) -> Iterator[Order]:
    """Buy 100 shares of each name once it is listed, and keep them."""
    for name, listed in LISTED.items():
        row = next(row for row, session in enumerate(sessions) if session >= listed)
        yield make_order(name, Side.BUY, 100, sessions[row], sessions[row + 1])


def trade_orders(sessions: tuple[date, ...]) -> Iterator[Order]:
    """Random orders, some far too large, on one session in four and before every interesting one."""
    generator = np.random.Generator(np.random.Philox(20130301))
    for today, tomorrow in pairwise(sessions):
        if generator.random() > 0.25 and tomorrow not in INTERESTING:
            continue
        for name in sorted(LISTED):
            if today >= LISTED[name] and generator.random() < 0.5:
                side = Side.BUY if generator.random() < 0.55 else Side.SELL
                shares = int(10 ** generator.uniform(1, 5.5))
                yield make_order(name, side, shares, today, tomorrow)


def make_order(name: str, side: Side, shares: int, decided_on: date, valid_on: date) -> Order:
    identity = f"{decided_on:%Y%m%d}-{name}-{side}"
    return Order(
        client_order_id=ClientOrderId(identity),
        cycle_id=CycleId("by hand"),
        instrument=InstrumentId(name),
        side=side,
        quantity=Decimal(shares),
        reference_price=Decimal(1),
        decided_on=decided_on,
        valid_on=valid_on,
    )


def run_book(folder: Path, policy: TradingPolicy, run: str) -> None:
    calendar = ExchangeTradingCalendar()
    source = BundledMarketSource(calendar, timedelta(minutes=policy.time.vendor_delay_minutes))
    sessions = calendar.sessions(policy.account.opens_on, source.last_session)
    broker = InMemoryBroker(make_executor(source, calendar, policy), make_acceptor(source, calendar, policy))
    ledger, values, book_id = InMemoryBookKeeping(), InMemoryValues(), BookId(run=run)
    for order in hold_orders(sessions) if run == "hold" else trade_orders(sessions):
        broker.submit(book_id, order)
    for session in sessions:
        settle_session(
            ledger=ledger,  # type: ignore[arg-type]
            values=values,
            broker=broker,
            source=source,
            calendar=calendar,
            policy=policy,
            book_id=book_id,
            session=session,
        )
    (folder / run).mkdir(parents=True)
    for name, text in export_fills(ledger, book_id).items():  # type: ignore[arg-type]
        (folder / run / name).write_text(text)


def main(folder: Path) -> None:
    policy = load_policy()
    run_book(folder, policy, "hold")
    costs = replace(policy.costs, cash_interest=Decimal("0.013"))
    account = replace(policy.account, initial_cash=Decimal(20_000_000))
    run_book(folder, replace(policy, costs=costs, account=account), "trade")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
