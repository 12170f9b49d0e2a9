"""What entering and leaving is expected to cost, in columns."""

from dataclasses import dataclass

import numpy as np

from tradeops.domain.market import FloatArray
from tradeops.domain.policy import TradingPolicy


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TradingCosts:
    """Expected costs of M names.

    Args:
        quantity: (M,) shares that the single-name and the participation limit permit, ≥ 1.
        participation: (M,) shares that the participation limit lets through on an average day.
        round_trip: (M,) cost of entering and leaving with `quantity`, as a fraction of its value;
            infinite for a name without volume.
    """

    quantity: FloatArray
    participation: FloatArray
    round_trip: FloatArray


def estimate_costs(prices: FloatArray, volumes: FloatArray, equity: float, policy: TradingPolicy) -> TradingCosts:
    """Half-spread, impact and commission, each twice, at the largest permitted size.

    Impact is `impact·√(q / (impact_participation·volume))`, the square-root law that the paper
    broker fills by.

    Args:
        prices: (M,) last closes, USD.
        volumes: (M,) 20-day average volumes in shares of the last session.
        equity: Of the account, USD.
        policy: Costs and limits.
    """
    costs, limits = policy.costs, policy.limits
    participation = np.floor(float(limits.participation) * volumes)
    single_name = np.floor(float(limits.single_name) * max(equity, 0.0) / prices)
    quantity = np.maximum(np.minimum(single_name, participation), 1.0)
    with np.errstate(divide="ignore"):
        share = quantity / (float(costs.impact_participation) * volumes)
    impact = float(costs.impact) * np.sqrt(share)
    commission = np.maximum(float(costs.commission_minimum), float(costs.commission_per_share) * quantity)
    one_way = float(costs.half_spread) + impact + commission / (quantity * prices)
    return TradingCosts(quantity=quantity, participation=participation, round_trip=2.0 * one_way)
