"""Schemas of what this system says of its own progress, one a type and version."""

from typing import Annotated

from pydantic import Field

from tradeops.domain.event_schemas.fields import DecimalText, NameText
from tradeops.domain.event_schemas.payloads import EXCHANGE, SessionPayload
from tradeops.domain.events import DecisionRecorded, SessionFeatures, SessionSettled

Identifier = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
OrderIdentifier = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
Outcome = Annotated[str, Field(pattern=r"^[a-z_]{1,32}$")]


class SessionFeaturesV1(SessionPayload):
    """The session's features are built, from bars that a move of the market clock had reached."""

    market: Annotated[int, Field(ge=1)]

    @property
    def key(self) -> str:
        """The exchange: there is one."""
        return EXCHANGE

    def to_payload(self) -> SessionFeatures:
        """The domain's value."""
        return SessionFeatures(session=self.session, market=self.market)


class BookPayload(SessionPayload):
    """Something that happened to a book, named account/stage/run."""

    book: NameText

    @property
    def key(self) -> str:
        """The book: what happens to one comes in order."""
        return self.book


class DecisionRecordedV1(BookPayload):
    """The record of a cycle: which, how it ended, and the orders that it sent; the ledger holds the rest."""

    cycle_id: Identifier
    outcome: Outcome
    orders: list[OrderIdentifier]

    def to_payload(self) -> DecisionRecorded:
        """The domain's value."""
        return DecisionRecorded(
            book=self.book,
            session=self.session,
            cycle_id=self.cycle_id,
            outcome=self.outcome,
            orders=tuple(self.orders),
        )


class SessionSettledV1(BookPayload):
    """A book's equity in USD at a session's close, and how many fills it had; the ledger holds the rest."""

    equity: DecimalText
    fills: Annotated[int, Field(ge=0)]

    def to_payload(self) -> SessionSettled:
        """The domain's value."""
        return SessionSettled(book=self.book, session=self.session, equity=self.equity, fills=self.fills)
