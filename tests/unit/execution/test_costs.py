from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.examples import policy_with
from tradeops.domain.errors import ExecutionError
from tradeops.domain.orders import Side
from tradeops.execution.costs import borrow_cost, cash_interest, commission, impact_fraction, price_fill

COSTS = policy_with(costs={"cash_interest": Decimal("0.036"), "borrow": Decimal("0.018")}).costs


@pytest.mark.parametrize(
    ("shares", "fee"), [(1, "1.00"), (200, "1.00"), (201, "1.01"), (1125, "5.63"), (1127, "5.64"), (10_000, "50.00")]
)
def test_commission_is_half_a_cent_a_share_at_least_a_dollar_half_up(shares: int, fee: str) -> None:
    assert commission(COSTS, Decimal(shares)) == Decimal(fee)


@pytest.mark.parametrize(("shares", "basis_points"), [(10_000, "10"), (2_500, "5"), (100, "1"), (40_000, "20")])
def test_impact_grows_with_the_square_root(shares: int, basis_points: str) -> None:
    found = impact_fraction(COSTS, Decimal(shares), Decimal(1_000_000))
    assert found == Decimal(basis_points) / 10_000


def test_impact_without_volume_is_an_error() -> None:
    with pytest.raises(ExecutionError):
        impact_fraction(COSTS, Decimal(1), Decimal(0))


@given(
    st.decimals("0.5", 1000, places=4),
    st.integers(1, 100_000),
    st.integers(1_000, 100_000_000),
    st.sampled_from(Side),
)
def test_a_fill_is_worse_than_the_open_by_spread_and_impact_and_at_most_a_cent(
    opening: Decimal, shares: int, volume: int, side: Side
) -> None:
    price = price_fill(COSTS, side, opening, Decimal(shares), Decimal(volume))
    modelled = opening * (COSTS.half_spread + impact_fraction(COSTS, Decimal(shares), Decimal(volume)))
    worse = side.sign * (price - opening)
    assert modelled <= worse < modelled + Decimal("0.01")
    assert price == price.quantize(Decimal("0.01"))


def test_interest_and_borrow_count_calendar_days_of_360() -> None:
    assert cash_interest(COSTS, Decimal("58975.50"), 3) == Decimal("17.69")
    assert cash_interest(COSTS, Decimal("-58975.50"), 3) == Decimal("-17.70")
    assert borrow_cost(COSTS, Decimal("58975.50"), 3) == Decimal("8.85")
    assert borrow_cost(COSTS, Decimal(0), 3) == 0
