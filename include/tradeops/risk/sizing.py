"""From a slate to sizes: volatility-targeted, patient between slates, in whole shares."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import numpy as np

from tradeops.domain.decisions import BookState
from tradeops.domain.errors import RiskError
from tradeops.domain.identifiers import CycleId, InstrumentId, derive_client_order_id
from tradeops.domain.market import MarketView
from tradeops.domain.opportunities import Opportunity, Target
from tradeops.domain.orders import OrderIntent, Side
from tradeops.domain.policy import SizingPolicy, TradingPolicy
from tradeops.domain.slates import Slate
from tradeops.execution.rounding import to_quantity
from tradeops.features.positions import locate_columns
from tradeops.features.volatility import compute_covariance
from tradeops.risk.drawdown import compute_allowed_gross
from tradeops.risk.weights import cap_weights, target_volatility

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class SizedBook:
    """The sizes that the book should have, and the orders that lead there.

    Args:
        targets: Of every held and every chosen name, ascending by instrument.
        intents: Ascending by order id.
    """

    targets: tuple[Target, ...]
    intents: tuple[OrderIntent, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Wanted weights before rounding, by name, with the reason for each."""

    weights: dict[InstrumentId, float]
    reasons: dict[InstrumentId, str]


def size_positions(  # noqa: PLR0913 - every input of a pure function is named here
    *,
    cycle_id: CycleId,
    opportunities: Sequence[Opportunity],
    slate: Slate | None,
    view: MarketView,
    state: BookState,
    policy: TradingPolicy,
) -> SizedBook:
    """Size every held and every chosen name.

    A chosen name with a positive net edge is sized to the volatility target, one without goes to
    zero. A held name outside the slate keeps its shares until `keep_sessions` after its last
    selection, then goes to zero. Without a slate, nobody spoke and the book is held. A held name
    that the view does not price is left alone: it cannot be sized, and settlement sells it when its
    data have ended.

    Args:
        cycle_id: Names the orders.
        opportunities: One a chosen name.
        slate: What was chosen; None when nobody spoke.
        view: What is known.
        state: The book at the close.
        policy: Sizing, limits, lot.

    Raises:
        RiskError: Slate and opportunities speak of different names.
        DataError: The view lacks a chosen name or is shorter than the covariance window.
    """
    if slate is None:
        return _hold(state, view)
    if sorted(slate.chosen) != sorted(o.instrument for o in opportunities):
        raise RiskError("the opportunities are not those of the slate")
    plan = plan_weights(opportunities, view, state, policy)
    targets = tuple(_round_target(name, plan, view, state, policy) for name in sorted(plan.reasons))
    intents = (_propose(cycle_id, target, view, state) for target in targets)
    ordered = sorted((i for i in intents if i is not None), key=lambda i: i.client_order_id)
    return SizedBook(targets=targets, intents=tuple(ordered))


def plan_weights(
    opportunities: Sequence[Opportunity],
    view: MarketView,
    state: BookState,
    policy: TradingPolicy,
) -> Plan:
    """Decide what is sized, kept or left, and how much of equity each gets."""
    chosen = {o.instrument: o for o in opportunities}
    reasons = {
        name: _classify(name, chosen, view, state, policy.sizing) for name in sorted({*chosen, *state.book.positions})
    }
    weights = {name: current_weight(name, view, state) for name in reasons}
    for name, reason in reasons.items():
        if reason not in ("kept", "not_priced"):
            weights[name] = 0.0
    room = _compute_room(state, policy)
    _shrink_kept(weights, reasons, room)
    _size_fresh(weights, reasons, room, view, policy)
    return Plan(weights=weights, reasons=reasons)


def current_weight(name: InstrumentId, view: MarketView, state: BookState) -> float:
    """Value of a held name over equity; by its cost when the view does not price it."""
    position = state.book.positions.get(name)
    if position is None or state.equity <= 0:
        return 0.0
    price = view.reference_prices.get(name)
    value = position.cost if price is None else position.quantity * price
    return float(value / state.equity)


def count_sessions_since(view: MarketView, last: date | None) -> int:
    """Sessions of the view after `last`; all of them when it lies before the view."""
    return sum(1 for session in view.sessions if last is None or session > last)


