"""Chosen names with what they are expected to earn, to cost, and to leave."""

from decimal import Decimal

from tradeops.coordination.trading_costs import estimate_costs
from tradeops.domain.decisions import BookState
from tradeops.domain.forecasts import Forecasts
from tradeops.domain.identifiers import InstrumentId
from tradeops.domain.market import MarketView
from tradeops.domain.opportunities import Opportunity
from tradeops.domain.policy import TradingPolicy
from tradeops.domain.slates import Slate
from tradeops.features.positions import locate_columns
from tradeops.features.volume import compute_average_volume


def build_opportunities(
    *,
    slate: Slate,
    forecasts: Forecasts,
    view: MarketView,
    state: BookState,
    policy: TradingPolicy,
) -> tuple[Opportunity, ...]:
    """One opportunity a chosen name, in the order drawn.

    The slate ranks by the mean in excess of the universe; here the edge is what the account earns:
    the raw mean less the round trip at the largest permitted size.

    Raises:
        DataError: The view lacks a chosen name or is shorter than the volume window.
    """
    columns = locate_columns(view.instruments, slate.chosen)
    rows = locate_columns(forecasts.instruments, slate.chosen)
    costs = estimate_costs(
        view.columns["close"][-1][columns],
        compute_average_volume(view, columns),
        float(state.equity),
        policy,
    )
    pairs = zip(costs.round_trip.tolist(), costs.participation.tolist(), strict=True)
    return tuple(
        _build(name, view.reference_prices[name], forecasts, row, pair)
        for name, row, pair in zip(slate.chosen, rows.tolist(), pairs, strict=True)
    )


def _build(
    name: InstrumentId, price: Decimal, forecasts: Forecasts, row: int, expected: tuple[float, float]
) -> Opportunity:
    mean = float(forecasts.mean[row])
    cost, participation = expected
    return Opportunity(
        instrument=name,
        reference_price=price,
        mean=mean,
        sigma=float(forecasts.sigma[row]),
        quantiles=tuple(forecasts.quantiles[row].tolist()),
        probability_up=float(forecasts.probability_up[row]),
        cost=cost,
        net_edge=mean - cost,
        largest_quantity=int(participation),
    )
