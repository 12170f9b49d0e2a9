"""Gathers the evidence for a staged model against the one that acts live."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from tradeops.domain.decisions import DecisionRecord
from tradeops.domain.identifiers import BookId
from tradeops.domain.lifecycle import OrderState
from tradeops.domain.models import ModelRef, StagedModel
from tradeops.domain.policy import TradingPolicy
from tradeops.domain.verdicts import KillSwitch
from tradeops.execution.session_market import bar_known_at
from tradeops.learning.promotion_evidence import (
    Evidence,
    SessionLoss,
    compare_forecasts,
    estimate_difference,
    mean_undisturbed,
)
from tradeops.ports.ledger import Ledger
from tradeops.ports.market_source import MarketSource
from tradeops.ports.trading_calendar import TradingCalendar
from tradeops.ports.value_store import ValueStore
from tradeops.services.cycle.stored_values import decode_forecasts
from tradeops.services.update_learners import realised_returns

LIVE = BookId()
_NOT_TRADED = {OrderState.REJECTED, OrderState.CANCELLED}


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelEvaluator:
    """Compares a staged model with the incumbent over the sessions that both decided.

    Args:
        ledger: Decisions and settlements of both books.
        values: Their forecasts.
        source: Prices of the outcomes.
        calendar: Sessions.
        policy: Horizon, block and level.
    """

    ledger: Ledger
    values: ValueStore
    source: MarketSource
    calendar: TradingCalendar
    policy: TradingPolicy

    def gather_evidence(self, staged: StagedModel, *, incumbent: ModelRef) -> Evidence:
        """Evidence up to the market clock, from the paper account of the model's present stage only.

        A session counts when the incumbent itself decided it live, and the total returns from the
        open of the next session to the open `horizon` sessions later are known.

        Args:
            staged: The candidate.
            incumbent: The model that acts live.
        """
        losses = tuple(self._measure_sessions(staged, incumbent))
        days = [loss.session for loss in losses]
        promotion = self.policy.promotion
        return Evidence(
            model=staged.model,
            version=staged.version,
            state=staged.state,
            book_id=staged.book_id,
            opens_on=staged.opens_on,
            incumbent=incumbent,
            incumbent_book=LIVE,
            losses=losses,
            difference=estimate_difference(losses, promotion, seed=f"promotion/{staged.model}/{staged.state}"),
            undisturbed=mean_undisturbed(losses),
            block=promotion.block,
            level=promotion.level,
            profit=self._sum_profit(staged.book_id, days),
            incumbent_profit=self._sum_profit(LIVE, days),
        )

    def _measure_sessions(self, staged: StagedModel, incumbent: ModelRef) -> Iterator[SessionLoss]:
        refused = self._find_refused(staged.book_id) | self._find_refused(LIVE)
        for record in self.ledger.list_decisions(staged.book_id):
            beside = self.ledger.find_decision(LIVE, record.decision.session)
            if beside is not None and _decided_by(beside) == incumbent:
                loss = self._compare(record, beside, refused)
                if loss is not None:
                    yield loss

    def _compare(self, ours: DecisionRecord, live: DecisionRecord, refused: frozenset[str]) -> SessionLoss | None:
        candidate, incumbent = ours.decision.forecasts, live.decision.forecasts
        holding = self._find_holding(ours.decision.session)
        if candidate is None or incumbent is None or not holding:
            return None
        ahead, beside = (decode_forecasts(self.values.get(ref)) for ref in (candidate, incumbent))
        names = sorted(set(ahead.instruments) & set(beside.instruments))
        known_at = bar_known_at(self.calendar, self.policy.time, holding[-1])
        found = compare_forecasts(ahead, beside, realised_returns(self.source, names, holding, known_at=known_at))
        if found is None:
            return None
        return SessionLoss(
            session=ours.decision.session,
            names=found[0],
            candidate=found[1],
            incumbent=found[2],
            intervened=any(_was_disturbed(record, refused) for record in (ours, live)),
        )

    def _find_holding(self, session: date) -> tuple[date, ...]:
        """Sessions from entry to exit of the horizon; empty until its last open is known."""
        clock, length = self.ledger.market_clock(), self.policy.blend.horizon + 1
        if clock is None:
            return ()
        until = min(clock, session + timedelta(days=3 * length + 14))
        following = self.calendar.sessions(session + timedelta(days=1), until)[:length]
        return following if len(following) == length else ()

    def _find_refused(self, book_id: BookId) -> frozenset[str]:
        states = self.ledger.order_states(book_id)
        return frozenset(order for order, changes in states.items() if any(one.state in _NOT_TRADED for one in changes))

    def _sum_profit(self, book_id: BookId, days: list[date]) -> Decimal:
        settlements = (self.ledger.find_settlement(book_id, day) for day in days)
        return sum((found.profit.total for found in settlements if found is not None), Decimal(0))


def _decided_by(record: DecisionRecord) -> str | None:
    return record.decision.inputs.bundle.model if record.decision.inputs else None


def _was_disturbed(record: DecisionRecord, refused: frozenset[str]) -> bool:
    decision = record.decision
    switched = decision.inputs is not None and decision.inputs.state.kill_switch is not KillSwitch.OFF
    return switched or any(order.client_order_id in refused for order in decision.orders)
