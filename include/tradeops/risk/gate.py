"""The risk gate: what of a set of proposed orders may be sent.

For every limit L, book b and orders o: `use_L(b + approved) ≤ max(limit_L, use_L(b + reducing))`, where
an order reduces if it is against the reconciled position and does not pass zero. What is approved is a
subset of o on the same sides, never larger, whatever the order of arrival; the gate leaves its own
answer unchanged. A package passes whole or not at all. All of it is exact Decimal, and it fails closed.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from decimal import (
    ROUND_HALF_EVEN,
    Context,
    Decimal,
    DivisionByZero,
    InvalidOperation,
    Overflow,
    localcontext,
)

from tradeops.domain.decisions import BookState
from tradeops.domain.errors import RiskError
from tradeops.domain.identifiers import InstrumentId, PolicyVersion
from tradeops.domain.market import MarketView
from tradeops.domain.orders import Order, OrderIntent
from tradeops.domain.policy import TradingPolicy
from tradeops.domain.verdicts import KillSwitch, LimitUse, RiskVerdict, VerdictKind
from tradeops.execution.rounding import round_half_up
from tradeops.features.positions import locate_columns
from tradeops.features.volume import compute_average_volume
from tradeops.risk import stages
from tradeops.risk.holdings import Holdings, reconcile_holdings
from tradeops.risk.limits import CashLimit, GrossLimit, Limit, SingleNameLimit
from tradeops.risk.packages import judge_whole_packages, refuse_legs
from tradeops.risk.proposals import Proposal, open_proposals
from tradeops.risk.screen import Screen, find_quotes

ZERO = Decimal(0)
NOBODY: frozenset[InstrumentId] = frozenset()
# Wide enough that no product of shares, prices and fractions is ever rounded.
EXACT = Context(prec=40, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation, DivisionByZero, Overflow])


def check_risk(  # noqa: PLR0913 - every input of a pure function is named here
    intents: Sequence[OrderIntent],
    *,
    state: BookState,
    view: MarketView,
    policy: TradingPolicy,
    net_edges: Mapping[InstrumentId, float],
    open_orders: Sequence[Order | OrderIntent] = (),
    restricted: Collection[InstrumentId] = NOBODY,
    unknown: Collection[InstrumentId] = NOBODY,
    limits_version: PolicyVersion | None = None,
) -> tuple[RiskVerdict, ...]:
    """Judge a set of orders under every limit of the policy.

    Args:
        intents: What is proposed; ids are unique.
        state: The book at the close, with the kill switch.
        view: What is known; its last row is the session that the orders were sized on.
        policy: Limits, costs, lot.
        net_edges: Expected net return by name, a fraction; a missing name has none.
        open_orders: Orders at the broker that may still fill; counted as filled.
        restricted: Names that may not be traded.
        unknown: Names whose true position is not known; nothing is sent for them.
        limits_version: The policy's version where the caller has it already; hashing a policy takes
            longer than judging an order.

    Returns:
        One verdict an intent, ascending by order id.

    Raises:
        RiskError: The gate could not do its work; nothing may be sent.
    """
    try:
        with localcontext(EXACT):
            holdings = reconcile_holdings(state, view, open_orders, policy.limits)
            limit = policy.limits.price_move
            screen = Screen(
                frozen=state.kill_switch is KillSwitch.FREEZE,
                restricted=restricted,
                unknown=unknown,
                quotes=find_quotes(view, sorted({i.instrument for i in intents}), limit),
                price_move=limit,
            )

            def judge(asked: Sequence[OrderIntent]) -> list[Proposal]:
                proposals = open_proposals(asked, holdings)
                stages.apply_screen(proposals, screen)
                _restrain_orders(proposals, holdings, state.kill_switch, policy, net_edges)
                _limit_orders(proposals, holdings, view, policy)
                return proposals

            proposals, refused = judge_whole_packages(intents, judge)
            if refused:
                legs = open_proposals([intent for intent in intents if intent.package in refused], holdings)
                refuse_legs(legs, refused)
                proposals = sorted([*proposals, *legs], key=lambda proposal: proposal.intent.client_order_id)
            version = limits_version or policy.version
            return tuple(_conclude(proposal, net_edges, version) for proposal in proposals)
    except RiskError:
        raise
    except Exception as error:
        raise RiskError(f"the gate failed ({type(error).__name__}: {error}); nothing is sent", at=view.as_of) from error


def _restrain_orders(
    proposals: Sequence[Proposal],
    holdings: Holdings,
    kill_switch: KillSwitch,
    policy: TradingPolicy,
    net_edges: Mapping[InstrumentId, float],
) -> None:
    lot = Decimal(policy.universe.lot)
    stages.apply_lots(proposals, lot)
    stages.apply_direction(proposals, holdings, lot)
    if kill_switch is not KillSwitch.OFF:
        stages.apply_close_only(proposals)
    stages.apply_order_count(proposals, policy.limits.largest_order_count, net_edges)


def _limit_orders(proposals: Sequence[Proposal], holdings: Holdings, view: MarketView, policy: TradingPolicy) -> None:
    _look_up_volumes(proposals, view)
    limits = _list_limits(proposals, holdings, policy)
    for limit in limits:
        stages.apply_limit(limit, proposals, Decimal(policy.universe.lot))
    for limit in limits:
        _note_use(limit, proposals)


def _look_up_volumes(proposals: Sequence[Proposal], view: MarketView) -> None:
    living = [proposal for proposal in proposals if proposal.quantity > 0]
    if living:
        columns = locate_columns(view.instruments, tuple(p.intent.instrument for p in living))
        volumes = compute_average_volume(view, columns).tolist()
        for proposal, volume in zip(living, volumes, strict=True):
            proposal.average_volume = Decimal(repr(volume))


def _list_limits(proposals: Sequence[Proposal], holdings: Holdings, policy: TradingPolicy) -> list[Limit]:
    equity = max(holdings.equity, ZERO)
    single, limits = policy.limits.single_name * equity, policy.limits
    names = sorted({p.intent.instrument for p in proposals if p.quantity > 0})
    return [
        *(SingleNameLimit(holdings, name, single) for name in names),
        GrossLimit(holdings, holdings.allowed_gross),
        CashLimit(holdings, policy.costs, holdings.equity - limits.cash_buffer * equity),
    ]


def _note_use(limit: Limit, proposals: Sequence[Proposal]) -> None:
    """Write down the limit's use by everything approved, also where only reducing orders passed."""
    concerned = [p for p in proposals if (p.reducing or p.bound_by) and limit.covers(p)]
    after = limit.use(proposals) if concerned else ZERO
    for proposal in concerned:
        proposal.bound_by = [replace(use, after=after) if use.limit == limit.name else use for use in proposal.bound_by]
        if after > limit.allowed and proposal.reducing and proposal.quantity > 0:
            use = LimitUse(
                limit=limit.name,
                allowed=limit.allowed,
                before=limit.use([p for p in proposals if p.reducing]),
                after=after,
                detail="over the limit; a reducing order passes",
            )
            proposal.bound_by.append(use)


def _conclude(proposal: Proposal, net_edges: Mapping[InstrumentId, float], version: str) -> RiskVerdict:
    intent, approved = proposal.intent, proposal.quantity
    kind = VerdictKind.VETOED if approved == 0 else VerdictKind.CLAMPED
    edge = Decimal(repr(float(net_edges.get(intent.instrument, 0.0))))
    withheld = (intent.quantity - approved) * intent.reference_price
    return RiskVerdict(
        client_order_id=intent.client_order_id,
        instrument=intent.instrument,
        side=intent.side,
        kind=VerdictKind.APPROVED if approved == intent.quantity else kind,
        proposed=intent.quantity,
        approved=approved,
        limits=tuple(proposal.bound_by),
        clamp_cost=round_half_up(max(ZERO, proposal.sign * edge * withheld)),
        limits_version=version,
    )
