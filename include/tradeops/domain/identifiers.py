"""Identifiers as types of their own; all derive from content, none from a clock."""

import hashlib
import re
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import NewType

from tradeops.domain.canonical import encode_canonical
from tradeops.domain.errors import ConfigurationError

InstrumentId = NewType("InstrumentId", str)
AgentId = NewType("AgentId", str)
CycleId = NewType("CycleId", str)
ClientOrderId = NewType("ClientOrderId", str)
PackageId = NewType("PackageId", str)
BundleId = NewType("BundleId", str)
PolicyVersion = NewType("PolicyVersion", str)
LearnerStateId = NewType("LearnerStateId", str)
ValueRef = NewType("ValueRef", str)

# With the stage it fits into 64 characters, which is what names in events may have.
_is_plain = re.compile(r"[!-.0-~]{1,28}", re.ASCII).fullmatch


class Stage(StrEnum):
    """What a model may touch; each stage is an account with its own book."""

    SHADOW = "shadow"
    CANARY = "canary"
    LIVE = "live"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class BookId:
    """One book: an account at one stage, in one run.

    Args:
        account: Account name at the broker.
        stage: Shadow, canary or live.
        run: ``live`` or the name of a separate book.
    """

    account: str = "live"
    stage: Stage = Stage.LIVE
    run: str = "live"

    def __post_init__(self) -> None:
        for part in (self.account, self.run):
            if not _is_plain(part):
                raise ConfigurationError(
                    f"book name part {part!r}: use 1 to 28 printable ASCII characters without space and '/'", part=part
                )

    @property
    def stream(self) -> str:
        """Name of the ledger stream of this book."""
        return f"book/{self}"

    @property
    def claims_stream(self) -> str:
        """Ledger stream of granted epochs; apart, so that a redo moves no position of the book's own stream."""
        return f"claims/{self}"

    def __str__(self) -> str:
        return f"{self.account}/{self.stage}/{self.run}"


def content_hash(value: object) -> str:
    """SHA-256 (hex) of the canonical bytes of a JSON-like value."""
    return hashlib.sha256(encode_canonical(value)).hexdigest()


def derive_cycle_id(book: BookId, *, universe_version: str, bundle: BundleId, as_of: datetime) -> CycleId:
    """Identity of a cycle: account, stage, run, universe version, bundle and as_of."""
    parts = [book.account, book.stage.value, book.run, universe_version, bundle, as_of]
    return CycleId(content_hash(parts))


def derive_client_order_id(
    cycle_id: CycleId, instrument: InstrumentId, *, leg: int = 0, child: int = 0, generation: int = 0
) -> ClientOrderId:
    """First 32 hex digits over cycle, instrument, leg, child and generation: no clock, no attempt."""
    return ClientOrderId(content_hash([cycle_id, instrument, leg, child, generation])[:32])


def parse_session(text: str) -> date:
    """Read an ISO date, or say how one looks."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ConfigurationError(f"{text!r} is not a session date; write it as 2013-02-28", text=text) from error
