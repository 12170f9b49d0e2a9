"""What the risk gate said of each proposed order."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from tradeops.domain.errors import RiskError
from tradeops.domain.identifiers import ClientOrderId, InstrumentId
from tradeops.domain.orders import Side


class VerdictKind(StrEnum):
    """Passed whole, passed smaller, or refused."""

    APPROVED = "approved"
    CLAMPED = "clamped"
    VETOED = "vetoed"


class KillSwitch(StrEnum):
    """`close_only` lets reducing orders through, `freeze` nothing; a named person resets it."""

    OFF = "off"
    CLOSE_ONLY = "close_only"
    FREEZE = "freeze"


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitUse:
    """One limit's view of one order.

    Args:
        limit: Name of the limit.
        allowed: Its bound.
        before: Use by the book with the reducing orders of the set.
        after: Use by the book with everything approved.
        detail: What else a reader must know.
    """

    limit: str
    allowed: Decimal
    before: Decimal
    after: Decimal
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskVerdict:
    """The gate's answer for one proposed order.

    Args:
        client_order_id: The order.
        instrument: The name.
        side: Buy or sell; the gate never changes it.
        kind: Approved, clamped or vetoed.
        proposed: Shares asked for.
        approved: Shares let through, ≤ `proposed`.
        limits: Each limit that bound it, in the order applied.
        clamp_cost: Expected USD given up by the shares withheld (net edge x value), ≥ 0.
        limits_version: Policy version whose limits were applied.
    """

    client_order_id: ClientOrderId
    instrument: InstrumentId
    side: Side
    kind: VerdictKind
    proposed: Decimal
    approved: Decimal
    limits: tuple[LimitUse, ...]
    clamp_cost: Decimal
    limits_version: str

    def __post_init__(self) -> None:
        kind = VerdictKind.CLAMPED
        if self.approved == self.proposed:
            kind = VerdictKind.APPROVED
        elif self.approved == 0:
            kind = VerdictKind.VETOED
        if not 0 <= self.approved <= self.proposed or self.kind is not kind:
            raise RiskError(f"verdict {self.kind} with {self.approved} of {self.proposed} contradicts itself")
