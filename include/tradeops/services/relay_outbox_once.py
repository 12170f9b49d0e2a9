"""Tells the log what the ledger has on record, each once and in the order of its book."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice
from typing import Protocol

from tradeops.domain.errors import CorruptInput
from tradeops.domain.events import Basis, DecisionRecorded, Event, SessionSettled
from tradeops.domain.identifiers import BookId, CycleId, Stage
from tradeops.domain.policy import TimePolicy
from tradeops.domain.topics import DECISIONS, SETTLEMENTS, Topic
from tradeops.execution.session_market import bar_known_at
from tradeops.ports.event_log import EventLog
from tradeops.ports.ledger import BookKeeping, Boxes, CycleRecords, OutboxRow
from tradeops.ports.trading_calendar import TradingCalendar
from tradeops.services.event_messages import SOURCE, make_event_message
from tradeops.services.find_newest_event import read_newest_events

HOLD = "relay"  # held for as long as a process relays
MOST_ROWS = 200


class RecordedLedger(Boxes, CycleRecords, BookKeeping, Protocol):
    """What a relay reads, and the cursor that it moves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxRelay:
    """Where from and where to; one process at a time relays.

    Args:
        ledger: Whose outbox.
        log: Where it is told.
        calendar: When sessions close.
        time: When their bars are known.
    """

    ledger: RecordedLedger
    log: EventLog
    calendar: TradingCalendar
    time: TimePolicy

    def relay_outbox_once(self) -> int:
        """Append events of the next rows, then move the cursor; the number of rows.

        A process that died in between appended and did not move the cursor: what lies at the end of the
        log already is not appended again. The identity of an event is that of what is on record, so
        that a reader who meets one twice can tell.
        """
        rows = self.ledger.read_outbox(MOST_ROWS)
        if not rows:
            return 0
        told = self._list_told()
        events = [(topic, event) for topic, event in map(self._make_event, rows) if event.event_id not in told]
        self.log.append([make_event_message(topic, event) for topic, event in events])
        self.ledger.advance_outbox(rows)
        return len(rows)

    def _list_told(self) -> set[str]:
        return {
            event.event_id
            for topic in (DECISIONS, SETTLEMENTS)
            for partition in range(topic.partitions)
            for event in islice(read_newest_events(self.log, topic, partition), MOST_ROWS)
        }

    def _make_event(self, row: OutboxRow) -> tuple[Topic, Event]:
        make = _MAKERS.get(row.topic)
        if make is None:
            raise CorruptInput(f"the outbox has a row of {row.topic}, which nobody tells", stream=row.stream)
        topic, payload, at = make(self, row.key)
        return topic, Event(
            type=topic.event_type,
            schema_version=topic.schema_version,
            source=SOURCE,
            sequence=f"{row.stream}/{row.sequence}",
            key=payload.book,
            event_time=at,
            known_time=at,
            basis=Basis.ASSUMED,
            payload=payload,
        )

    def tell_decision(self, key: str) -> tuple[Topic, DecisionRecorded, datetime]:
        """How the session of a cycle ended."""
        decision = self.ledger.get_decision(CycleId(key)).decision
        payload = DecisionRecorded(
            book=str(decision.book_id),
            session=decision.session,
            cycle_id=decision.cycle_id,
            outcome=decision.outcome.value,
            orders=tuple(order.client_order_id for order in decision.orders),
        )
        return DECISIONS, payload, decision.as_of

    def tell_settlement(self, key: str) -> tuple[Topic, SessionSettled, datetime]:
        """What a book was worth after a session."""
        account, stage, run, day = key.split("/")
        book_id, session = BookId(account=account, stage=Stage(stage), run=run), date.fromisoformat(day)
        settlement = self.ledger.find_settlement(book_id, session)
        if settlement is None:
            raise CorruptInput(f"the outbox names a settlement of {key}, which is not on record", key=key)
        payload = SessionSettled(
            book=str(book_id), session=session, equity=settlement.equity, fills=len(settlement.fills)
        )
        return SETTLEMENTS, payload, bar_known_at(self.calendar, self.time, session)


Told = tuple[Topic, DecisionRecorded | SessionSettled, datetime]
# The topic that a row names, and what is told of it.
_MAKERS: Mapping[str, Callable[[OutboxRelay, str], Told]] = {
    DECISIONS.name: OutboxRelay.tell_decision,
    SETTLEMENTS.name: OutboxRelay.tell_settlement,
}
