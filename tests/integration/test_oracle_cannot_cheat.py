"""Behind the view tomorrow cannot be asked for; and a view that leaks it is found."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np

from tests.fakes.loaded_market import copy_loaded_market
from tests.integration.test_oracle_earns import ORACLE, policy_with_oracle, say_signs
from tradeops.bootstrap.runtime import Runtime, open_runtime
from tradeops.domain.decisions import DecisionRecord, Outcome
from tradeops.domain.errors import NotKnownYet
from tradeops.domain.identifiers import BookId
from tradeops.domain.market import VIEW_COLUMNS, MarketView
from tradeops.domain.opinions import Abstention, AgentSpecification, Opinions
from tradeops.domain.settlements import Settlement
from tradeops.ports.market_source import MarketSource
from tradeops.services.cycle.stored_values import decode_opinions
from tradeops.settings import Settings

UNTIL = date(2002, 2, 28)
SESSIONS = 248
NextSession = Callable[[date], date]


@dataclass(frozen=True)
class AskingAgent:
    """Asks the view itself for the close of the session to come."""

    next_session: NextSession
    specification: AgentSpecification = ORACLE

    def judge(self, view: MarketView) -> Opinions:
        tomorrow = self.next_session(view.session)
        changes = [
            view.value("close", name, tomorrow) / view.value("close", name, view.session) - 1
            for name in view.instruments
        ]
        return say_signs(view, np.array(changes))


@dataclass(frozen=True)
class Book:
    records: list[DecisionRecord]
    opinions: list[Opinions]
    settlements: list[Settlement]
    orders: int
    fills: int


def decide(folder: Path, until: date, change: Callable[[Runtime], Runtime] = lambda runtime: runtime) -> Book:
    copy_loaded_market(folder)
    with open_runtime(Settings(state_dir=folder), policy=policy_with_oracle()) as opened:
        asking = AskingAgent(opened.calendar.next_session)
        runtime = change(replace(opened, build_roster=lambda _: (asking,)))
        runtime.decide_sessions(until=until)
        records = list(runtime.ledger.list_decisions(BookId()))
        return Book(
            records=records,
            opinions=[decode_opinions(runtime.values.get(r.decision.opinions[ORACLE.agent])) for r in records],
            settlements=list(runtime.ledger.list_settlements(BookId())),
            orders=runtime.ledger.count_rows()["orders"],
            fills=len(runtime.ledger.list_fills(BookId())),
        )


def find_cheating(book: Book) -> list[str]:
    """Everything that an agent behind an honest view could not have caused."""
    found = [
        f"{record.decision.session}: spoke"
        for record, said in zip(book.records, book.opinions, strict=True)
        if said.abstention.tolist() != [Abstention.NOT_KNOWN_YET] * len(said.instruments)
        or record.decision.outcome is not Outcome.NO_OPINION
    ]
    earned = [f"{s.session}: earned {s.profit.total}" for s in book.settlements if s.profit.total != 0]
    return found + earned + ["orders"] * bool(book.orders) + ["fills"] * bool(book.fills)


def test_agent_behind_the_view_abstains_at_every_session_and_earns_exactly_nothing(scratch: Path) -> None:
    book = decide(scratch / "asking", UNTIL)

    assert len(book.records) == SESSIONS
    assert find_cheating(book) == []
    assert {settlement.equity for settlement in book.settlements} == {Decimal(100000)}


@dataclass(frozen=True)
class LeakyView(MarketView):
    """A view that answers for tomorrow from the source."""

    source: MarketSource

    def value(self, column: str, instrument: object, session: date) -> float:
        bar = self.source.bar(instrument, session, known_at=self.as_of + timedelta(days=30))  # type: ignore[arg-type]
        assert bar is not None
        return float(bar.close)


def test_view_that_leaks_tomorrow_is_found(scratch: Path) -> None:
    def leak(runtime: Runtime) -> Runtime:
        asking = AskingAgent(runtime.calendar.next_session)

        @dataclass(frozen=True)
        class BehindLeakyView:
            specification: AgentSpecification = ORACLE

            def judge(self, view: MarketView) -> Opinions:
                leaky = LeakyView(
                    as_of=view.as_of,
                    watermark=view.watermark,
                    sessions=view.sessions,
                    instruments=view.instruments,
                    columns=view.columns,
                    reference_prices=view.reference_prices,
                    source=runtime.source,
                )
                return asking.judge(leaky)

        return replace(runtime, build_roster=lambda _: (BehindLeakyView(),))

    book = decide(scratch / "leaky", date(2001, 3, 30), leak)

    found = find_cheating(book)
    assert any("spoke" in text for text in found)
    assert any("earned" in text for text in found)
    assert "orders" in found


def test_view_refuses_the_next_session_of_every_column_and_name(scratch: Path) -> None:
    seen: list[str] = []

    @dataclass(frozen=True)
    class Curious:
        specification: AgentSpecification = ORACLE

        def judge(self, view: MarketView) -> Opinions:
            for column in sorted(view.columns):
                for name in view.instruments:
                    try:
                        view.value(column, name, view.session + timedelta(days=1))
                    except NotKnownYet:
                        seen.append(column)
            raise NotKnownYet("enough")

    decide(scratch / "curious", date(2001, 3, 2), lambda runtime: replace(runtime, build_roster=lambda _: (Curious(),)))

    assert seen == [column for _ in range(2) for column in sorted(VIEW_COLUMNS) for _ in range(3)]
