"""Fills of market-on-open orders against one bar: pure, so the same orders always fill alike."""

from collections.abc import Mapping, Sequence
from decimal import ROUND_CEILING, ROUND_DOWN, Decimal

from tradeops.domain.books import ZERO, Book
from tradeops.domain.identifiers import InstrumentId, PackageId
from tradeops.domain.lifecycle import OrderState
from tradeops.domain.market import Bar
from tradeops.domain.orders import Fill, Order, OrderChange, Side
from tradeops.domain.policy import TradingPolicy
from tradeops.execution.corporate_actions import split_quantity
from tradeops.execution.costs import commission, price_fill
from tradeops.execution.package_fills import WHOLE, LegFill, PackageShare, find_lower_shares
from tradeops.execution.rounding import CENT
from tradeops.execution.session_market import SessionMarket
from tradeops.ports.broker import SessionExecutions

_PackageShares = Mapping[PackageId, PackageShare]


def fill_orders(
    orders: Sequence[Order], account: Book, market: SessionMarket, policy: TradingPolicy
) -> SessionExecutions:
    """Execute a session's orders at its opens: sells before buys, ties by order id.

    An order is first multiplied by that morning's split (whole shares, a fraction is dropped). It
    fills at open ± half-spread ± impact, up to the participation limit of the bar's raw volume,
    which all orders of a name share. A sell never exceeds the shares held. A buy leaves the cash
    buffer: `cash_buffer · equity`, up to the cent, where equity is the account before the first
    fill at the opens (a held name that does not trade counts at its cost). Legs of a package fill in
    the proportion of the least filled one: where they do not, all orders are worked through again
    with lower caps. What does not fill expires at the close, with every reason.

    Args:
        orders: Valid in this session.
        account: Book after the session's corporate actions.
        market: The session.
        policy: Its costs, `participation`, `cash_buffer` and lot are used.
    """
    ordered = sorted(orders, key=lambda order: (order.side is Side.BUY, order.client_order_id))
    shares: dict[PackageId, PackageShare] = {}
    while True:
        desk = _Desk(account, market, policy, shares)
        results = [desk.execute(order) for order in ordered]
        lower = find_lower_shares(desk.legs, Decimal(policy.universe.lot))
        if not lower:
            break
        shares |= lower
    return SessionExecutions(
        fills=tuple(fill for fill, _ in results if fill is not None),
        changes=tuple(change for _, change in results),
    )


