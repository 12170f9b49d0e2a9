"""Letters are sent again once and in the order of their keys; what a person gives up stays, and nothing vanishes."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.event_log import InMemoryEventLog
from tradeops.adapters.event_log_sqlite import SqliteEventLog
from tradeops.domain.dead_letters import Discard, LetterFilter, LetterState
from tradeops.domain.errors import ConfigurationError, CorruptInput, InvalidRecord, LeaseHeld, UnknownRecord
from tradeops.domain.topics import BARS_RAW
from tradeops.ports.event_log import EventLog, Message, NewMessage
from tradeops.services.dead_letters import (
    discard_dead_letters,
    find_dead_letter,
    list_dead_letters,
    make_dead_letter,
    redrive_dead_letters,
    settle_letters,
)
from tradeops.services.dead_letters.letter_headers import PERSON, SETTLES

RAW, DLQ = BARS_RAW.name, BARS_RAW.dead_letters
AT = datetime(2013, 2, 28, 21, 30, tzinfo=UTC)
BY_ADA = Discard(person="Ada", reason="wrong at the source", at=AT + timedelta(days=1))
KEYS = ("AAPL", "IBM", "MSFT")


@contextmanager
def open_log(kind: str) -> Iterator[EventLog]:
    if kind != "sqlite":
        yield InMemoryEventLog(marks=kind == "gaps")
        return
    with TemporaryDirectory() as folder, SqliteEventLog(f"sqlite:///{folder}/event_log.db") as log:
        yield log


@pytest.fixture(params=["memory", "gaps", "sqlite"])
def log(request: pytest.FixtureRequest) -> Iterator[EventLog]:
    with open_log(request.param) as opened:
        yield opened


def publish(log: EventLog, *pairs: tuple[str, bytes]) -> None:
    log.append([NewMessage(topic=RAW, key=key, value=value) for key, value in pairs])


def fail_all(log: EventLog, turn: Callable[[list[NewMessage]], list[NewMessage]] = list) -> list[Message]:
    """What a consumer does whose messages all fail, some at once and some after retries."""
    with log.open_consumer("ingest", [RAW]) as consumer:
        polled = list(consumer.poll())
        consumer.commit(turn([make_dead_letter(message, InvalidRecord("bad"), at=AT) for message in polled]))
    return polled


def by_key(pairs: list[tuple[str, bytes]]) -> dict[str, list[bytes]]:
    lanes: dict[str, list[bytes]] = defaultdict(list)
    for key, value in pairs:
        lanes[key].append(value)
    return lanes


Round = tuple[list[str], int, list[int]]
ROUNDS = st.lists(
    st.tuples(st.lists(st.sampled_from(KEYS), max_size=6), st.integers(0, 5), st.lists(st.integers(0, 9), max_size=3)),
    min_size=1,
    max_size=4,
)


def check_order_is_kept(kind: str, rounds: list[Round]) -> None:
    """Letters come in any order, some are sent again before others and fail again: at last a key's are in its order."""
    with open_log(kind) as log:
        sent: list[tuple[str, bytes]] = []
        for keys, shift, again in rounds:
            fresh = [(key, f"{len(sent) + place}".encode()) for place, key in enumerate(keys)]
            sent += fresh
            publish(log, *fresh)
            fail_all(log, lambda letters, by=shift: letters[by:] + letters[:by][::-1])
            letters = list_dead_letters(log)
            chosen = frozenset(letters[number % len(letters)].address for number in again if letters)
            if chosen:
                redrive_dead_letters(log, topic=RAW, wanted=LetterFilter(addresses=chosen))
                fail_all(log)
        redriven = redrive_dead_letters(log, topic=RAW)
        with log.open_consumer("ingest", [RAW]) as consumer:
            polled = list(consumer.poll())
        assert by_key([(message.key, message.value) for message in polled]) == by_key(sent)
        assert by_key([(letter.key, letter.value) for letter in redriven]) == by_key(sent)
        assert redrive_dead_letters(log, topic=RAW) == ()


