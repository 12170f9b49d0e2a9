"""Whatever fails, and however a message was made: its letter is written, read, and says what happened."""

from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.event_log import InMemoryEventLog
from tests.fakes.trading_calendar import business_days
from tradeops.domain.dead_letters import FailureKind, LetterFilter, LetterState
from tradeops.domain.errors import AttemptFailed, CircuitOpen, ConfigurationError, CycleHeld, InvalidRecord, RiskError
from tradeops.domain.event_schemas import encode_event
from tradeops.domain.event_schemas.strict_json import MOST_BYTES, REASONS, parse_object
from tradeops.domain.events import Basis, Event, SessionFeatures
from tradeops.domain.topics import BARS_RAW, FEATURES
from tradeops.ports.event_log import Message, NewMessage
from tradeops.services.dead_letters import is_of_message, list_dead_letters, make_dead_letter, redrive_dead_letters
from tradeops.services.dead_letters import letter_headers as headers
from tradeops.services.dead_letters.make_letter import find_kind
from tradeops.services.drain_events_once import GROUP, MOST_ATTEMPTS, EventDrain, SessionEvent, open_decider
from tradeops.services.ingest_events import ingest_events

AT = datetime(2013, 2, 28, 21, 30, tzinfo=UTC)
DAY = timedelta(days=1)
DAYS = business_days(date(2001, 3, 1), 3)
RAW, DLQ = BARS_RAW.name, BARS_RAW.dead_letters
CARRIED = {headers.ATTEMPTS, headers.FIRST_AT, headers.ORIGIN}
OURS = [text for text in vars(headers).values() if isinstance(text, str) and text.startswith(headers.PREFIX)]


def caused_by(cause: BaseException) -> Exception:
    error = RiskError("no verdict")
    error.__cause__ = cause
    return error


def read_bytes(data: bytes) -> Exception:
    with pytest.raises(InvalidRecord) as caught:
        parse_object(data)
    return caught.value


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (InvalidRecord("high_below_low: 1 < 2", reason="high_below_low"), FailureKind.SCHEMA_INVALID),
        (InvalidRecord("no reason"), FailureKind.SCHEMA_INVALID),
        (RiskError("no verdict"), FailureKind.HANDLER_FAILED),
        (KeyError("a mistake of ours"), FailureKind.HANDLER_FAILED),
        (TimeoutError("5 s"), FailureKind.TIMED_OUT),
        (caused_by(TimeoutError("5 s")), FailureKind.TIMED_OUT),
        (caused_by(caused_by(TimeoutError())), FailureKind.TIMED_OUT),
        (caused_by(KeyError("x")), FailureKind.HANDLER_FAILED),
    ],
)
def test_the_error_says_what_stood_in_the_way(error: Exception, kind: FailureKind) -> None:
    assert find_kind(error) is kind


NOISE = {
    "too_large": b"{" * (MOST_BYTES + 1),
    "invalid_utf8": b"\xff",
    "invalid_json": b"{" * 9000,
    "not_an_object": b"[]",
    "duplicate_key": b'{"a": 1, "a": 2}',
    "not_finite": b'{"a": NaN}',
}


def test_every_reason_of_the_parser_is_one_of_noise() -> None:
    errors = {reason: read_bytes(data) for reason, data in NOISE.items()}
    assert {str(error).split(":")[0] for error in errors.values()} == REASONS == NOISE.keys()
    assert {find_kind(error) for error in errors.values()} == {FailureKind.UNPARSEABLE}


@pytest.mark.parametrize(
    ("error", "of_message"),
    [
        (InvalidRecord("x"), True),
        (RecursionError(), True),
        (TimeoutError(), True),
        (ConfigurationError("no such topic"), False),
        (OSError("disk full"), False),
        (MemoryError(), False),
        (CycleHeld("held"), False),
        (CircuitOpen("left in peace"), False),
    ],
)
def test_a_message_is_not_blamed_for_the_machine(error: Exception, of_message: bool) -> None:
    assert is_of_message(error) is of_message


