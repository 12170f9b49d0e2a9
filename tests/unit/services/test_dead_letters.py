"""Letters keep the bytes and the reason; a redrive sends each once, in order, and goes on counting attempts."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.event_log import InMemoryEventLog
from tradeops.adapters.event_log_sqlite import SqliteEventLog
from tradeops.domain.dead_letters import DeadLetter, Discard, FailureKind, LetterFilter, LetterState, MessageAddress
from tradeops.domain.errors import ConfigurationError, CorruptInput, DataError, InvalidRecord, LeaseHeld, UnknownRecord
from tradeops.domain.topics import BARS_RAW, MACRO_RAW, choose_partition
from tradeops.ports.event_log import EventLog, Message, NewMessage
from tradeops.services.dead_letters import (
    ATTEMPTS,
    OPEN,
    find_dead_letter,
    list_dead_letters,
    make_dead_letter,
    redrive_dead_letters,
    settle_letters,
)
from tradeops.services.dead_letters.letter_headers import FIRST_AT, ORIGIN, PREFIX
from tradeops.services.dead_letters.make_letter import digest_stack

RAW, DLQ = BARS_RAW.name, BARS_RAW.dead_letters
AT = datetime(2013, 2, 28, 21, 30, tzinfo=UTC)
REDRIVEN = LetterFilter(states=frozenset({LetterState.REDRIVEN}))
BAD = b'\xff{"close": NaN'


@pytest.fixture(params=["memory", "gaps", "sqlite"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EventLog]:
    if request.param != "sqlite":
        yield InMemoryEventLog(marks=request.param == "gaps")
        return
    with SqliteEventLog(f"sqlite:///{tmp_path}/event_log.db") as opened:
        yield opened


def raised(message: str = "close is NaN") -> InvalidRecord:
    try:
        raise InvalidRecord(message)
    except InvalidRecord as error:
        return error


def fail_all(log: EventLog, at: datetime = AT, group: str = "ingest") -> list[Message]:
    """What ingest does with messages that all break their schema."""
    with log.open_consumer(group, [RAW]) as consumer:
        polled = consumer.poll()
        consumer.commit([make_dead_letter(message, raised(), at=at) for message in polled])
        return list(polled)


def named(*addresses: MessageAddress) -> LetterFilter:
    return LetterFilter(addresses=frozenset(addresses))


def publish(log: EventLog, *pairs: tuple[str, bytes], **headers: str) -> None:
    log.append([NewMessage(topic=RAW, key=key, value=value, headers=headers) for key, value in pairs])


def test_a_letter_keeps_bytes_key_reason_and_times(log: EventLog) -> None:
    publish(log, ("AAPL", BAD), trace="t-1")
    (message,) = fail_all(log)
    (letter,) = list_dead_letters(log)
    assert letter == DeadLetter(
        topic=RAW,
        address=MessageAddress(topic=DLQ, partition=message.partition, offset=0),
        source=MessageAddress(topic=RAW, partition=message.partition, offset=0),
        origin=MessageAddress(topic=RAW, partition=message.partition, offset=0),
        key="AAPL",
        value=BAD,
        headers={"trace": "t-1"},
        kind=FailureKind.SCHEMA_INVALID,
        error_type="InvalidRecord",
        message="close is NaN",
        stack_digest=letter.stack_digest,
        attempts=1,
        first_at=AT,
        last_at=AT,
        state=LetterState.OPEN,
    )
    assert find_dead_letter(log, letter.address) == letter


def test_letters_are_filtered_by_topic_and_state(log: EventLog) -> None:
    publish(log, ("AAPL", BAD), ("IBM", BAD))
    fail_all(log)
    log.append(
        [
            make_dead_letter(
                Message(topic=MACRO_RAW.name, partition=0, offset=3, key="wti", value=b"?", headers={}), raised(), at=AT
            )
        ]
    )
    assert [len(list_dead_letters(log, topic=name)) for name in (None, RAW, DLQ, MACRO_RAW.name)] == [3, 2, 2, 1]
    redrive_dead_letters(log, topic=DLQ)
    assert [len(list_dead_letters(log, wanted=wanted)) for wanted in (LetterFilter(), OPEN, REDRIVEN)] == [3, 1, 2]
    with pytest.raises(ConfigurationError):
        list_dead_letters(log, topic="market.gossip")


def check_redrive_sends_once(log: EventLog) -> None:
    """However often it is asked, the bytes come again once, in the order of their key."""
    sent = [("AAPL", b"1"), ("IBM", b"2"), ("AAPL", b"3"), ("AAPL", b"\xff"), ("IBM", b"")]
    publish(log, *sent, trace="t-1")
    fail_all(log)
    assert len(redrive_dead_letters(log, topic=RAW)) == 5
    assert redrive_dead_letters(log, topic=RAW) == ()
    with log.open_consumer("ingest", [RAW]) as consumer:
        again = consumer.poll()
        consumer.commit()
    assert len(again) == 5
    for key in ("AAPL", "IBM"):
        assert [m.value for m in again if m.key == key] == [value for other, value in sent if other == key]
    assert {m.headers["trace"] for m in again} == {"t-1"}
    assert {letter.state for letter in list_dead_letters(log)} == {LetterState.REDRIVEN}


def test_redrive_sends_once(log: EventLog) -> None:
    check_redrive_sends_once(log)


def test_mutant_that_settles_nothing_is_found(log: EventLog, monkeypatch: pytest.MonkeyPatch) -> None:
    real: Callable[..., Any] = settle_letters._send_again
    monkeypatch.setattr(settle_letters, "_send_again", lambda letter: real(letter)[:1])
    with pytest.raises(AssertionError):
        check_redrive_sends_once(log)


def test_message_and_settlement_are_one_append() -> None:
    log = InMemoryEventLog()
    publish(log, ("AAPL", BAD), ("IBM", BAD))
    fail_all(log)
    before = log.appends
    redrive_dead_letters(log, topic=RAW)
    assert log.appends == before + 1


def test_what_fails_again_goes_on_counting(log: EventLog) -> None:
    publish(log, ("AAPL", BAD), trace="t-1")
    fail_all(log)
    redrive_dead_letters(log, topic=RAW)
    (message,) = fail_all(log, AT + timedelta(days=1))
    assert (message.headers[ATTEMPTS], message.headers["trace"]) == ("1", "t-1")
    assert {name for name in message.headers if name.startswith(PREFIX)} == {ATTEMPTS, FIRST_AT, ORIGIN}
    first, second = list_dead_letters(log)
    assert (first.state, second.state) == (LetterState.REDRIVEN, LetterState.OPEN)
    assert (second.attempts, second.first_at, second.last_at) == (2, AT, AT + timedelta(days=1))
    assert second.value == BAD


def test_only_the_letters_asked_for_are_sent(log: EventLog) -> None:
    publish(log, ("AAPL", b"1"), ("AAPL", b"2"))
    fail_all(log)
    first, second = list_dead_letters(log)
    assert redrive_dead_letters(log, topic=RAW, wanted=named(second.address)) == (second,)
    assert redrive_dead_letters(log, topic=RAW, wanted=named(second.address)) == ()
    assert [letter.state for letter in list_dead_letters(log)] == [LetterState.OPEN, LetterState.REDRIVEN]
    assert redrive_dead_letters(log, topic=RAW) == (first,)


def test_a_dry_run_appends_nothing(log: EventLog) -> None:
    publish(log, ("AAPL", BAD))
    fail_all(log)
    ends = log.end_offsets(RAW), log.end_offsets(DLQ)
    assert len(redrive_dead_letters(log, topic=RAW, dry_run=True)) == 1
    assert (log.end_offsets(RAW), log.end_offsets(DLQ)) == ends


def test_an_unknown_letter_is_refused_and_nothing_is_sent(log: EventLog) -> None:
    publish(log, ("AAPL", BAD))
    fail_all(log)
    (letter,) = list_dead_letters(log)
    settlement = MessageAddress(topic=DLQ, partition=letter.address.partition, offset=letter.address.offset + 1)
    for address in (settlement, letter.source):
        with pytest.raises(UnknownRecord, match=str(address)):
            redrive_dead_letters(log, topic=RAW, wanted=named(letter.address, address))
        with pytest.raises(UnknownRecord, match=str(address)):
            find_dead_letter(log, address)
    assert list_dead_letters(log) == (letter,)
    redrive_dead_letters(log, topic=RAW)
    with pytest.raises(UnknownRecord):
        find_dead_letter(log, settlement)


def test_two_redrives_at_once_are_one_after_the_other(log: EventLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settle_letters, "_WAIT_SECONDS", 0.0)
    with log.hold(f"redrive/{RAW}"), pytest.raises(LeaseHeld):
        redrive_dead_letters(log, topic=DLQ)


def check_redrives_at_once_send_once(
    url: str, monkeypatch: pytest.MonkeyPatch, after_listing: Callable[[], object]
) -> None:
    """Three that see the letters at the same time send them once."""
    real = settle_letters.list_dead_letters
    monkeypatch.setattr(settle_letters, "_WAIT_SECONDS", 600.0)

    def list_slowly(*arguments: Any, **named: Any) -> Any:
        letters = real(*arguments, **named)
        after_listing()
        return letters

    def redrive(_number: int) -> int:
        with SqliteEventLog(url) as mine:
            return len(redrive_dead_letters(mine, topic=RAW))

    with SqliteEventLog(url) as log:
        publish(log, ("AAPL", BAD), ("IBM", BAD))
        fail_all(log)
        monkeypatch.setattr(settle_letters, "list_dead_letters", list_slowly)
        with ThreadPoolExecutor(3) as threads:
            sent = sorted(threads.map(redrive, range(3)))
        assert sent == [0, 0, 2]
        assert sum(log.end_offsets(RAW).values()) == 4


def test_redrives_at_once_send_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Nobody can be waited for: who holds the lease is alone.
    check_redrives_at_once_send_once(f"sqlite:///{tmp_path}/event_log.db", monkeypatch, lambda: time.sleep(0.1))


def test_mutant_that_redrives_without_a_lease_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SqliteEventLog, "hold", lambda *_arguments, **_named: nullcontext())
    all_have_listed = threading.Barrier(3, timeout=600)
    with pytest.raises(AssertionError):
        check_redrives_at_once_send_once(f"sqlite:///{tmp_path}/event_log.db", monkeypatch, all_have_listed.wait)


def test_a_foreign_message_on_a_dead_letter_topic_is_named(log: EventLog) -> None:
    log.append([NewMessage(topic=DLQ, key="AAPL", value=b"?")])
    place = choose_partition("AAPL", BARS_RAW.partitions)
    with pytest.raises(CorruptInput, match=f"{DLQ}/{place}/0"):
        list_dead_letters(log)


def test_the_digest_tells_places_apart_and_no_messages() -> None:
    def elsewhere() -> Exception:
        try:
            raise InvalidRecord("close is NaN")
        except InvalidRecord as error:
            return error

    assert digest_stack(raised("a")) == digest_stack(raised("b"))
    assert digest_stack(raised("a")) != digest_stack(elsewhere())
    assert digest_stack(raised()) != digest_stack(DataError("never raised"))


@given(partition=st.integers(0, 99), offset=st.integers(0, 2**40))
def test_addresses_read_what_they_write(partition: int, offset: int) -> None:
    address = MessageAddress(topic=DLQ, partition=partition, offset=offset)
    assert MessageAddress.parse(str(address)) == address


@pytest.mark.parametrize("text", ["", "a", "a/0", "a/0/1/2", "/0/1", "a/-1/0", "a/x/0", "a/0/", "a/²/1"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"market\.bars\.raw\.dlq/0/12"):
        MessageAddress.parse(text)


@pytest.mark.parametrize(
    "wrong",
    [
        {"attempts": 0},
        {"last_at": AT - timedelta(days=1)},
        {"state": LetterState.DISCARDED},
        {"discard": Discard(person="P", reason="R", at=AT)},
    ],
)
def test_impossible_letters_are_refused(wrong: dict[str, Any]) -> None:
    address = MessageAddress(topic=DLQ, partition=0, offset=0)
    fields = {
        "topic": RAW,
        "address": address,
        "source": address,
        "origin": address,
        "key": "A",
        "value": b"",
        "kind": FailureKind.HANDLER_FAILED,
        "error_type": "E",
        "message": "",
        "stack_digest": "",
        "attempts": 1,
        "first_at": AT,
        "last_at": AT,
        "state": LetterState.OPEN,
    }
    assert DeadLetter(**fields).reason == "E"
    with pytest.raises(DataError):
        DeadLetter(**{**fields, **wrong})
