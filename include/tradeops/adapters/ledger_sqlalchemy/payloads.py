"""What entries hold, and how it is written; `decode_canonical` reads it."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from tradeops.domain.bundles import Bundle
from tradeops.domain.canonical import encode_canonical
from tradeops.domain.claims import ClockMove, Owner
from tradeops.domain.decisions import Decision
from tradeops.domain.identifiers import BundleId, CycleId
from tradeops.domain.learners import LearnerState
from tradeops.domain.market import Watermark
from tradeops.domain.models import Promotion
from tradeops.domain.orders import OrderChange
from tradeops.domain.policy import TradingPolicy
from tradeops.domain.settlements import Settlement
from tradeops.domain.trading_window import WindowChange
from tradeops.domain.verdicts import KillSwitch


class Kind(StrEnum):
    """Kinds of entries; with the key, the identity of an entry in its stream."""

    CLAIM = "claim"
    DECISION = "decision"
    ORDER_CHANGE = "order_change"
    CYCLE_CLOSED = "cycle_closed"
    SETTLEMENT = "settlement"
    KILL_SWITCH = "kill_switch"
    LEARNER_STATE = "learner_state"
    POLICY = "policy"
    BUNDLE = "bundle"
    CLOCK_MOVE = "clock_move"
    PROMOTION = "promotion"
    WINDOW_CHANGE = "window_change"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimGrant:
    """An epoch was granted."""

    cycle_id: CycleId
    session: date
    as_of: datetime
    bundle: BundleId
    universe_version: str
    watermark: Watermark
    owner: Owner


@dataclass(frozen=True, slots=True, kw_only=True)
class CycleClosed:
    """A cycle came to its end."""

    cycle_id: CycleId
    session: date


@dataclass(frozen=True, slots=True, kw_only=True)
class KillSwitchSetting:
    """Somebody set the kill switch."""

    level: KillSwitch
    person: str
    reason: str


def encode_payload(value: object) -> str:
    """Canonical JSON text of an entry's content."""
    return encode_canonical(value).decode()


def content_of(kind: Kind) -> type[Any]:
    """The type that entries of a kind hold."""
    return _CONTENT[kind]


_CONTENT: dict[Kind, type[Any]] = {
    Kind.CLAIM: ClaimGrant,
    Kind.DECISION: Decision,
    Kind.ORDER_CHANGE: OrderChange,
    Kind.CYCLE_CLOSED: CycleClosed,
    Kind.SETTLEMENT: Settlement,
    Kind.KILL_SWITCH: KillSwitchSetting,
    Kind.LEARNER_STATE: LearnerState,
    Kind.POLICY: TradingPolicy,
    Kind.BUNDLE: Bundle,
    Kind.CLOCK_MOVE: ClockMove,
    Kind.PROMOTION: Promotion,
    Kind.WINDOW_CHANGE: WindowChange,
}
