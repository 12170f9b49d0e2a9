"""Legs of a package fill in one proportion, as exchanges fill combination orders."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Final

from tradeops.domain.books import ZERO
from tradeops.domain.identifiers import ClientOrderId, PackageId


@dataclass(frozen=True, slots=True)
class PackageShare:
    """Part of a package that fills, 0 to 1, and what keeps it from being more."""

    part: Fraction
    reason: str

    def cap(self, wanted: Decimal, lot: Decimal) -> Decimal:
        """That part of a leg in whole lots, toward zero; a whole leg stays as it is."""
        if self.part == 1:
            return wanted
        return Decimal(int(self.part * Fraction(wanted) / Fraction(lot))) * lot


WHOLE: Final = PackageShare(Fraction(1), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class LegFill:
    """What one pass over a session's orders filled of a leg, in shares.

    Args:
        package: Its package.
        order: The leg.
        share: Of the package, in this pass.
        wanted: Asked for, after the morning's split, ≥ 0.
        capped: What the share leaves of that.
        filled: Filled, ≤ `capped`.
        limited_by: What made it fewer than `capped`.
    """

    package: PackageId
    order: ClientOrderId
    share: PackageShare
    wanted: Decimal
    capped: Decimal
    filled: Decimal
    limited_by: str

    @property
    def part(self) -> Fraction:
        """Part of it that filled; none of a leg that a split left without a share."""
        return Fraction(self.filled) / Fraction(self.wanted) if self.wanted else Fraction(0)


def find_lower_shares(legs: Sequence[LegFill], lot: Decimal) -> Mapping[PackageId, PackageShare]:
    """The shares of packages of which a leg filled less than its package's share; least filled leg each.

    A share that leaves nothing of some leg is none: no leg fills alone. Caps only fall, so passes end.

    Args:
        legs: Of all packages, of one pass.
        lot: Shares a lot.

    Returns:
        Empty when the legs of each package filled alike.
    """
    packages: dict[PackageId, list[LegFill]] = defaultdict(list)
    for leg in legs:
        packages[leg.package].append(leg)
    return {package: _lower(own, lot) for package, own in packages.items() if any(map(_is_short, own))}


def _is_short(leg: LegFill) -> bool:
    return leg.filled < leg.capped or (leg.wanted == ZERO and leg.share.part > 0)


def _lower(legs: Sequence[LegFill], lot: Decimal) -> PackageShare:
    least = min((leg for leg in legs if _is_short(leg)), key=lambda leg: (leg.part, leg.order))
    reason = f"legs of package {least.package} fill as {least.order} can: {least.limited_by}"
    share = PackageShare(least.part, reason)
    alone = any(share.cap(leg.wanted, lot) == ZERO for leg in legs)
    return PackageShare(Fraction(0), reason) if alone else share