@pytest.mark.parametrize("kind", ["memory", "gaps"])
@settings(deadline=None)
@given(rounds=ROUNDS)
def test_a_redrive_keeps_the_order_of_each_key_and_sends_once(kind: str, rounds: list[Round]) -> None:
    check_order_is_kept(kind, rounds)


@settings(max_examples=10, deadline=None)
@given(rounds=ROUNDS)
def test_a_redrive_keeps_the_order_of_each_key_on_a_file(rounds: list[Round]) -> None:
    check_order_is_kept("sqlite", rounds)


THREE: list[Round] = [(["AAPL", "IBM", "AAPL", "AAPL"], 2, [])]
FAILED_AGAIN: list[Round] = [(["AAPL", "AAPL"], 0, [0])]


def swap_two_of_a_key(chosen: Any) -> Any:
    letters = list(chosen)
    places = [place for place, letter in enumerate(letters) if letter.key == "AAPL"]
    letters[places[0]], letters[places[1]] = letters[places[1]], letters[places[0]]
    return letters


@pytest.mark.parametrize("rounds", [THREE, FAILED_AGAIN])
@pytest.mark.parametrize(
    "find_turn",
    [lambda letter: letter.address, lambda letter: (letter.origin.partition, -letter.origin.offset)],
    ids=["as they lie", "backwards"],
)
def test_mutant_in_another_order_is_found(
    monkeypatch: pytest.MonkeyPatch, rounds: list[Round], find_turn: Callable[[Any], Any]
) -> None:
    check_order_is_kept("memory", rounds)
    monkeypatch.setattr(settle_letters, "_find_turn", find_turn)
    with pytest.raises(AssertionError):
        check_order_is_kept("memory", rounds)


def test_mutant_by_last_place_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settle_letters, "_find_turn", lambda letter: letter.source)
    with pytest.raises(AssertionError):
        check_order_is_kept("memory", FAILED_AGAIN)


def test_mutant_that_swaps_two_letters_of_a_key_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def sorted_and_swapped(chosen: Any, *, key: Any) -> Any:
        return swap_two_of_a_key(sorted(chosen, key=key))

    monkeypatch.setattr(settle_letters, "sorted", sorted_and_swapped, raising=False)
    with pytest.raises(AssertionError):
        check_order_is_kept("memory", THREE)


def all_messages(log: EventLog) -> list[Message]:
    return [message for place in log.end_offsets(DLQ) for message in log.read(DLQ, place, 0)]


def check_discard_keeps_everything(log: EventLog) -> None:
    """Every message on the topic stays as it was; the letter says who gave it up, and is sent only when named."""
    publish(log, ("AAPL", b"1"), ("AAPL", b"2"), ("IBM", b"3"))
    fail_all(log)
    before, letters = all_messages(log), list_dead_letters(log)
    given_up = discard_dead_letters(
        log, BY_ADA, topic=DLQ, wanted=LetterFilter(addresses=frozenset({letters[0].address}))
    )
    assert [letter.address for letter in given_up] == [letters[0].address]
    assert [message for message in all_messages(log) if message in before] == before
    states = [letter.state for letter in list_dead_letters(log)]
    assert sorted(states) == [LetterState.DISCARDED, LetterState.OPEN, LetterState.OPEN]
    kept = find_dead_letter(log, letters[0].address)
    assert (kept.value, kept.discard) == (letters[0].value, BY_ADA)
    assert {letter.address for letter in redrive_dead_letters(log, topic=RAW)} == {
        letter.address for letter in letters[1:]
    }
    only = LetterFilter(addresses=frozenset({kept.address}))
    assert redrive_dead_letters(log, topic=RAW, wanted=only) == (kept,)
    assert redrive_dead_letters(log, topic=RAW, wanted=only) == ()
    assert {letter.state for letter in list_dead_letters(log)} == {LetterState.REDRIVEN}
    recorded = [message.headers[PERSON] for message in all_messages(log) if PERSON in message.headers]
    assert recorded == ["Ada"]


