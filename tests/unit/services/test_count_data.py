"""What was loaded is counted by topic, by table and, where it is dead, by reason."""

from tests.fakes.event_log import InMemoryEventLog
from tests.fakes.lake import InMemoryLake
from tests.unit.services.test_ingest_events import bars, ingest, publish
from tradeops.domain.topics import BARS, BARS_RAW, MACRO
from tradeops.services.count_data import DataCounts, TopicCounts, count_data
from tradeops.services.dead_letters import redrive_dead_letters
from tradeops.services.seal_lake import seal_lake


def load(*values: bytes) -> tuple[InMemoryEventLog, InMemoryLake]:
    log, lake = InMemoryEventLog(), InMemoryLake()
    publish(log, *values)
    ingest(log)
    seal_lake(log, lake)
    return log, lake


def find_topic(counts: DataCounts, name: str) -> TopicCounts:
    return next(one for one in counts.topics if one.topic == name)


def test_good_and_dead_records_are_counted_where_they_ended() -> None:
    counts = count_data(*load(*bars(4), b"{", b"["))

    assert find_topic(counts, BARS.name) == TopicCounts(topic=BARS.name, raw=6, validated=4, dead=2)
    assert find_topic(counts, MACRO.name) == TopicCounts(topic=MACRO.name, raw=0, validated=0, dead=0)
    assert counts.dead_letters == {"InvalidRecord": 2}
    assert {one.table: one.rows for one in counts.tables if one.rows} == {"bars": 4}
    (table,) = (one for one in counts.tables if one.rows)
    assert sum(table.by_basis.values()) == 4
    assert set(table.by_basis) <= {"assumed", "observed"}


def test_letter_that_was_sent_again_waits_no_more() -> None:
    log, lake = load(*bars(1), b"{")
    redrive_dead_letters(log, topic=BARS_RAW.name)

    assert count_data(log, lake).dead_letters == {}
    ingest(log)
    assert count_data(log, lake).dead_letters == {"InvalidRecord": 1}
