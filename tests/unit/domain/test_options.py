"""Options cannot be made of numbers that mean nothing, nor Greeks that no option has."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradeops.domain.errors import InvalidPricingInput, PricingError, PricingModelError
from tradeops.domain.identifiers import InstrumentId
from tradeops.domain.options import ExerciseStyle, Greeks, OptionContract, OptionKind, OptionQuote

CONTRACT = OptionContract(
    underlying=InstrumentId("AAPL"),
    kind=OptionKind.CALL,
    style=ExerciseStyle.AMERICAN,
    strike=Decimal("187.50"),
    expiry=date(2026, 6, 19),
)
CALL = Greeks(
    kind=OptionKind.CALL, value=3.0, delta=0.6, gamma=0.02, vega=20.0, theta=-4.0, rho=15.0, dividend_rho=-20.0,
    vanna=0.1, volga=3.0, charm=-0.2,
)  # fmt: skip
PUT = replace(CALL, kind=OptionKind.PUT, delta=-0.4)
NUMBERS = [name for name in Greeks.__slots__ if name != "kind"]


def test_kinds_have_signs() -> None:
    assert (OptionKind.CALL.sign, OptionKind.PUT.sign) == (1, -1)


@pytest.mark.parametrize("strike", ["0", "-1", "NaN", "Infinity", "-Infinity", "sNaN"])
def test_strikes_that_are_no_prices_are_refused(strike: str) -> None:
    with pytest.raises(InvalidPricingInput, match=r"of AAPL 2026-06-19 must be a price above 0"):
        replace(CONTRACT, strike=Decimal(strike))


def test_quotes_know_their_middle_and_half_their_width() -> None:
    quote = OptionQuote(contract=CONTRACT, bid=Decimal("1.00"), ask=Decimal("1.10"))
    assert (quote.middle, quote.half_width) == (Decimal("1.05"), Decimal("0.05"))


@pytest.mark.parametrize(
    ("bid", "ask"), [("-0.01", "1"), ("2", "1"), ("0", "0"), ("NaN", "1"), ("1", "NaN"), ("1", "Infinity")]
)
def test_quotes_that_are_crossed_or_no_prices_are_refused(bid: str, ask: str) -> None:
    with pytest.raises(InvalidPricingInput, match=r"AAPL 2026-06-19 call 187\.50 needs 0 ≤ bid ≤ ask"):
        OptionQuote(contract=CONTRACT, bid=Decimal(bid), ask=Decimal(ask))


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_no_greek_is_without_number(name: str, value: float) -> None:
    with pytest.raises(PricingModelError, match=f"{name} .* must be finite"):
        replace(CALL, **{name: value})


@pytest.mark.parametrize(("greeks", "delta"), [(CALL, -0.001), (CALL, 1.001), (PUT, 0.001), (PUT, -1.001)])
def test_delta_stays_on_the_side_of_its_kind(greeks: Greeks, delta: float) -> None:
    with pytest.raises(PricingModelError, match=r"delta .* must lie in"):
        replace(greeks, delta=delta)


def test_a_negative_dividend_yield_lets_delta_pass_one() -> None:
    assert replace(CALL, delta=1.02, largest_delta=1.05).delta == 1.02
    with pytest.raises(PricingModelError, match=r"must lie in \[0, 0\.5\]"):
        replace(CALL, largest_delta=0.5)


@pytest.mark.parametrize("name", ["value", "gamma", "vega"])
def test_value_gamma_and_vega_are_not_below_zero(name: str) -> None:
    with pytest.raises(PricingModelError, match=f"{name} -1e-09 of a call must not be below 0") as error:
        replace(CALL, **{name: -1e-9})
    assert isinstance(error.value, PricingError)


@given(st.sampled_from([CALL, PUT]), st.sampled_from(NUMBERS), st.floats(allow_nan=True, allow_infinity=True))
def test_whatever_number_is_put_in_the_invariants_hold_or_it_is_refused(start: Greeks, name: str, value: float) -> None:
    try:
        made = replace(start, **{name: value})
    except PricingModelError:
        return
    assert min(made.value, made.gamma, made.vega) >= 0
    assert -1e-9 <= made.kind.sign * made.delta <= made.largest_delta + 1e-9
    assert all(abs(getattr(made, number)) < float("inf") for number in NUMBERS)


def test_mutant_a_sign_that_is_lost_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OptionKind, "sign", property(lambda self: 1))
    with pytest.raises(PricingModelError, match="delta"):
        replace(PUT)
