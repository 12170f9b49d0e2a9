"""Opportunities against costs worked out by hand."""

import math
from decimal import Decimal

import numpy as np
import pytest

from tests.unit.coordination.test_slate import make_forecasts
from tests.unit.examples import base_policy, build_state, build_view, random_closes
from tradeops.coordination.opportunities import build_opportunities
from tradeops.coordination.trading_costs import estimate_costs
from tradeops.domain.slates import Slate, SlateDraw


def test_costs_by_hand() -> None:
    """20 % of 100,000 USD at 50 USD are 400 shares; 1 % of 1,000,000 shares a day are 10,000.
    One way: 2.5 bp + 10 bp·√(400 / 10,000) = 2 bp + commission 2.00 / 20,000 = 1 bp: 5.5 bp."""
    costs = estimate_costs(np.array([50.0]), np.array([1e6]), 100_000.0, base_policy())
    assert (costs.quantity.tolist(), costs.participation.tolist()) == ([400.0], [10_000.0])
    assert costs.round_trip[0] == pytest.approx(2 * 5.5e-4, rel=1e-12)


def test_a_thin_name_is_costed_at_what_participation_lets_through() -> None:
    costs = estimate_costs(np.array([50.0]), np.array([10_000.0]), 100_000.0, base_policy())
    assert costs.quantity.tolist() == [100.0]
    assert costs.round_trip[0] == pytest.approx(2 * (2.5e-4 + 1e-3 + 1.0 / 5000), rel=1e-12)


def test_no_volume_costs_everything_and_no_equity_one_share() -> None:
    assert math.isinf(estimate_costs(np.array([50.0]), np.array([0.0]), 1e5, base_policy()).round_trip[0])
    assert estimate_costs(np.array([50.0]), np.array([1e6]), -5.0, base_policy()).quantity.tolist() == [1.0]


def test_an_opportunity_carries_its_forecast_and_what_is_left() -> None:
    view = build_view(random_closes(2, 61, 3))
    forecasts = make_forecasts([0.01, 0.02, 0.03])
    draws = tuple(
        SlateDraw(candidates=("GOOG", "AAPL"), gains=(0.0, 0.0), probabilities=(0.5, 0.5), uniform=0.1, chosen=name)
        for name in ("GOOG", "AAPL")
    )
    slate = Slate(candidates=("GOOG", "AAPL"), draws=draws)
    found = build_opportunities(
        slate=slate, forecasts=forecasts, view=view, state=build_state(view), policy=base_policy()
    )
    assert [o.instrument for o in found] == ["GOOG", "AAPL"]
    goog = found[0]
    assert (goog.mean, goog.sigma, goog.probability_up, goog.largest_quantity) == (0.03, 0.05, 0.5, 100_000)
    assert goog.net_edge == goog.mean - goog.cost
    assert goog.reference_price == Decimal(repr(float(view.columns["close"][-1, 2])))
    assert goog.quantiles == tuple(forecasts.quantiles[2].tolist())