class _Desk:
    """Cash, shares and volume left while one session's orders are worked through.

    `legs` says what was filled of the legs of packages.
    """

    def __init__(
        self, account: Book, market: SessionMarket, policy: TradingPolicy, package_shares: _PackageShares
    ) -> None:
        self._package_shares = package_shares
        self.legs: list[LegFill] = []
        self._market, self._costs, self._lot = market, policy.costs, Decimal(policy.universe.lot)
        self._participation = policy.limits.participation
        self._cash = account.cash
        self._shares = {name: position.quantity for name, position in account.positions.items()}
        self._volume_used: dict[InstrumentId, Decimal] = {}
        buffer = policy.limits.cash_buffer * _equity_at_opens(account, market.bars)
        self._buffer = buffer.quantize(CENT, rounding=ROUND_CEILING)

    def execute(self, order: Order) -> tuple[Fill | None, OrderChange]:
        """Fill what can be filled, then say what became of the order."""
        ratio = self._market.ratios.get(order.instrument, Decimal(1))
        wanted = split_quantity(order.quantity, ratio)
        reasons = [] if wanted == order.quantity * ratio else [f"the {ratio}:1 split dropped a fraction of a share"]
        if order.package is None:
            quantity, limiting = self._fillable(order, wanted)
        else:
            quantity, limiting = self._fill_leg(order, order.package, wanted)
        told = "; ".join(reasons + limiting)
        fill = self._fill(order, quantity) if quantity > 0 else None
        if fill is not None and quantity == wanted:
            return fill, _change(order, OrderState.FILLED, "; ".join(["filled whole", *reasons]))
        return fill, _change(
            order, OrderState.EXPIRED, f"filled {quantity} of {wanted}, rest expired at the close: {told}"
        )

    def _fill_leg(self, order: Order, package: PackageId, wanted: Decimal) -> tuple[Decimal, list[str]]:
        """As `_fillable`, up to the package's share."""
        share = self._package_shares.get(package, WHOLE)
        capped = share.cap(wanted, self._lot)
        quantity, limiting = self._fillable(order, capped)
        self.legs.append(
            LegFill(
                package=package,
                order=order.client_order_id,
                share=share,
                wanted=wanted,
                capped=capped,
                filled=quantity,
                limited_by="; ".join(limiting) or "no share is left of it",
            )
        )
        return quantity, limiting + [share.reason] * (capped < wanted)

    def _fillable(self, order: Order, wanted: Decimal) -> tuple[Decimal, list[str]]:
        """Shares that may trade, and each limit that made them fewer."""
        bar = self._market.bars.get(order.instrument)
        if bar is None:
            return ZERO, [f"{order.instrument} did not trade in this session"]
        if self._market.average_volumes.get(order.instrument, ZERO) <= 0:
            return ZERO, [f"{order.instrument} had no volume in the 20 sessions before"]
        quantity, reasons = wanted, []
        room = self._room(bar)
        if room < quantity:
            quantity = room
            reasons.append(f"participation {self._participation} of volume {bar.volume}")
        own = self._sellable(order, quantity) if order.side is Side.SELL else self._affordable(order, quantity)
        if own < quantity:
            quantity = own
            reasons.append("no more shares held" if order.side is Side.SELL else f"cash buffer {self._buffer}")
        return quantity, reasons

    def _room(self, bar: Bar) -> Decimal:
        used = self._volume_used.get(bar.instrument, ZERO)
        return max(ZERO, self._whole_lots(self._participation * bar.volume - used))

    def _sellable(self, order: Order, quantity: Decimal) -> Decimal:
        return min(quantity, max(ZERO, self._shares.get(order.instrument, ZERO)))

    def _affordable(self, order: Order, quantity: Decimal) -> Decimal:
        """Largest number of shares ≤ `quantity` that leaves the buffer; cost rises with the shares."""
        if self._leaves_buffer(order, quantity):
            return quantity
        enough, too_many = ZERO, quantity
        while too_many - enough > self._lot:
            middle = enough + max(self._lot, self._whole_lots((too_many - enough) / 2))
            if self._leaves_buffer(order, middle):
                enough = middle
            else:
                too_many = middle
        return enough

    def _leaves_buffer(self, order: Order, quantity: Decimal) -> bool:
        if quantity <= 0:
            return True
        price, fee = self._quote(order, quantity)
        return self._cash - quantity * price - fee >= self._buffer

    def _quote(self, order: Order, quantity: Decimal) -> tuple[Decimal, Decimal]:
        name = order.instrument
        opening, volume = self._market.bars[name].open, self._market.average_volumes[name]
        return price_fill(self._costs, order.side, opening, quantity, volume), commission(self._costs, quantity)

    def _fill(self, order: Order, quantity: Decimal) -> Fill:
        price, fee = self._quote(order, quantity)
        name = order.instrument
        fill = Fill(
            client_order_id=order.client_order_id,
            instrument=name,
            session=self._market.session,
            signed_quantity=order.side.sign * quantity,
            price=price,
            fee=fee,
        )
        self._cash += fill.cash
        self._shares[name] = self._shares.get(name, ZERO) + fill.signed_quantity
        self._volume_used[name] = self._volume_used.get(name, ZERO) + quantity
        return fill

    def _whole_lots(self, shares: Decimal) -> Decimal:
        return (shares / self._lot).to_integral_value(rounding=ROUND_DOWN) * self._lot


def _equity_at_opens(account: Book, bars: Mapping[InstrumentId, Bar]) -> Decimal:
    held = (
        position.quantity * bars[name].open if name in bars else position.cost
        for name, position in account.positions.items()
    )
    return account.cash + sum(held, ZERO)


def _change(order: Order, state: OrderState, reason: str) -> OrderChange:
    return OrderChange(client_order_id=order.client_order_id, state=state, reason=reason)
