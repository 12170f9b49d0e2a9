"""Makes a volatility surface of bid and ask quotes of one underlying's European options."""

import math
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import groupby

import numpy as np
import numpy.typing as npt

from tradeops.domain.errors import InvalidPricingInput, PricingError
from tradeops.domain.market import FloatArray
from tradeops.domain.options import ExerciseStyle, OptionContract, OptionQuote
from tradeops.pricing.day_counts import DayCount, count_years
from tradeops.pricing.option_columns import OptionColumns
from tradeops.pricing.smiles import FEWEST_QUOTES, VolatilitySmile
from tradeops.pricing.surface import FittedSurface, fit_surface
from tradeops.services.price_options import PricingService

SMALLEST_ERROR = 1e-5  # of a volatility, where bid and ask are one
LARGEST_RATE = 10.0
LARGEST_EXPONENT = 400.0
SMALLEST_VEGA = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotedMarket:
    """What quotes are read with.

    Args:
        on: Date of the quotes.
        spot: USD a share.
        rate: Fraction a year, continuously compounded.
        dividend_yield: As rate.
    """

    on: date
    spot: float
    rate: float = 0.0
    dividend_yield: float = 0.0

    def __post_init__(self) -> None:
        small = abs(self.rate) <= LARGEST_RATE and abs(self.dividend_yield) <= LARGEST_RATE
        if not (0 < self.spot < math.inf and small):
            raise InvalidPricingInput(
                f"spot must be above 0 and the rates from -{LARGEST_RATE:g} to {LARGEST_RATE:g}, got {self.spot}, "
                f"{self.rate} and {self.dividend_yield}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class SmoothedQuotes:
    """A surface, and what became of each quote.

    Args:
        smiles: What was fitted: of each strike the side out of the money.
        fitted: The surface, how far it is from the quotes, and the laws they break.
        refused: Place of a quote that could not be used, and why.
    """

    smiles: tuple[VolatilitySmile, ...]
    fitted: FittedSurface
    refused: Mapping[int, PricingError]


def smooth_quotes(
    service: PricingService, quotes: Sequence[OptionQuote], market: QuotedMarket, *, request_id: str
) -> SmoothedQuotes:
    """Imply volatilities of the middles, fit the surface, and name what is wrong with the quotes.

    A law of prices that is broken by less than what trading against it costs, the quotes' own halves of bid-ask
    spreads, is not named.

    Raises:
        InvalidPricingInput: No expiry has enough quotes that can be used.
        PricingError: The service is stopped or fails.
    """
    refused: dict[int, PricingError] = {}
    usable = _choose(quotes, market, refused)
    asked = _lay_out([quotes[place].contract for place in usable], market)
    middle = np.array([float(quotes[place].middle) for place in usable])
    implied = service.imply(asked, middle, request_id=request_id)
    vega = service.price(asked, implied.volatility, request_id=request_id).greeks.vega
    width = np.array([float(quotes[place].half_width) for place in usable])
    errors = np.maximum(width / np.maximum(vega, SMALLEST_VEGA), SMALLEST_ERROR)
    for row, place in enumerate(usable):
        error = implied.verdicts.find_error(row)
        if error is not None:
            refused[place] = error
    kept = [row for row, place in enumerate(usable) if place not in refused]
    smiles = tuple(
        _make_smile(expiry, np.array(rows), asked, implied.volatility, errors)
        for expiry, rows in _by_expiry(quotes, usable, kept, refused)
    )
    if not smiles:
        raise InvalidPricingInput(f"no expiry has {FEWEST_QUOTES} quotes that can be used; give more strikes")
    return SmoothedQuotes(smiles=smiles, fitted=fit_surface(smiles), refused=refused)


def _choose(quotes: Sequence[OptionQuote], market: QuotedMarket, refused: dict[int, PricingError]) -> list[int]:
    """Of each expiry and strike the side out of the money, which holds most of what is not intrinsic; sorted."""
    chosen: dict[tuple[date, Decimal], int] = {}
    seen: set[OptionContract] = set()
    for place, quote in enumerate(quotes):
        contract = quote.contract
        wrong = _find_fault(contract, market, seen)
        if wrong:
            refused[place] = InvalidPricingInput(f"{contract}: {wrong}", field="quote")
            continue
        seen.add(contract)
        key = contract.expiry, contract.strike
        if chosen.setdefault(key, place) != place and _is_outside(contract, market):
            chosen[key] = place
    return [chosen[key] for key in sorted(chosen)]


def _find_fault(contract: OptionContract, market: QuotedMarket, seen: Set[OptionContract]) -> str:
    if contract in seen:
        return "it is quoted twice; give one quote"
    if seen and contract.underlying != (first := next(iter(seen)).underlying):
        return f"the quotes before are of {first}; give each underlying a file of its own"
    if contract.style is not ExerciseStyle.EUROPEAN:
        return "implied volatilities are of European options; leave it out, or take it as european"
    if contract.expiry <= market.on:
        return f"it expires on or before {market.on}, the date of the quotes; leave it out"
    return ""


def _is_outside(contract: OptionContract, market: QuotedMarket) -> bool:
    years = count_years(market.on, contract.expiry, DayCount.ACT_365_FIXED)
    return contract.kind.sign * (float(contract.strike) - _compute_forward(market, years)) >= 0


def _compute_forward(market: QuotedMarket, years: float) -> float:
    grown = (market.rate - market.dividend_yield) * years
    return market.spot * math.exp(min(grown, LARGEST_EXPONENT))  # the kernel refuses what grows more


def _lay_out(contracts: Sequence[OptionContract], market: QuotedMarket) -> OptionColumns:
    rows = len(contracts)
    return OptionColumns(
        style=ExerciseStyle.EUROPEAN,
        kind=np.array([float(contract.kind.sign) for contract in contracts]),
        spot=np.full(rows, market.spot),
        strike=np.array([float(contract.strike) for contract in contracts]),
        years=np.array([count_years(market.on, contract.expiry, DayCount.ACT_365_FIXED) for contract in contracts]),
        rate=np.full(rows, market.rate),
        dividend_yield=np.full(rows, market.dividend_yield),
    )


def _by_expiry(
    quotes: Sequence[OptionQuote], usable: Sequence[int], kept: Sequence[int], refused: dict[int, PricingError]
) -> Iterator[tuple[date, list[int]]]:
    for expiry, group in groupby(kept, key=lambda row: quotes[usable[row]].contract.expiry):
        rows = list(group)
        if len(rows) >= FEWEST_QUOTES:
            yield expiry, rows
            continue
        for row in rows:
            message = f"{expiry} has {len(rows)} quotes that can be used; give {FEWEST_QUOTES}, or leave it out"
            refused[usable[row]] = InvalidPricingInput(message, field="expiry")


def _make_smile(
    expiry: date, rows: npt.NDArray[np.intp], asked: OptionColumns, volatility: FloatArray, errors: FloatArray
) -> VolatilitySmile:
    years = float(asked.years[rows[0]])
    drift = float(asked.rate[rows[0]] - asked.dividend_yield[rows[0]])
    return VolatilitySmile(
        expiry=expiry,
        years=years,
        forward=float(asked.spot[rows[0]]) * math.exp(drift * years),
        strikes=asked.strike[rows],
        volatilities=volatility[rows],
        errors=errors[rows],
    )
