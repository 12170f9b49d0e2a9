"""The same opinions with the same weight for every agent, taken through the same decisions and fills."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from functools import partial

from tradeops.coordination.blend import blend_opinions
from tradeops.coordination.opportunities import build_opportunities
from tradeops.coordination.slate import select_slate
from tradeops.domain.books import Book
from tradeops.domain.decisions import BookState, CycleRequest, Decision
from tradeops.domain.identifiers import BookId, InstrumentId
from tradeops.domain.learners import RESIDUAL_QUANTILES
from tradeops.domain.orders import Order
from tradeops.domain.policy import TradingPolicy
from tradeops.domain.verdicts import KillSwitch
from tradeops.execution.paper_fills import make_executor
from tradeops.execution.session_market import bar_known_at
from tradeops.execution.settlement import BookOpening, BookSession
from tradeops.ports.broker import SessionExecutions
from tradeops.ports.ledger import Ledger
from tradeops.ports.market_source import MarketSource
from tradeops.ports.trading_calendar import TradingCalendar
from tradeops.ports.value_store import ValueStore
from tradeops.risk.gate import check_risk
from tradeops.risk.sizing import size_positions
from tradeops.services.cycle.check_risk import approve_orders
from tradeops.services.cycle.stored_values import decode_opinions, decode_view
from tradeops.services.session_prices import SessionPrices
from tradeops.services.settle_money import settle_money
from tradeops.services.settle_session import PEAK_SESSIONS

EQUAL_WEIGHT_BOOK = BookId(account="benchmark", run="equal_weight_blend")


@dataclass(frozen=True, slots=True, kw_only=True)
class EqualWeightBlend:
    """The decision functions of the product in memory, nothing approximated.

    Each recorded decision is taken again from its recorded view, opinions, learner state and random
    numbers, with one weight for all agents and for the simulation's own book; the simulated orders fill
    and settle as the paper broker's do. With a single agent it is the prior blend, to the cent.

    Args:
        ledger: Policies and learner states that the decisions name.
        values: Their views and opinions.
        source: Bars and corporate actions.
        calendar: Sessions.
        policy: Account and costs.
        find_policy: The policy that a decision was made under.
    """

    ledger: Ledger
    values: ValueStore
    source: MarketSource
    calendar: TradingCalendar
    policy: TradingPolicy
    find_policy: Callable[[Decision], TradingPolicy]

    def simulate(self, sessions: Sequence[date], decisions: Mapping[date, Decision]) -> Iterator[BookSession]:
        """One settled session each.

        Args:
            sessions: From the account's opening on, without a hole.
            decisions: Recorded, by session; a session without one sends no orders.
        """
        book = _SimulatedBook(opening=BookOpening(book=Book(cash=self.policy.account.initial_cash), marks={}, days=0))
        executor = make_executor(self.source, self.calendar, self.policy)
        orders: tuple[Order, ...] = ()
        for row, session in enumerate(sessions):
            known_at = bar_known_at(self.calendar, self.policy.time, session)
            prices = SessionPrices(self.source, session, known_at, book.opening.marks)
            execute = partial(_execute, executor, session, orders)
            result = settle_money(EQUAL_WEIGHT_BOOK, book.opening, prices, execute, self.policy.costs).result
            yield result
            after = sessions[row + 1] if row + 1 < len(sessions) else session
            book.close(result, days=(after - session).days)
            decision = decisions.get(session)
            orders = self._decide(decision, book) if decision is not None else ()

    def _decide(self, decision: Decision, book: "_SimulatedBook") -> tuple[Order, ...]:
        if decision.inputs is None or decision.forecasts is None or decision.next_session is None:
            return ()
        recorded = self.find_policy(decision)
        policy = replace(recorded, roster=dict.fromkeys(recorded.roster, 1.0))
        view = decode_view(self.values.get(decision.inputs.view))
        opinions = [decode_opinions(self.values.get(ref)) for ref in decision.opinions.values()]
        learner = self.ledger.learner_state(decision.inputs.learner_states[RESIDUAL_QUANTILES])
        forecasts = blend_opinions(opinions, view, learner, policy)
        if forecasts is None:
            return ()
        state = book.state(decision.inputs.state.kill_switch)
        slate = select_slate(cycle_id=decision.cycle_id, forecasts=forecasts, view=view, state=state, policy=policy)
        found = build_opportunities(slate=slate, forecasts=forecasts, view=view, state=state, policy=policy)
        sized = size_positions(
            cycle_id=decision.cycle_id, opportunities=found, slate=slate, view=view, state=state, policy=policy
        )
        edges = {each.instrument: each.net_edge for each in found}
        version = decision.inputs.bundle.policy
        verdicts = check_risk(
            sized.intents, state=state, view=view, policy=policy, net_edges=edges, limits_version=version
        )
        book.select(slate.chosen, decision.session)
        return approve_orders(decision.cycle_id, _request(decision), sized.intents, verdicts)


@dataclass(slots=True, kw_only=True)
class _SimulatedBook:
    opening: BookOpening
    equities: tuple[Decimal, ...] = ()
    selected: tuple[tuple[InstrumentId, date], ...] = ()

    def close(self, result: BookSession, *, days: int) -> None:
        self.opening = BookOpening(book=result.closing, marks=result.marks, days=days)
        self.equities = (*self.equities, result.equity)[-PEAK_SESSIONS:]
        self.selected = tuple(pair for pair in self.selected if pair[0] in result.closing.positions)

    def state(self, kill_switch: KillSwitch) -> BookState:
        return BookState(
            book=self.opening.book,
            equity=self.equities[-1],
            peak_equity=max(self.equities),
            last_selected=dict(self.selected),
            kill_switch=kill_switch,
        )

    def select(self, chosen: Sequence[InstrumentId], session: date) -> None:
        self.selected = tuple((dict(self.selected) | dict.fromkeys(chosen, session)).items())


def _execute(
    executor: Callable[[date, Book, Sequence[Order]], SessionExecutions],
    session: date,
    orders: Sequence[Order],
    account: Book,
) -> SessionExecutions:
    return executor(session, account, orders)


def _request(decision: Decision) -> CycleRequest:
    return CycleRequest(
        book_id=EQUAL_WEIGHT_BOOK,
        session=decision.session,
        as_of=decision.as_of,
        next_session=decision.next_session,
    )