@pytest.mark.parametrize("error", [MemoryError(), OSError("disk full"), ConfigurationError("no schema")])
def test_what_is_of_the_machine_ends_a_load_and_loses_nothing(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = InMemoryEventLog()
    log.append([NewMessage(topic=RAW, key="A", value=b"{}")])

    def fail(*_: object, **__: object) -> None:
        raise error

    with monkeypatch.context() as patch, pytest.raises(type(error)):
        patch.setattr("tradeops.services.ingest_events.validate_raw", fail)
        ingest_events(log, is_session=lambda _: True, at=AT)
    assert list_dead_letters(log) == ()
    assert ingest_events(log, is_session=lambda _: True, at=AT).dead == 1


def test_a_mistake_of_the_validator_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    log = InMemoryEventLog()
    log.append([NewMessage(topic=RAW, key="A", value=value) for value in (b"1", b"2")])

    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a mistake of ours")

    monkeypatch.setattr("tradeops.services.ingest_events.validate_raw", fail)
    assert ingest_events(log, is_session=lambda _: True, at=AT).dead == 2
    assert {(each.kind, each.error_type) for each in list_dead_letters(log)} == {
        (FailureKind.HANDLER_FAILED, "ZeroDivisionError")
    }


def letter_of(message: Message, error: Exception | None = None, **named: Any) -> Any:
    log = InMemoryEventLog()
    log.append([make_dead_letter(message, error or InvalidRecord("bad"), **{"at": AT, **named})])
    return list_dead_letters(log)[0]


def message(value: bytes = b"", key: str = "A", **given_headers: str) -> Message:
    return Message(topic=RAW, partition=0, offset=5, key=key, value=value, headers=given_headers)


def check_comes_again_as_it_was(value: bytes, key: str, names: dict[str, str], text: str) -> None:
    """Also when its headers bear our names."""
    log = InMemoryEventLog()
    original = Message(topic=RAW, partition=0, offset=5, key=key, value=value, headers=names)
    log.append([make_dead_letter(original, KeyError(text), at=AT)])
    letters = list_dead_letters(log)
    assert len(letters) == 1
    (letter,) = letters
    own = {name: each for name, each in names.items() if name not in CARRIED}
    assert (letter.value, letter.key, dict(letter.headers), letter.state) == (value, key, own, LetterState.OPEN)
    redrive_dead_letters(log, topic=RAW)
    (again,) = [each for place in log.end_offsets(RAW) for each in log.read(RAW, place, 0)]
    assert (again.value, again.key) == (value, key)
    assert {name: each for name, each in again.headers.items() if name not in CARRIED} == own


@settings(deadline=None)
@given(
    value=st.binary(max_size=200),
    key=st.text(st.characters(exclude_categories=["Cs"]), max_size=10),
    names=st.dictionaries(st.text(max_size=8) | st.sampled_from([*OURS, "dead_letter.kept.x"]), st.text(max_size=12)),
    text=st.text(max_size=50),
)
def test_any_message_has_a_letter_and_comes_again_as_it_was(
    value: bytes, key: str, names: dict[str, str], text: str
) -> None:
    check_comes_again_as_it_was(value, key, names, text)


def test_mutant_that_takes_a_messages_header_for_ours_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    names = {headers.SETTLES: f"{DLQ}/0/0"}
    check_comes_again_as_it_was(b"", "A", names, "x")
    monkeypatch.setattr("tradeops.services.dead_letters.make_letter.keep_headers", dict)
    with pytest.raises(AssertionError):
        check_comes_again_as_it_was(b"", "A", names, "x")


def test_attempts_add_up_over_failures_and_the_first_time_stays() -> None:
    before = {headers.ATTEMPTS: "4", headers.FIRST_AT: (AT - DAY).isoformat(), headers.ORIGIN: f"{RAW}/0/2"}
    letter = letter_of(message(**before), attempts=3, first_at=AT - timedelta(minutes=2))
    assert (letter.attempts, letter.first_at, letter.last_at) == (7, AT - DAY, AT)
    assert (str(letter.origin), str(letter.source)) == (f"{RAW}/0/2", f"{RAW}/0/5")
    fresh = letter_of(message(), attempts=3, first_at=AT - timedelta(minutes=2))
    assert (fresh.attempts, fresh.first_at, fresh.origin) == (3, AT - timedelta(minutes=2), fresh.source)


def test_a_clock_that_was_set_back_spoils_no_letter() -> None:
    letter = letter_of(message(**{headers.FIRST_AT: (AT + DAY).isoformat()}))
    assert (letter.first_at, letter.last_at) == (AT, AT)


def test_a_long_error_is_cut() -> None:
    assert len(letter_of(message(), KeyError("x" * 100_000)).message) == 2000


def test_a_letter_of_an_earlier_release_is_read() -> None:
    log = InMemoryEventLog()
    new = (headers.KIND, headers.ORIGIN)
    for error in (InvalidRecord("bad"), RiskError("bad")):
        made = make_dead_letter(message(), error, at=AT)
        kept = {name: text for name, text in made.headers.items() if name not in new}
        log.append([NewMessage(topic=made.topic, key=made.key, value=made.value, headers=kept)])
    first, second = list_dead_letters(log)
    assert (first.kind, second.kind) == (FailureKind.SCHEMA_INVALID, FailureKind.HANDLER_FAILED)
    assert first.origin == first.source


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (LetterFilter(), "abc"),
        (LetterFilter(kind=FailureKind.TIMED_OUT), "c"),
        (LetterFilter(error="InvalidRecord"), "ab"),
        (LetterFilter(error="not_finite"), "b"),
        (LetterFilter(error="not_fin"), ""),
        (LetterFilter(since=AT + DAY), "bc"),
        (LetterFilter(until=AT + DAY), "a"),
        (LetterFilter(since=AT + DAY, until=AT + 2 * DAY), "b"),
        (LetterFilter(states=frozenset({LetterState.REDRIVEN})), ""),
        (LetterFilter(kind=FailureKind.TIMED_OUT, error="InvalidRecord"), ""),
    ],
)
def test_filters_take_what_they_say(wanted: LetterFilter, found: str) -> None:
    log = InMemoryEventLog()
    failed = {"a": InvalidRecord("bad"), "b": InvalidRecord("not_finite: NaN"), "c": TimeoutError("5 s")}
    for place, (name, error) in enumerate(failed.items()):
        told = Message(topic=FEATURES.name, partition=0, offset=place, key="k", value=name.encode(), headers={})
        log.append([make_dead_letter(told, error, at=AT + place * DAY)])
    assert "".join(letter.value.decode() for letter in list_dead_letters(log, wanted=wanted)) == found