def _classify(
    name: InstrumentId,
    chosen: dict[InstrumentId, Opportunity],
    view: MarketView,
    state: BookState,
    sizing: SizingPolicy,
) -> str:
    if name in chosen:
        return "sized" if chosen[name].net_edge > 0 else "no_edge"
    if name not in view.reference_prices:
        return "not_priced"
    last = state.last_selected.get(name)
    return "kept" if count_sessions_since(view, last) < sizing.keep_sessions else "expired"


def _compute_room(state: BookState, policy: TradingPolicy) -> float:
    """Share of equity that may be invested: the guarded gross limit, less buffer and gap reserve."""
    if state.equity <= 0:
        return 0.0
    limits = policy.limits
    guarded = compute_allowed_gross(state.equity, state.peak_equity, limits) / state.equity
    invested = 1.0 - float(limits.cash_buffer) - policy.sizing.gap_reserve
    return min(float(guarded), invested)


def _shrink_kept(weights: dict[InstrumentId, float], reasons: dict[InstrumentId, str], room: float) -> None:
    kept = [name for name, reason in reasons.items() if reason == "kept"]
    fixed = sum(weights[name] for name, reason in reasons.items() if reason == "not_priced")
    total = sum(weights[name] for name in kept)
    if total > 0 and total + fixed > room:
        for name in kept:
            weights[name] *= max(room - fixed, 0.0) / total
            reasons[name] = "no_room"


def _size_fresh(
    weights: dict[InstrumentId, float],
    reasons: dict[InstrumentId, str],
    room: float,
    view: MarketView,
    policy: TradingPolicy,
) -> None:
    priced = (name for name, reason in reasons.items() if reason != "not_priced")
    names = tuple(name for name in priced if reasons[name] == "sized" or weights[name] != 0.0)
    fresh = np.array([float(reasons[name] == "sized") for name in names])
    if 1.0 not in fresh:
        return
    kept = np.array([weights[name] for name in names])
    columns = locate_columns(view.instruments, names)
    covariance = compute_covariance(view, policy.sizing.covariance_window, columns)
    wanted = target_volatility(covariance, kept, fresh, policy.sizing.volatility_target)
    left = room - sum(weights.values())
    capped = cap_weights(wanted, float(policy.limits.single_name), left)
    for name, weight, sized in zip(names, capped.tolist(), fresh.tolist(), strict=True):
        if sized:
            weights[name] = weight


def _round_target(name: InstrumentId, plan: Plan, view: MarketView, state: BookState, policy: TradingPolicy) -> Target:
    held, weight, reason = state.book.quantity(name), plan.weights[name], plan.reasons[name]
    if reason in ("kept", "not_priced"):
        return Target(instrument=name, weight=weight, quantity=held, reason=reason)
    price = view.reference_prices[name]
    wanted = to_quantity(weight * float(state.equity) / float(price), Decimal(policy.universe.lot))
    change, sizing = abs(wanted - held), policy.sizing
    small = change < Decimal(repr(sizing.smallest_change)) * wanted
    if change and (small or change * price < sizing.smallest_value):
        return Target(instrument=name, weight=weight, quantity=held, reason="below_threshold")
    return Target(instrument=name, weight=weight, quantity=wanted, reason=reason)


def _propose(cycle_id: CycleId, target: Target, view: MarketView, state: BookState) -> OrderIntent | None:
    change = target.quantity - state.book.quantity(target.instrument)
    if change == 0:
        return None
    return OrderIntent(
        client_order_id=derive_client_order_id(cycle_id, target.instrument),
        instrument=target.instrument,
        side=Side.BUY if change > 0 else Side.SELL,
        quantity=abs(change),
        reference_price=view.reference_prices[target.instrument],
    )


def _hold(state: BookState, view: MarketView) -> SizedBook:
    targets = tuple(
        Target(
            instrument=name,
            weight=current_weight(name, view, state),
            quantity=position.quantity,
            reason="no_opinion",
        )
        for name, position in state.book.positions.items()
    )
    return SizedBook(targets=targets, intents=())
