"""Run books through settlement and paper fills on the bundled data, and export them to folders.

Run as `python -m tests.integration.produce_exports FOLDER`; the test that reads the folders imports
nothing of the product. The book that holds uses the real ledger, broker and value store, the one that
trades those in memory: on disk each of its sessions would wait for the disk several times.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import numpy as np

from tests.fakes.book_runner import BookRunner, Wish
from tests.fakes.broker import InMemoryBroker
from tests.fakes.bundled_market import load_bundled_market
from tests.fakes.ledger import InMemoryLedger
from tests.fakes.value_store import InMemoryValueStore
from tradeops.adapters.broker_paper import PaperBroker
from tradeops.adapters.ledger_sqlalchemy import open_ledger
from tradeops.adapters.trading_calendar_exchange_calendars import ExchangeTradingCalendar
from tradeops.adapters.value_store_files import FileValueStore
from tradeops.bootstrap.policy import load_policy
from tradeops.domain.orders import Side
from tradeops.domain.policy import TradingPolicy
from tradeops.execution.paper_fills import make_acceptor, make_executor
from tradeops.ports.broker import Broker
from tradeops.ports.ledger import Ledger
from tradeops.ports.value_store import ValueStore
from tradeops.services.export_fills import export_fills

LISTED = {"AAPL": date(2001, 3, 1), "IBM": date(2001, 3, 1), "MSFT": date(2001, 3, 1)}
LISTED |= {"GOOG": date(2005, 3, 1), "FB": date(2012, 12, 3)}
INTERESTING = (date(2003, 2, 18), date(2005, 2, 28), date(2004, 11, 15), date(2012, 8, 9), date(2012, 11, 8))

Wishes = Mapping[date, list[Wish]]
Choose = Callable[[tuple[date, ...]], Wishes]


def hold(sessions: tuple[date, ...]) -> Wishes:
    """Buy 100 shares of each name once it is listed, and keep them."""
    wishes: dict[date, list[Wish]] = {}
    for name, listed in LISTED.items():
        first = next(session for session in sessions if session >= listed)
        wishes.setdefault(first, []).append(Wish(name, Side.BUY, name, 100))
    return wishes


def trade(sessions: tuple[date, ...]) -> Wishes:
    """Random orders, some far too large, on one session in four and before every interesting one."""
    generator = np.random.Generator(np.random.Philox(20130301))
    eves = {session for session, after in pairwise(sessions) if after in INTERESTING}
    chosen = [session for session in sessions[:-1] if generator.random() < 0.25 or session in eves]
    return {session: list(random_wishes(generator, session, 0.9 if session in eves else 0.5)) for session in chosen}


def random_wishes(generator: np.random.Generator, session: date, share: float) -> Iterator[Wish]:
    for name in sorted(LISTED):
        if session >= LISTED[name] and generator.random() < share:
            side = Side.BUY if generator.random() < 0.55 else Side.SELL
            yield Wish(name, side, name, int(10 ** generator.uniform(1, 5.5)))


class Bench:
    """What both books share."""

    def __init__(self, folder: Path, policy: TradingPolicy) -> None:
        self.folder, self.policy = folder, policy
        self.calendar = ExchangeTradingCalendar()
        self.source = load_bundled_market()
        self.execute = make_executor(self.source, self.calendar, policy)
        self.accepts = make_acceptor(self.source, self.calendar, policy)
        folder.mkdir(parents=True)

    def run(self, ledger: Ledger, values: ValueStore, broker: Broker, choose: Choose) -> None:
        runner = BookRunner(ledger, values, broker, self.source, self.calendar, self.policy)
        sessions = self.calendar.sessions(self.policy.account.opens_on, self.source.last_session)
        wishes = choose(sessions)
        for session in sessions:
            runner.settle(session)
            if session in wishes:
                runner.decide(session, wishes[session])
        for name, text in export_fills(ledger, runner.book_id).items():
            (self.folder / name).write_text(text)


def produce_hold(folder: Path) -> None:
    bench = Bench(folder, load_policy())
    with (
        open_ledger(f"sqlite:///{folder}/ledger.db") as ledger,
        PaperBroker(f"sqlite:///{folder}/broker.db", execute=bench.execute, accepts=bench.accepts) as broker,
    ):
        bench.run(ledger, FileValueStore(folder / "values"), broker, hold)


def produce_trade(folder: Path) -> None:
    policy = load_policy()
    costs = replace(policy.costs, cash_interest=Decimal("0.013"))
    account = replace(policy.account, initial_cash=Decimal(20_000_000))
    bench = Bench(folder, replace(policy, costs=costs, account=account))
    bench.run(InMemoryLedger(), InMemoryValueStore(), InMemoryBroker(bench.execute, bench.accepts), trade)


if __name__ == "__main__":
    produce_hold(Path(sys.argv[1]) / "hold")
    produce_trade(Path(sys.argv[1]) / "trade")
