"""The schemas and the catalogue in docs/ are those of the code; the bytes of an event never change."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from tests.golden.write_schemas import CATALOGUE, FOLDER, write_schemas
from tradeops.domain import topics
from tradeops.domain.event_schemas import encode_event
from tradeops.domain.event_schemas.payloads import BarV2
from tradeops.domain.event_schemas.raw_records import RAW_SCHEMAS
from tradeops.domain.event_schemas.wire_events import EVENT_SCHEMAS, UP_CASTERS
from tradeops.domain.events import Basis, Event
from tradeops.domain.identifiers import InstrumentId
from tradeops.domain.market import Bar
from tradeops.domain.topics import RAW_TO_VALIDATED, TOPICS

BAR = Event(
    type="bar",
    schema_version=2,
    source="bokeh_sampledata",
    sequence="stocks.csv.gz:1",
    key="AAPL",
    event_time=datetime(2000, 3, 1, 21, tzinfo=UTC),
    known_time=datetime(2000, 3, 1, 21, 15, tzinfo=UTC),
    basis=Basis.ASSUMED,
    payload=Bar(
        instrument=InstrumentId("AAPL"),
        session=date(2000, 3, 1),
        open=Decimal("118.56"),
        high=Decimal("132.06"),
        low=Decimal("118.50"),
        close=Decimal("130.31"),
        volume=9616100,
    ),
)
BAR_BYTES = (
    b'{"basis":"assumed","event_id":"98d62df8da40eb1ea51bfacec515f509f59421961f5009fca2387b317cfe9fde",'
    b'"event_time":"2000-03-01T21:00:00.000000Z","key":"AAPL","known_time":"2000-03-01T21:15:00.000000Z",'
    b'"payload":{"close":"130.31","currency":"USD","high":"132.06","instrument":"AAPL","low":"118.5",'
    b'"open":"118.56","session":"2000-03-01","volume":9616100},"schema_version":2,'
    b'"sequence":"stocks.csv.gz:1","source":"bokeh_sampledata","trace":{},"type":"bar"}'
)


def test_schemas_in_the_documentation_are_those_of_the_code() -> None:
    found = {path: path.read_text() for path in (*FOLDER.glob("*.json"), CATALOGUE)}

    assert found == write_schemas()


def test_every_topic_has_the_schemas_of_its_catalogue_entry_and_an_up_caster_from_each_older_one() -> None:
    for topic in TOPICS.values():
        versions = RAW_SCHEMAS[topic.name] if topic.is_raw else EVENT_SCHEMAS[topic.event_type]
        assert sorted(versions) == list(range(1, topic.schema_version + 1))
    older = {
        (kind, version) for kind, versions in EVENT_SCHEMAS.items() for version in versions if version + 1 in versions
    }
    assert set(UP_CASTERS) == older
    assert set(RAW_SCHEMAS) == set(RAW_TO_VALIDATED)


def test_mutant_field_that_nobody_wrote_down_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    class Changed(BarV2):
        venue: str

    monkeypatch.setitem(EVENT_SCHEMAS["bar"], 2, Changed)

    assert write_schemas()[FOLDER / "bar.v2.json"] != (FOLDER / "bar.v2.json").read_text()


def test_mutant_topic_that_nobody_wrote_down_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(topics.TOPICS, "market.quotes", topics.MACRO)  # type: ignore[attr-defined]

    assert write_schemas()[CATALOGUE] != CATALOGUE.read_text()


def test_bytes_of_an_event_are_these_and_no_others() -> None:
    assert encode_event(BAR) == BAR_BYTES
    assert json.loads(BAR_BYTES)["event_id"] == BAR.event_id