def test_each_kind_lands_on_the_dead_letter_topic_with_all_that_is_asked() -> None:
    """Noise, a schema that is broken, a handler that fails and one that is slow: the others are answered."""
    log, clock = InMemoryEventLog(), iter(AT + timedelta(minutes=number) for number in range(99))
    errors: dict[date, Exception] = {DAYS[0]: RiskError("no verdict"), DAYS[1]: TimeoutError("no answer in 5 s")}
    answered: list[date] = []

    def answer(event: SessionEvent) -> None:
        if event.session in errors:
            raise errors[event.session]
        answered.append(event.session)

    values = [b"\xff", b'{"type": "session_features"}', *map(announce, DAYS[:3])]
    log.append([NewMessage(topic=FEATURES.name, key="XNYS", value=value, headers={"trace": "t"}) for value in values])
    drain = EventDrain(answer=answer, tell_time=lambda: next(clock), most_waiting=9)
    for _ in range(2 * MOST_ATTEMPTS):
        with open_decider(log) as consumer, suppress(AttemptFailed):
            drain.drain_events_once(consumer)
    assert log.committed(GROUP, FEATURES.name) == {0: len(values)}
    assert answered == [DAYS[2]]
    letters = list_dead_letters(log)
    assert [letter.value for letter in letters] == values[:4]
    assert [letter.kind for letter in letters] == list(FailureKind)
    assert [letter.error_type for letter in letters] == ["InvalidRecord", "InvalidRecord", "RiskError", "TimeoutError"]
    assert [letter.source.offset for letter in letters] == [0, 1, 2, 3]
    assert {(letter.key, letter.headers["trace"], letter.address.topic) for letter in letters} == {
        ("XNYS", "t", FEATURES.dead_letters)
    }
    assert [letter.attempts >= MOST_ATTEMPTS for letter in letters] == [False, False, True, True]
    assert [letter.first_at < letter.last_at for letter in letters] == [False, False, True, True]
    assert len({letter.stack_digest for letter in letters}) >= 3


def announce(session: date) -> bytes:
    moment = datetime(session.year, session.month, session.day, 21, tzinfo=UTC)
    return encode_event(
        Event(
            type=FEATURES.event_type,
            schema_version=1,
            source="test",
            sequence=session.isoformat(),
            key="XNYS",
            event_time=moment,
            known_time=moment,
            basis=Basis.ASSUMED,
            payload=SessionFeatures(session=session, market=1),
        )
    )
