"""Partitions are read whole from either end, whatever gaps their offsets have."""

from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.event_log import InMemoryEventLog
from tradeops.domain.topics import BARS_RAW, MACRO, choose_partition
from tradeops.ports.event_log import NewMessage
from tradeops.services import read_log
from tradeops.services.read_log import count_unread, is_read, read_backward, read_forward

RAW, GROUP = BARS_RAW.name, "g"
PLACES = range(BARS_RAW.partitions)
batches = st.lists(st.lists(st.sampled_from("ABCDEFGH"), max_size=30), max_size=40)


def fill(sizes: list[list[str]], *, marks: bool) -> tuple[InMemoryEventLog, dict[int, list[bytes]]]:
    """A log, and what each partition should hold in order."""
    log, lanes, number = InMemoryEventLog(marks=marks), defaultdict[int, list[bytes]](list), 0
    for keys in sizes:
        messages = []
        for key in keys:
            messages.append(NewMessage(topic=RAW, key=key, value=b"%d" % number))
            lanes[choose_partition(key, BARS_RAW.partitions)].append(b"%d" % number)
            number += 1
        log.append(messages)
    return log, lanes


@given(batches, st.booleans())
def test_both_directions_give_every_message_once(sizes: list[list[str]], marks: bool) -> None:
    log, lanes = fill(sizes, marks=marks)
    assert [m.value for m in read_forward(log, RAW)] == [value for place in PLACES for value in lanes[place]]
    for place in PLACES:
        assert [m.value for m in read_backward(log, RAW, place)] == lanes[place][::-1]


@pytest.mark.parametrize("marks", [False, True])
def test_what_a_group_has_left_is_counted(marks: bool) -> None:
    log, _ = fill([["A", "B", "C"]] * 20, marks=marks)
    with log.open_consumer(GROUP, [RAW]) as consumer:
        assert count_unread(log, GROUP, RAW) == 60
        consumer.poll(25)
        consumer.commit()
        assert count_unread(log, GROUP, RAW) == 35
        assert not is_read(log, GROUP, RAW, until=log.end_offsets(RAW))
        while consumer.poll():
            consumer.commit()
    assert count_unread(log, GROUP, RAW) == 0
    assert is_read(log, GROUP, RAW, until=log.end_offsets(RAW))


def test_what_comes_after_the_end_that_was_asked_for_does_not_count() -> None:
    log = InMemoryEventLog(marks=True)
    log.append([NewMessage(topic=MACRO.name, key="A", value=b"1")] * 2)
    ends = log.end_offsets(MACRO.name)
    with log.open_consumer(GROUP, [MACRO.name]) as consumer:
        consumer.poll()
        consumer.commit()
    log.append([NewMessage(topic=MACRO.name, key="A", value=b"2")])
    assert is_read(log, GROUP, MACRO.name, until=ends)
    assert not is_read(log, GROUP, MACRO.name, until=log.end_offsets(MACRO.name))


def test_many_pages_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_log, "_PAGE", 7)
    log, lanes = fill([["A"]] * 100, marks=True)
    assert [m.value for m in read_forward(log, RAW)] == lanes[choose_partition("A", BARS_RAW.partitions)]
