"""Every raw record becomes an event or a dead letter, once."""

from collections.abc import Sequence
from datetime import UTC, date, datetime

import pytest

from tests.fakes.event_log import InMemoryConsumer, InMemoryEventLog
from tests.fakes.raw_source import make_raw_bar
from tests.fakes.trading_calendar import FakeTradingCalendar, business_days
from tradeops.domain.event_schemas import decode_event
from tradeops.domain.topics import BARS, BARS_RAW
from tradeops.ports.event_log import Message, NewMessage
from tradeops.services.dead_letters import list_dead_letters
from tradeops.services.ingest_events import GROUP, IngestCounts, ingest_events

DAYS = business_days(date(2001, 3, 1), 30)
CALENDAR = FakeTradingCalendar(DAYS)
AT = datetime(2026, 1, 1, tzinfo=UTC)


def publish(log: InMemoryEventLog, *values: bytes) -> None:
    log.append([NewMessage(topic=BARS_RAW.name, key="A", value=value) for value in values])


def ingest(log: InMemoryEventLog) -> IngestCounts:
    return ingest_events(log, is_session=DAYS.__contains__, at=AT)


def messages(log: InMemoryEventLog, topic: str) -> list[Message]:
    return [message for partition in log.end_offsets(topic) for message in log.read(topic, partition, 0, 10_000)]


def bars(count: int) -> list[bytes]:
    return [make_raw_bar(CALENDAR, "A", DAYS[n % 30], sequence=f"{n}").value for n in range(count)]


def test_good_records_are_validated_and_bad_ones_kept_with_their_bytes() -> None:
    log, good = InMemoryEventLog(), bars(3)
    publish(log, good[0], b"{", good[1], good[2])

    assert ingest(log) == IngestCounts(validated=3, dead=1)
    assert [decode_event(message.value).sequence for message in messages(log, BARS.name)] == ["0", "1", "2"]
    (letter,) = list_dead_letters(log)
    assert (letter.value, letter.topic, letter.first_at, letter.attempts) == (b"{", BARS_RAW.name, AT, 1)
    assert letter.message.startswith("invalid_json: ")


def test_second_run_finds_nothing_to_do() -> None:
    log = InMemoryEventLog()
    publish(log, *bars(5))

    assert [ingest(log).validated, ingest(log).validated] == [5, 0]


def test_more_than_a_batch_is_ingested_whole() -> None:
    log = InMemoryEventLog()
    publish(log, *bars(2_500))

    assert ingest(log).validated == len(messages(log, BARS.name)) == 2_500
    assert sum(log.committed(GROUP, BARS_RAW.name).values()) == 2_500


def check_lost_lease_doubles_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    log = InMemoryEventLog()
    publish(log, *bars(3))
    commit, first = InMemoryConsumer.commit, [True]

    def lose_once(self: InMemoryConsumer, outputs: Sequence[NewMessage] = ()) -> None:
        if first.pop() if first else False:
            log.holders.clear()
        commit(self, outputs)

    monkeypatch.setattr(InMemoryConsumer, "commit", lose_once)
    counts = ingest(log)
    assert counts == IngestCounts(validated=3)
    assert len(messages(log, BARS.name)) == 3


def test_lost_lease_loses_and_doubles_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    check_lost_lease_doubles_nothing(monkeypatch)


def test_mutant_that_appends_before_it_commits_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    commit = InMemoryConsumer.commit

    def in_two_steps(self: InMemoryConsumer, outputs: Sequence[NewMessage] = ()) -> None:
        self.log.append(outputs)
        commit(self)

    monkeypatch.setattr(InMemoryConsumer, "commit", in_two_steps)
    with pytest.raises(AssertionError):
        check_lost_lease_doubles_nothing(monkeypatch)


def test_record_says_its_own_key_and_the_message_does_not() -> None:
    log = InMemoryEventLog()
    (record,) = bars(1)
    log.append([NewMessage(topic=BARS_RAW.name, key="misfiled", value=record)])
    ingest(log)

    assert [message.key for message in messages(log, BARS.name)] == ["A"]


def test_events_carry_no_wall_clock() -> None:
    logs = []
    for at in (AT, AT.replace(year=2027)):
        log = InMemoryEventLog()
        publish(log, *bars(2))
        ingest_events(log, is_session=DAYS.__contains__, at=at)
        logs.append(messages(log, BARS.name))

    assert logs[0] == logs[1]


def test_an_event_names_its_schema_version_and_goes_on_with_the_trace_of_its_record() -> None:
    log, trace = InMemoryEventLog(), "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    traced, plain = bars(2)
    log.append([NewMessage(topic=BARS_RAW.name, key="A", value=traced, headers={"traceparent": trace, "more": "x"})])
    publish(log, plain)
    ingest(log)
    version = {"schema_version": str(BARS.schema_version)}
    assert [message.headers for message in messages(log, BARS.name)] == [{**version, "traceparent": trace}, version]
