"""Legs of a package fill in one proportion, whatever is short."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.examples import policy_with
from tests.unit.execution.test_order_fills import book_of, fill, make_order, market_of
from tradeops.domain.identifiers import ClientOrderId, PackageId
from tradeops.domain.lifecycle import OrderState
from tradeops.domain.orders import Order, Side
from tradeops.execution import order_fills
from tradeops.ports.broker import SessionExecutions

HEDGED = PackageId("hedged")


def leg(name: str, side: Side, shares: int, identity: str) -> Order:
    return replace(make_order(name, side, shares, identity), package=HEDGED)


def filled(done: SessionExecutions) -> dict[ClientOrderId, int]:
    found = {change.client_order_id: 0 for change in done.changes}
    return found | {one.client_order_id: int(abs(one.signed_quantity)) for one in done.fills}


def test_a_package_that_can_fill_fills_whole() -> None:
    done = fill(leg("A", Side.BUY, 100, "o1"), leg("B", Side.SELL, 30, "o2"), book=book_of(B=30))
    assert filled(done) == {"o1": 100, "o2": 30}
    assert {change.state for change in done.changes} == {OrderState.FILLED}


def check_the_least_filled_leg_decides() -> None:
    """One percent of 10,000 are 100 of 150 shares, so 20 of 31 sold: two thirds, toward zero."""
    market = market_of()
    bars = {name: replace(bar, volume=Decimal(10_000)) if name == "A" else bar for name, bar in market.bars.items()}
    legs = (leg("A", Side.BUY, 150, "o1"), leg("B", Side.SELL, 31, "o2"))
    done = fill(*legs, book=book_of(B=100), market=replace(market, bars=bars))
    assert filled(done) == {"o1": 100, "o2": 20}
    told = "legs of package hedged fill as o1 can: participation 0.01 of volume 10000"
    assert [change.reason.endswith(told) for change in done.changes] == [True, True]
    assert {change.state for change in done.changes} == {OrderState.EXPIRED}


def test_the_least_filled_leg_decides_and_is_named() -> None:
    check_the_least_filled_leg_decides()


def test_mutant_that_fills_each_leg_by_itself_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order_fills, "find_lower_shares", lambda _legs, _lot: {})
    with pytest.raises(AssertionError):
        check_the_least_filled_leg_decides()


def test_a_leg_that_cannot_fill_or_would_fill_alone_leaves_the_others_unfilled() -> None:
    unquoted = fill(leg("A", Side.BUY, 100, "o1"), leg("B", Side.BUY, 30, "o2"), market=market_of(names="A"))
    assert filled(unquoted) == {"o1": 0, "o2": 0}
    assert all("did not trade" in change.reason for change in unquoted.changes)
    small = fill(leg("A", Side.BUY, 15_000, "o1"), leg("B", Side.BUY, 1, "o2"), book=book_of("100000"))
    assert filled(small) == {"o1": 0, "o2": 0}


def test_a_leg_of_which_a_split_leaves_no_share_leaves_the_others_unfilled() -> None:
    done = fill(leg("A", Side.BUY, 5, "o1"), leg("B", Side.BUY, 30, "o2"), market=market_of(ratio="0.1"))
    assert filled(done) == {"o1": 0, "o2": 0}


def test_what_a_package_leaves_is_filled_by_others() -> None:
    """Of 100 shares that may trade, a leg that cannot be bought leaves all to the single order behind it."""
    legs = (leg("A", Side.BUY, 80, "o1"), leg("B", Side.BUY, 80, "o2"))
    single = make_order("A", Side.BUY, 80, "o3")
    done = fill(*legs, single, market=market_of(volume=10_000, names="A"))
    assert filled(done) == {"o1": 0, "o2": 0, "o3": 80}


ORDERS = st.builds(
    lambda name, side, shares, package: (name, side, shares, package),
    st.sampled_from("AB"),
    st.sampled_from(Side),
    st.integers(1, 3_000),
    st.sampled_from((None, "p", "p", "q")),
)


@settings(max_examples=150)
@given(
    wanted=st.lists(ORDERS, min_size=1, max_size=6),
    cash=st.integers(0, 60_000),
    held=st.integers(0, 3_000),
    volume=st.integers(0, 400_000),
    ratio=st.sampled_from(("1", "1", "2", "0.1")),
    lot=st.sampled_from((1, 1, 10)),
)
def test_legs_fill_in_one_proportion_to_the_lot(
    wanted: list[tuple[str, Side, int, str | None]], cash: int, held: int, volume: int, ratio: str, lot: int
) -> None:
    orders = [
        replace(make_order(name, side, shares * lot, f"o{number}"), package=package and PackageId(package))
        for number, (name, side, shares, package) in enumerate(wanted)
    ]
    book = book_of(str(cash), **({"A": held, "B": held} if held else {}))
    market = market_of(volume=volume, ratio=ratio)
    done = fill(*orders, book=book, market=market, policy=policy_with(universe={"lot": lot}))
    found = filled(done)
    for package in {order.package for order in orders if order.package}:
        legs = [order for order in orders if order.package == package]
        asked = [int(leg.quantity * market.ratios.get(leg.instrument, Decimal(1))) for leg in legs]
        parts = [(found[leg.client_order_id], shares) for leg, shares in zip(legs, asked, strict=True)]
        assert len({got > 0 for got, _ in parts}) == 1, "a leg filled alone"
        most = max((Fraction(got, shares) for got, shares in parts if shares), default=Fraction(0))
        assert all(got > most * shares - lot for got, shares in parts), "out of proportion"
    singles = [order for order in orders if order.package is None]
    if len(singles) == len(orders):
        assert fill(*orders[::-1], book=book, market=market, policy=policy_with(universe={"lot": lot})) == done
