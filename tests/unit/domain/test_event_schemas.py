"""What is on the wire is read strictly: every kind of damage has its reason, and nothing else gets through."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.golden.test_event_schemas import BAR
from tradeops.domain.canonical import encode_canonical
from tradeops.domain.errors import ConfigurationError, InvalidRecord
from tradeops.domain.event_schemas import decode_event, encode_event, validate_raw
from tradeops.domain.event_schemas.strict_json import MOST_BYTES
from tradeops.domain.event_schemas.wire_events import UP_CASTERS
from tradeops.domain.events import Basis, Event, IndexBar, MacroRelease, SessionClosed
from tradeops.domain.identifiers import InstrumentId
from tradeops.domain.market import CorporateAction

THURSDAY = date(2001, 3, 1)
TIMES = {
    "schema_version": 1,
    "source": "test",
    "sequence": "file.csv:1",
    "event_time": "2001-03-01T21:00:00.000000Z",
    "known_time": "2001-03-01T21:15:00.000000Z",
    "basis": "assumed",
}
PRICES = {"session": "2001-03-01", "open": "10.25", "high": "11.00", "low": "10.00", "close": "10.50", "volume": "100"}
RAW_BAR: dict[str, Any] = {**TIMES, **PRICES, "instrument": "AAPL"}
RAW_INDEX_BAR: dict[str, Any] = {**TIMES, **PRICES, "index": "SP500"}
RAW_ACTION: dict[str, Any] = {
    **TIMES,
    "instrument": "AAPL",
    "session": "2001-03-01",
    "ratio": "2",
    "dividend": "0",
}
RAW_RELEASE: dict[str, Any] = {**TIMES, "series": "core_cpi", "period": "2001-01-01", "value": "-0.5"}
RAW = {
    "market.bars.raw": RAW_BAR,
    "market.actions.raw": RAW_ACTION,
    "market.index_bars.raw": RAW_INDEX_BAR,
    "macro.releases.raw": RAW_RELEASE,
}


def is_weekday(day: date) -> bool:
    return day.weekday() < 5


def judge(value: bytes, topic: str = "market.bars.raw") -> Event:
    return validate_raw(topic, value, is_session=is_weekday)


def write(record: dict[str, Any], **changes: object) -> bytes:
    return json.dumps({name: value for name, value in {**record, **changes}.items() if value is not None}).encode()


def reason_of(value: bytes, topic: str = "market.bars.raw") -> str:
    with pytest.raises(InvalidRecord) as caught:
        judge(value, topic)
    reason = str(caught.value.context["reason"])
    assert str(caught.value).startswith(f"{reason}: ")
    return reason


GOOD = write(RAW_BAR)
DAMAGE: list[tuple[str, bytes]] = [
    ("invalid_utf8", GOOD.replace(b"AAPL", b"AA\xffPL")),
    ("invalid_json", GOOD[:-1]),
    ("invalid_json", b""),
    ("invalid_json", b"[" * 60_000),
    ("not_an_object", b"[]"),
    ("not_an_object", b'"text"'),
    ("not_finite", GOOD.replace(b'"10.25"', b"NaN")),
    ("not_finite", GOOD.replace(b'"10.25"', b"-Infinity")),
    ("duplicate_key", GOOD[:-1] + b', "open": "10.30"}'),
    ("missing_field", write(RAW_BAR, close=None)),
    ("missing_field", write(RAW_BAR, schema_version=None)),
    ("unknown_field", write(RAW_BAR, vwap="10.40")),
    ("unknown_schema_version", write(RAW_BAR, schema_version=7)),
    ("unknown_schema_version", write(RAW_BAR, schema_version="1")),
    ("unknown_schema_version", write(RAW_BAR, schema_version=True)),
    ("wrong_type", write(RAW_BAR, open=10.25)),
    ("wrong_type", write(RAW_BAR, instrument=["AAPL"])),
    ("malformed_number", write(RAW_BAR, open="NaN")),
    ("malformed_number", write(RAW_BAR, open="1e1")),
    ("malformed_number", write(RAW_BAR, open="10.123456789")),
    ("malformed_number", write(RAW_BAR, volume="10.5")),
    ("malformed_number", write(RAW_BAR, open="\u0661\u0660")),
    ("malformed_date", write(RAW_BAR, session="3/1/2001")),
    ("malformed_date", write(RAW_BAR, session="2001-02-30")),
    ("malformed_time", write(RAW_BAR, known_time="2001-03-01T21:15:00")),
    ("malformed_time", write(RAW_BAR, event_time="2001-03-01T22:00:00+01:00")),
    ("malformed_text", write(RAW_BAR, instrument="")),
    ("malformed_text", write(RAW_BAR, instrument="\ud800")),
    ("unknown_value", write(RAW_BAR, basis="guessed")),
    ("high_below_low", write(RAW_BAR, high="9.99")),
    ("close_outside_range", write(RAW_BAR, close="11.01")),
    ("open_outside_range", write(RAW_BAR, open="9.99")),
    ("price_not_positive", write(RAW_BAR, low="0")),
    ("price_not_positive", write(RAW_BAR, open="-10.25")),
    ("negative_volume", write(RAW_BAR, volume="-1")),
    ("not_a_session", write(RAW_BAR, session="2001-03-03")),
    ("known_before_event", write(RAW_BAR, known_time="2001-03-01T20:59:59Z")),
    ("not_in_session", write(RAW_BAR, session="2001-03-02")),
    ("not_in_session", write(RAW_BAR, event_time="2000-03-01T21:00:00Z")),
    ("too_large", write(RAW_BAR, source="x" * MOST_BYTES)),
]


@pytest.mark.parametrize(("reason", "value"), DAMAGE, ids=[f"{n} {reason}" for n, (reason, _) in enumerate(DAMAGE)])
def test_damaged_bar_is_refused_for_its_reason(reason: str, value: bytes) -> None:
    assert reason_of(value) == reason


@pytest.mark.parametrize(
    ("reason", "changes"),
    [
        ("ratio_not_positive", {"ratio": "0"}),
        ("negative_dividend", {"dividend": "-0.10"}),
        ("no_action", {"ratio": "1"}),
        ("not_a_session", {"session": "2001-03-04"}),
    ],
)
def test_damaged_corporate_action_is_refused_for_its_reason(reason: str, changes: dict[str, str]) -> None:
    assert reason_of(write(RAW_ACTION, **changes), "market.actions.raw") == reason


def test_refusal_names_field_and_value() -> None:
    with pytest.raises(InvalidRecord, match=r"malformed_number: open: .*; it is '10,25'"):
        judge(write(RAW_BAR, open="10,25"))
    with pytest.raises(InvalidRecord, match=r"high 9.99 is below low 10.00"):
        judge(write(RAW_BAR, high="9.99"))


def test_high_equal_to_low_is_a_bar() -> None:
    event = judge(write(RAW_BAR, open="10", high="10", low="10", close="10", volume="0"))

    assert event.payload.volume == 0  # type: ignore[union-attr]


def test_good_records_become_events_of_the_newest_version() -> None:
    events = [judge(write(record), topic) for topic, record in RAW.items()]

    assert [(event.type, event.schema_version, event.key) for event in events] == [
        ("bar", 2, "AAPL"),
        ("corporate_action", 1, "AAPL"),
        ("index_bar", 1, "SP500"),
        ("macro_release", 1, "core_cpi"),
    ]
    assert events[0].payload.high == Decimal("11.00")  # type: ignore[union-attr]
    assert events[3].payload == MacroRelease(series="core_cpi", period=date(2001, 1, 1), value=Decimal("-0.5"))


def test_instrument_that_nobody_knows_is_allowed() -> None:
    assert judge(write(RAW_BAR, instrument="ZZZZ")).key == "ZZZZ"


def test_topic_without_raw_schema_is_a_mistake_of_ours() -> None:
    with pytest.raises(ConfigurationError, match="no raw schema"):
        judge(GOOD, "market.bars")


@given(st.binary(max_size=300))
def test_any_bytes_are_refused_and_nothing_else_happens(value: bytes) -> None:
    assert reason_of(value)


@given(st.data())
def test_one_changed_byte_gives_an_event_or_a_refusal(data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(GOOD) - 1))
    changed = GOOD[:place] + bytes([data.draw(st.integers(0, 255))]) + GOOD[place + 1 :]
    try:
        event = judge(changed)
    except InvalidRecord:
        return
    assert decode_event(encode_event(event)) == event


PRICE = st.decimals(min_value=Decimal("0.00000001"), max_value=Decimal(10**11), places=8)
TEXT = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)
TIME = st.datetimes(datetime(1920, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - bounds are naive


@st.composite
def events(draw: st.DrawFn) -> Event:
    low, middle, close, high = sorted(draw(st.tuples(PRICE, PRICE, PRICE, PRICE)))
    day, name = draw(st.dates()), draw(TEXT)
    payload, kind, version = draw(
        st.sampled_from(
            [
                (
                    replace(BAR.payload, instrument=InstrumentId(name), open=middle, high=high, low=low, close=close),
                    "bar",
                    2,
                ),  # type: ignore[type-var]
                (CorporateAction(instrument=InstrumentId(name), session=day, dividend=close), "corporate_action", 1),
                (
                    IndexBar(index=name, session=day, open=close, high=high, low=low, close=middle, volume=7),
                    "index_bar",
                    1,
                ),
                (MacroRelease(series=name, period=day, value=-close), "macro_release", 1),
                (SessionClosed(session=day), "session_closed", 1),
            ]
        )
    )
    event_time = draw(TIME)
    return Event(
        type=kind,
        schema_version=version,
        source=draw(TEXT),
        sequence=draw(TEXT),
        key=name,
        event_time=event_time,
        known_time=event_time + draw(st.timedeltas(timedelta(0), timedelta(days=40))),
        basis=draw(st.sampled_from(Basis)),
        payload=payload,
        trace=draw(st.dictionaries(TEXT, TEXT, max_size=2)),
    )


@given(events())
def test_event_comes_back_as_it_was(event: Event) -> None:
    data = encode_event(event)

    assert decode_event(data) == event
    assert encode_event(decode_event(data)) == data


def as_version_one(event: Event) -> bytes:
    wire = json.loads(encode_event(event))
    del wire["payload"]["currency"]
    return encode_canonical({**wire, "schema_version": 1})


def test_bar_of_version_one_is_read_as_one_in_dollars() -> None:
    assert decode_event(as_version_one(BAR)) == BAR


def test_mutant_without_up_caster_cannot_read_version_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(UP_CASTERS, ("bar", 1), dict)  # type: ignore[arg-type]

    with pytest.raises(InvalidRecord, match="missing_field: currency"):
        decode_event(as_version_one(BAR))


def change(**changes: object) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda wire: {**wire, **changes}


def change_payload(**changes: object) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda wire: {**wire, "payload": {**wire["payload"], **changes}}


@pytest.mark.parametrize(
    ("reason", "damage"),
    [
        ("wrong_event_id", change(source="other")),
        ("wrong_event_id", change_payload(close="130.32")),
        ("unknown_type", change(type="quote")),
        ("unknown_schema_version", change(schema_version=3)),
        ("unknown_value", change_payload(currency="EUR")),
        ("unknown_field", change(note="")),
        ("high_below_low", change_payload(high="118.49")),
        ("wrong_type", change_payload(volume="9616100")),
        ("malformed_time", change(event_time="2000-03-01")),
    ],
)
def test_damaged_event_is_refused_for_its_reason(
    reason: str, damage: Callable[[dict[str, Any]], dict[str, Any]]
) -> None:
    with pytest.raises(InvalidRecord) as caught:
        decode_event(encode_canonical(damage(json.loads(encode_event(BAR)))))
    assert caught.value.context["reason"] == reason


def test_event_of_an_older_version_is_not_written() -> None:
    with pytest.raises(ConfigurationError, match="version 2"):
        encode_event(replace(BAR, schema_version=1))
