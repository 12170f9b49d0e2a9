"""Where raw records come from, before anybody has looked at them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class RawRecord:
    """One record of a source as the bytes that are published.

    Args:
        topic: A raw topic of the catalogue.
        key: The message's key.
        value: Canonical JSON with `schema_version`, `source`, `sequence`, `event_time`, `known_time`,
            `basis` and the source's own fields as text.
        known_time: When it could have been used, aware UTC; what a range is selected by.
    """

    topic: str
    key: str
    value: bytes
    known_time: datetime


class RawSource(Protocol):
    """A source of raw records with a declared range of sessions."""

    @property
    def first_session(self) -> date:
        """First session of the declared range."""
        ...

    @property
    def last_session(self) -> date:
        """Last session of the declared range."""
        ...

    def read(self, *, after: datetime | None, until: datetime) -> Iterator[RawRecord]:
        """Records with `after < known_time ≤ until`, by topic and within it by `known_time`.

        Args:
            after: None gives everything from the beginning.
            until: Aware UTC.
        """
        ...