def test_a_discard_keeps_everything(log: EventLog) -> None:
    check_discard_keeps_everything(log)


def delete(log: InMemoryEventLog, _discard: Discard, *, topic: str, wanted: LetterFilter) -> Any:
    chosen = list_dead_letters(log, topic=topic, wanted=wanted)
    for letter in chosen:
        lane = log.messages[letter.address.topic, letter.address.partition]
        lane[:] = [message for message in lane if message.offset != letter.address.offset]
    return chosen


def settle_as_redriven(log: EventLog, _discard: Discard, *, topic: str, wanted: LetterFilter) -> Any:
    chosen = list_dead_letters(log, topic=topic, wanted=wanted)
    log.append(
        [NewMessage(topic=DLQ, key=letter.key, value=b"", headers={SETTLES: str(letter.address)}) for letter in chosen]
    )
    return chosen


def do_nothing(log: EventLog, _discard: Discard, *, topic: str, wanted: LetterFilter) -> Any:
    return list_dead_letters(log, topic=topic, wanted=wanted)


@pytest.mark.parametrize("mistake", [delete, settle_as_redriven, do_nothing])
def test_mutant_of_discard_is_found(mistake: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "discard_dead_letters", mistake)
    with pytest.raises((AssertionError, UnknownRecord)):
        check_discard_keeps_everything(InMemoryEventLog())


def test_mutant_that_redrives_the_discarded_with_all_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settle_letters, "OPEN", settle_letters._NOT_REDRIVEN)
    with pytest.raises(AssertionError):
        check_discard_keeps_everything(InMemoryEventLog())


def test_discarding_is_repeated_without_effect_and_tried_without_any(log: EventLog) -> None:
    publish(log, ("AAPL", b"1"), ("IBM", b"2"))
    fail_all(log)
    count = len(all_messages(log))
    assert len(discard_dead_letters(log, BY_ADA, topic=RAW, dry_run=True)) == 2
    assert len(all_messages(log)) == count
    assert len(discard_dead_letters(log, BY_ADA, topic=RAW)) == 2
    assert discard_dead_letters(log, BY_ADA, topic=RAW) == ()
    assert len(all_messages(log)) == count + 2
    assert redrive_dead_letters(log, topic=RAW) == ()


def test_a_redriven_letter_cannot_be_given_up(log: EventLog) -> None:
    publish(log, ("AAPL", b"1"))
    fail_all(log)
    redrive_dead_letters(log, topic=RAW)
    assert discard_dead_letters(log, BY_ADA, topic=RAW) == ()


def test_filters_choose_what_is_settled(log: EventLog) -> None:
    publish(log, ("AAPL", b"1"))
    fail_all(log)
    later = LetterFilter(since=AT + timedelta(seconds=1))
    assert redrive_dead_letters(log, topic=RAW, wanted=later) == ()
    assert discard_dead_letters(log, BY_ADA, topic=RAW, wanted=later) == ()
    assert len(redrive_dead_letters(log, topic=RAW, wanted=LetterFilter(error="InvalidRecord"))) == 1


def test_discarding_waits_for_a_redrive(log: EventLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settle_letters, "_WAIT_SECONDS", 0.0)
    with log.hold(f"redrive/{RAW}"), pytest.raises(LeaseHeld):
        discard_dead_letters(log, BY_ADA, topic=RAW)


@pytest.mark.parametrize(("person", "reason"), [("", "why"), ("Ada", " ")])
def test_nobody_discards_without_a_reason(person: str, reason: str) -> None:
    with pytest.raises(ConfigurationError, match="name both"):
        Discard(person=person, reason=reason, at=AT)


def test_a_discard_without_a_reason_on_the_topic_is_named() -> None:
    log = InMemoryEventLog()
    log.append([NewMessage(topic=DLQ, key="A", value=b"", headers={SETTLES: f"{DLQ}/0/0", PERSON: "Ada"})])
    with pytest.raises(CorruptInput, match="discards a letter wrongly"):
        list_dead_letters(log)
