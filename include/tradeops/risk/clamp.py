"""Sharing out the room that a limit leaves."""

from collections.abc import Sequence
from decimal import Decimal

ZERO = Decimal(0)


def clamp_quantities(
    quantities: Sequence[Decimal], prices: Sequence[Decimal], room: Decimal, lot: Decimal
) -> list[Decimal]:
    """Scale orders down in proportion until their value fits, in whole lots.

    Each keeps the whole lots of its proportional share; what is left goes out a lot at a time by
    largest remainder, ties in the order given, to those whose lot still fits.

    Args:
        quantities: Shares ≥ 0, multiples of `lot`, in an order that does not depend on arrival.
        prices: USD a share.
        room: USD that the orders may use together.
        lot: Shares a lot.

    Returns:
        Shares, each at most what was asked for; unchanged when all fit.
    """
    wanted = sum((q * p for q, p in zip(quantities, prices, strict=True)), ZERO)
    if wanted <= room:
        return list(quantities)
    if room <= 0:
        return [ZERO for _ in quantities]
    shares = [divmod(quantity * room, wanted * lot) for quantity in quantities]
    kept = [lots * lot for lots, _ in shares]
    left = room - sum((k * p for k, p in zip(kept, prices, strict=True)), ZERO)
    for item in sorted(range(len(kept)), key=lambda i: (-shares[i][1], i)):
        if shares[item][1] > 0 and prices[item] * lot <= left:
            kept[item] += lot
            left -= prices[item] * lot
    return kept
