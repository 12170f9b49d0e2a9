"""Recomputes a sample of what the kernels answered by second formulas that share nothing with them."""

import hashlib
from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
from numpy.random import Generator, Philox

from tradeops.domain.errors import PricingModelError
from tradeops.domain.market import FloatArray
from tradeops.domain.options import ExerciseStyle
from tradeops.pricing.american_closed_form import compute_american
from tradeops.pricing.closed_form import ReferenceOption, compute_reference, measure_condition, measure_scale
from tradeops.pricing.lattice import STEPS
from tradeops.pricing.option_columns import OptionColumns
from tradeops.pricing.reference_lattice import compute_on_lattice
from tradeops.telemetry import PRICING

KEY_BYTES = 16
ROUNDINGS = 64  # of the moneyness that the kernel and the closed form may differ by

RowArray = npt.NDArray[np.intp]


def choose_sample(request_id: str, good: npt.NDArray[np.bool_], share: float) -> RowArray:
    """Draw rows by the request's own name, so that the same request is always checked in the same places.

    Args:
        request_id: Of the batch.
        good: (N,) rows that have numbers.
        share: Of them, in [0, 1]; above 0 at least one is drawn, at 1 all.

    Returns:
        Rising places; drawn with replacement, so they may be a little fewer.
    """
    places = np.flatnonzero(good)
    if not len(places) or share in (0, 1):
        return places if share else places[:0]
    key = int.from_bytes(hashlib.sha256(request_id.encode()).digest()[:KEY_BYTES], "little")
    draws = Generator(Philox(key=key)).integers(len(places), size=max(1, round(share * len(places))))
    return places[np.unique(draws)]


def find_wrong_greeks(
    asked: OptionColumns, volatility: FloatArray, answers: Mapping[str, FloatArray], places: RowArray, tolerance: float
) -> RowArray:
    """Places where a value or Greek is off by more than `tolerance` of the size of its terms.

    Args:
        asked: European options.
        volatility: (N,) a fraction a year.
        answers: What is checked: (N,) by the names of `GreekColumns`.
        places: Rows to recompute.
        tolerance: As a share of the terms that a number is the sum of (`closed_form.measure_scale`).
    """

    def agrees(place: int) -> bool:
        given = {name: float(column[place]) for name, column in answers.items()}
        return _agrees(_read_option(asked, volatility, place), given, tolerance)

    return _find_wrong(places, agrees)


def find_wrong_american(
    asked: OptionColumns, volatility: FloatArray, value: FloatArray, places: RowArray, tolerance: float
) -> RowArray:
    """Places where an American value is off by more than `tolerance` of spot and strike, now or at expiry."""

    def agrees(place: int) -> bool:
        option = _read_option(asked, volatility, place)
        reference = compute_american(option)
        allowed = _allow(option, tolerance) + reference.rounding
        return abs(float(value[place]) - reference.value) <= allowed

    return _find_wrong(places, agrees)


def find_wrong_on_lattice(
    asked: OptionColumns, volatility: FloatArray, value: FloatArray, places: RowArray, tolerance: float
) -> RowArray:
    """Places where a value on the lattice is off, from another way to roll the same tree back, as an American one."""
    american = asked.style is ExerciseStyle.AMERICAN

    def agrees(place: int) -> bool:
        option = _read_option(asked, volatility, place)
        reference = compute_on_lattice(option, american=american, steps=STEPS)
        return abs(float(value[place]) - reference) <= _allow(option, tolerance)

    return _find_wrong(places, agrees)


def find_wrong_volatilities(
    asked: OptionColumns, volatility: FloatArray, price: FloatArray, places: RowArray, tolerance: float
) -> RowArray:
    """Places where the closed form does not give back the price that a volatility was implied from."""

    def agrees(place: int) -> bool:
        return _agrees(_read_option(asked, volatility, place), {"value": float(price[place])}, tolerance)

    return _find_wrong(places, agrees)


def _find_wrong(places: RowArray, agrees: Callable[[int], bool]) -> RowArray:
    """What cannot be recomputed does not agree either: a model under suspicion hands out nothing unchecked."""
    wrong: list[int] = []
    failed: list[tuple[int, Exception]] = []
    for place in map(int, places):
        try:
            good = agrees(place)
        except PricingModelError:
            good = False  # the kernel gave a number where there is none
        except Exception as error:  # noqa: BLE001 - whatever it is, it is no agreement
            failed.append((place, error))
            good = False
        if not good:
            wrong.append(place)
    if failed:
        row, cause = failed[0]
        PRICING.error("%d rows cannot be recomputed and are withheld, first row %d", len(failed), row, exc_info=cause)
    return np.array(wrong, dtype=np.intp)


def _read_option(asked: OptionColumns, volatility: FloatArray, place: int) -> ReferenceOption:
    return ReferenceOption(
        kind=int(asked.kind[place]),
        spot=float(asked.spot[place]),
        strike=float(asked.strike[place]),
        years=float(asked.years[place]),
        rate=float(asked.rate[place]),
        dividend_yield=float(asked.dividend_yield[place]),
        volatility=float(volatility[place]),
    )


def _agrees(option: ReferenceOption, answers: Mapping[str, float], tolerance: float) -> bool:
    reference = compute_reference(option)
    far = {name for name, answer in answers.items() if not _is_near(answer, reference[name], tolerance)}
    if not far:
        return True
    scale, allowed = measure_scale(option), tolerance + ROUNDINGS * measure_condition(option)
    return all(abs(answers[name] - reference[name]) <= allowed * scale[name] for name in far)


def _is_near(answer: float, reference: float, tolerance: float) -> bool:
    return abs(answer - reference) <= tolerance * abs(reference)


def _allow(option: ReferenceOption, tolerance: float) -> float:
    """Of an American value or one on a lattice: a share of spot and strike, now or at expiry."""
    size = max(option.spot + option.strike, measure_scale(option)["value"])
    return (tolerance + ROUNDINGS * measure_condition(option)) * size
