"""The reconciled book: what is held, with open orders counted as filled."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from tradeops.domain.decisions import BookState
from tradeops.domain.identifiers import InstrumentId
from tradeops.domain.market import MarketView
from tradeops.domain.orders import Order, OrderIntent
from tradeops.domain.policy import LimitPolicy
from tradeops.risk.drawdown import compute_allowed_gross

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings:
    """What every limit is measured on.

    Args:
        shares: Signed shares by name, open orders included.
        prices: Reference prices, USD a share, of every name of the view.
        unpriced: Exposure in held names that the view does not price, USD, ≥ 0.
        cash: USD, open orders paid for at reference prices.
        equity: USD.
        allowed_gross: USD, under the drawdown guard.
    """

    shares: Mapping[InstrumentId, Decimal]
    prices: Mapping[InstrumentId, Decimal]
    unpriced: Decimal
    cash: Decimal
    equity: Decimal
    allowed_gross: Decimal

    def held(self, instrument: InstrumentId) -> Decimal:
        """Signed shares of a name, zero when there are none."""
        return self.shares.get(instrument, ZERO)


def reconcile_holdings(
    state: BookState,
    view: MarketView,
    open_orders: Sequence[Order | OrderIntent],
    limits: LimitPolicy,
) -> Holdings:
    """Add open orders to the book and price it.

    Equity was struck at the closes that the view holds, so whatever of it is neither cash nor a
    priced position is the value of the positions that the view does not price.
    """
    book, prices = state.book, view.reference_prices
    shares = {name: position.quantity for name, position in book.positions.items()}
    priced = sum((q * prices[name] for name, q in shares.items() if name in prices), ZERO)
    lost = any(name not in prices for name in shares)
    unpriced = abs(state.equity - book.cash - priced) if lost else ZERO
    cash = book.cash
    for order in open_orders:
        name = order.instrument
        shares[name] = shares.get(name, ZERO) + order.signed_quantity
        value = order.signed_quantity * prices.get(name, order.reference_price)
        cash -= value
        unpriced += ZERO if name in prices else abs(value)
    return Holdings(
        shares=shares,
        prices=prices,
        unpriced=unpriced,
        cash=cash,
        equity=state.equity,
        allowed_gross=compute_allowed_gross(state.equity, state.peak_equity, limits),
    )
