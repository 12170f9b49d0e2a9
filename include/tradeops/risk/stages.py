"""What the gate does to a set of orders, stage by stage; every stage only takes shares away."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_FLOOR, Decimal

from tradeops.domain.identifiers import InstrumentId
from tradeops.domain.verdicts import LimitUse
from tradeops.risk.clamp import clamp_quantities
from tradeops.risk.drawdown import GRID
from tradeops.risk.holdings import Holdings
from tradeops.risk.limits import Limit
from tradeops.risk.proposals import Proposal, alive
from tradeops.risk.screen import Screen, screen_order

ZERO = Decimal(0)
ONE = Decimal(1)


def apply_screen(proposals: Iterable[Proposal], screen: Screen) -> None:
    """Refuse what fails a check of its own."""
    for proposal in proposals:
        refusal = screen_order(proposal.intent, screen)
        if refusal is not None:
            proposal.shrink(ZERO, refusal)


def apply_lots(proposals: Iterable[Proposal], lot: Decimal) -> None:
    """Drop broken lots."""
    for proposal in proposals:
        broken = proposal.quantity % lot
        if broken:
            whole = proposal.quantity - broken
            use = LimitUse(limit="lot", allowed=lot, before=proposal.quantity, after=whole)
            proposal.shrink(whole, use)


def apply_direction(proposals: Sequence[Proposal], holdings: Holdings, lot: Decimal) -> None:
    """Long only, and no order through zero: selling ends at what is held, covering at what is owed."""
    for name in _names(alive(proposals, reducing=True)):
        opposing = [p for p in alive(proposals, reducing=True) if p.intent.instrument == name]
        held = abs(holdings.held(name))
        limit = "long_only" if opposing[0].sign < 0 else "no_flip"
        use = LimitUse(limit=limit, allowed=held, before=held, after=held, detail="shares that can be closed")
        _share_out(opposing, [ONE] * len(opposing), held, lot, use)
    for proposal in alive(proposals, reducing=False):
        if proposal.sign < 0:
            short = max(ZERO, -holdings.held(proposal.intent.instrument))
            use = LimitUse(limit="long_only", allowed=ZERO, before=short, after=short, detail="no short sale")
            proposal.shrink(ZERO, use)


def apply_close_only(proposals: Sequence[Proposal]) -> None:
    """Refuse what does not reduce."""
    for proposal in alive(proposals, reducing=False):
        use = LimitUse(limit="kill_switch", allowed=ZERO, before=proposal.quantity, after=ZERO, detail="close_only")
        proposal.shrink(ZERO, use)


def apply_order_count(proposals: Sequence[Proposal], most: int, net_edges: Mapping[InstrumentId, float]) -> None:
    """Reducing orders first, then by expected net edge, ties by id; the rest is refused."""
    living = [p for p in proposals if p.quantity > 0]
    queue = sorted(
        living,
        key=lambda p: (
            not p.reducing,
            -p.sign * round(net_edges.get(p.intent.instrument, 0.0), 12),
            p.intent.client_order_id,
        ),
    )
    asked, bound = Decimal(len(queue)), Decimal(most)
    for proposal in queue[most:]:
        use = LimitUse(limit="order_count", allowed=bound, before=asked, after=bound)
        proposal.shrink(ZERO, use)


def apply_limit(limit: Limit, proposals: Sequence[Proposal], lot: Decimal) -> None:
    """Share out what the limit leaves above the book with its reducing orders.

    What everything approved uses is known when every limit has been applied; until then `after` of
    the note says what it was before.
    """
    increasing = [p for p in alive(proposals, reducing=False) if limit.covers(p)]
    if not increasing:
        return
    before = limit.use(alive(proposals, reducing=True))
    room = max(ZERO, limit.allowed - before)
    room = max(ZERO, room - limit.reserve(increasing, room))
    prices = [p.price for p in increasing]
    if sum((p.quantity * p.price for p in increasing), ZERO) <= room:
        return
    use = LimitUse(limit=limit.name, allowed=limit.allowed, before=before, after=before)
    _share_out(increasing, prices, room.quantize(GRID, rounding=ROUND_FLOOR), lot, use)


def _share_out(
    orders: Sequence[Proposal], prices: Sequence[Decimal], room: Decimal, lot: Decimal, use: LimitUse
) -> None:
    kept = clamp_quantities([order.quantity for order in orders], prices, room, lot)
    for order, quantity in zip(orders, kept, strict=True):
        if quantity < order.quantity:
            order.shrink(quantity, use)


def _names(proposals: Iterable[Proposal]) -> list[InstrumentId]:
    return sorted({p.intent.instrument for p in proposals})
