"""What trading cost, taken apart: what was charged, what is modelled, what rounding took."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby

from tradeops.domain.books import ZERO
from tradeops.domain.orders import Fill
from tradeops.domain.policy import TradingPolicy
from tradeops.domain.settlements import Settlement
from tradeops.execution.costs import impact_fraction
from tradeops.execution.session_market import read_session_market
from tradeops.ports.market_source import MarketSource
from tradeops.ports.trading_calendar import TradingCalendar


@dataclass(frozen=True, slots=True, kw_only=True)
class CostComponents:
    """Costs of one book, USD, ≥ 0; `half_spread + impact + rounding` is what fills lost against their opens.

    Args:
        commission: Charged with each fill.
        half_spread: Modelled: the schedule's share of the open.
        impact: Modelled: the schedule's square-root law.
        rounding: What rounding prices to the cent against us took.
        borrow: For borrowed shares.
        basis: `assumed` or `observed`.
    """

    commission: Decimal
    half_spread: Decimal
    impact: Decimal
    rounding: Decimal
    borrow: Decimal
    basis: str

    @property
    def total(self) -> Decimal:
        """All of it."""
        return self.commission + self.half_spread + self.impact + self.rounding + self.borrow


@dataclass(frozen=True, slots=True)
class _Slippage:
    half_spread: Decimal
    impact: Decimal
    against_open: Decimal


def measure_costs(
    settlements: Sequence[Settlement], source: MarketSource, calendar: TradingCalendar, policy: TradingPolicy
) -> CostComponents:
    """Take the costs of a book's fills apart, by the schedule that the paper broker fills by.

    A fill without a bar in its session (a name whose data ended is sold at its last close) has a
    commission only.

    Args:
        settlements: Of one book.
        source: Opens and volumes.
        calendar: Sessions.
        policy: Its cost schedule.
    """
    fills = [fill for settlement in settlements for fill in settlement.fills]
    parts = list(_list_slippage(fills, source, calendar, policy))
    half_spread = sum((part.half_spread for part in parts), ZERO)
    impact = sum((part.impact for part in parts), ZERO)
    return CostComponents(
        commission=sum((fill.fee for fill in fills), ZERO),
        half_spread=half_spread,
        impact=impact,
        rounding=sum((part.against_open for part in parts), ZERO) - half_spread - impact,
        borrow=sum((settlement.profit.borrow for settlement in settlements), ZERO),
        basis=policy.costs.basis,
    )


def _list_slippage(
    fills: Sequence[Fill], source: MarketSource, calendar: TradingCalendar, policy: TradingPolicy
) -> Iterator[_Slippage]:
    for session, group in groupby(fills, key=lambda fill: fill.session):
        together = list(group)
        names = sorted({fill.instrument for fill in together})
        market = read_session_market(source, calendar, policy.time, session, names)
        for fill in together:
            if fill.instrument in market.bars and market.average_volumes[fill.instrument] > 0:
                opening, shares = market.bars[fill.instrument].open, abs(fill.signed_quantity)
                impact = impact_fraction(policy.costs, shares, market.average_volumes[fill.instrument])
                yield _Slippage(
                    half_spread=shares * opening * policy.costs.half_spread,
                    impact=shares * opening * impact,
                    against_open=fill.signed_quantity * (fill.price - opening),
                )
