"""Splits and dividends read out of a column of adjusted closes."""

from collections.abc import Sequence
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal

from tradeops.domain.identifiers import InstrumentId
from tradeops.domain.market import CorporateAction

SMALLEST_SPLIT = Decimal("1.9")
SMALLEST_DIVIDEND = Decimal("1.000001")
CENT = Decimal("0.01")


def derive_actions(
    instrument: InstrumentId,
    sessions: Sequence[date],
    closes: Sequence[Decimal],
    adjusted: Sequence[Decimal],
) -> tuple[CorporateAction, ...]:
    """Corporate actions of one name, oldest first.

    With `f = adjusted / close` and `g = f_t / f_(t-1)`: `g ≥ 1.9` is a split g:1, any other
    `g > 1 + 1e-6` a dividend of `close_t·(g − 1)` USD a share, to the cent. Only ratios of
    neighbouring sessions are used: the level of an adjusted close depends on what happens later.

    Args:
        instrument: The name.
        sessions: T dates, ascending.
        closes: T raw closes, USD.
        adjusted: T adjusted closes, USD.
    """
    factors = [after / close for after, close in zip(adjusted, closes, strict=True)]
    found = (
        _derive_action(instrument, sessions[row], closes[row], factors[row] / factors[row - 1])
        for row in range(1, len(factors))
    )
    return tuple(action for action in found if action is not None)


def _derive_action(instrument: InstrumentId, session: date, close: Decimal, growth: Decimal) -> CorporateAction | None:
    if growth >= SMALLEST_SPLIT:
        ratio = growth.to_integral_value(rounding=ROUND_HALF_EVEN)
        return CorporateAction(instrument=instrument, session=session, ratio=ratio)
    if growth > SMALLEST_DIVIDEND:
        dividend = (close * (growth - 1)).quantize(CENT, rounding=ROUND_HALF_EVEN)
        return CorporateAction(instrument=instrument, session=session, dividend=dividend)
    return None
