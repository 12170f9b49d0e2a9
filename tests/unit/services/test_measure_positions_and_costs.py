"""Closed positions, exposure and costs of a book whose every number is known by hand."""

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from tests.unit.services.test_measure_performance import BUY_TWICE, SESSIONS, run_and_measure
from tradeops.domain.settlements import Settlement
from tradeops.learning.block_bootstrap import BlockBootstrap
from tradeops.services.attribute_profit import split_profit
from tradeops.services.measure_costs import measure_costs
from tradeops.services.measure_positions import (
    estimate_share,
    list_closed_positions,
    measure_positions,
    read_weights,
)

BOOTSTRAP = BlockBootstrap(seed="positions", draws=100)


@pytest.fixture(scope="module")
def settlements() -> list[Settlement]:
    runner, _ = run_and_measure(BUY_TWICE)
    return list(runner.ledger.list_settlements(runner.book_id))


def test_a_closed_position_earned_its_sales_and_dividends_less_purchases_and_fees(
    settlements: list[Settlement],
) -> None:
    (closed,) = list_closed_positions(settlements)
    assert (closed.instrument, closed.profit) == ("OLD", Decimal(5550))
    assert (closed.opened, closed.closed) == (SESSIONS[3], SESSIONS[30])


def test_a_position_held_at_the_end_is_not_closed(settlements: list[Settlement]) -> None:
    assert list(list_closed_positions(settlements[:20])) == []
    assert measure_positions(settlements[:25], BOOTSTRAP).win_rate is None


def test_exposure_and_win_rates(settlements: list[Settlement]) -> None:
    """Rows 3–9 hold 25,000 of 99,962.50, 10–19 of 100,587.50, 20–29 30,000 of 105,587.50; 27 of 40 sessions."""
    found = measure_positions(settlements, BOOTSTRAP)
    share = (7 * 25_000 / 99_962.5 + 10 * 25_000 / 100_587.5 + 10 * 30_000 / 105_587.5) / 40
    assert found.exposure == pytest.approx(share)
    assert (found.closed, found.won, found.invested) == (1, 1, 27 / 40)
    assert found.sessions_up is not None and found.sessions_up.value == 2 / 4


def test_weights_are_shares_of_equity(settlements: list[Settlement]) -> None:
    weights = read_weights(settlements)
    assert weights.instruments == ("OLD",)
    assert weights.weights[3, 0] == pytest.approx(25_000 / 99_962.5)
    assert np.count_nonzero(weights.weights) == 27


def test_costs_are_taken_apart_to_the_cent() -> None:
    """2,500 at 10 and at 12: half-spread 2.5 bp = 6.25 + 7.50; impact 5 bp = 12.50 + 15; prices lost 0.01 a share."""
    runner, report = run_and_measure(BUY_TWICE)
    settled = list(runner.ledger.list_settlements(runner.book_id))
    costs = measure_costs(settled, runner.source, runner.calendar, runner.policy)
    assert (costs.commission, costs.half_spread, costs.impact) == (25, Decimal("13.75"), Decimal("27.5"))
    assert (costs.rounding, costs.borrow, costs.basis) == (Decimal("8.75"), 0, "assumed")
    assert costs.total == report.book.fees + report.book.slippage


def test_mutant_a_fill_one_cent_worse_shows_in_the_rounding() -> None:
    runner, _ = run_and_measure(BUY_TWICE)
    settled = list(runner.ledger.list_settlements(runner.book_id))
    fill = replace(settled[3].fills[0], price=settled[3].fills[0].price + Decimal("0.01"))
    settled[3] = replace(settled[3], fills=(fill,))
    costs = measure_costs(settled, runner.source, runner.calendar, runner.policy)
    assert costs.rounding == Decimal("33.75")


def test_profit_by_name_is_the_change_of_equity(settlements: list[Settlement]) -> None:
    for before, after in zip([None, *settlements[:-1]], settlements, strict=True):
        assert sum(split_profit(after, before).values(), Decimal(0)) == after.profit.total


def test_a_share_has_wilsons_interval() -> None:
    """8 of 10: centre (0.8 + 0.19207)/1.38415 = 0.71674, half-width 0.22655."""
    found = estimate_share(8, 10)
    assert (found.value, found.low, found.high) == pytest.approx((0.8, 0.49016, 0.94331), abs=1e-4)
    assert estimate_share(0, 5).low == 0.0 and estimate_share(5, 5).high == 1.0
