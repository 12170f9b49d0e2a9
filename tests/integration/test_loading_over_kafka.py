"""A load over a real broker does what one over the embedded log does, for gaps in its offsets and all."""

import pytest

from tests.contract.event_log_processes import open_log
from tests.servers.kafka import make_patient
from tests.unit.services.test_load_market_data import DAYS, World
from tradeops.domain.claims import ClockMove
from tradeops.services import load_market_data
from tradeops.services.count_data import count_data


def load(world: World) -> list[ClockMove]:
    """A backfill, more sessions, a request that comes twice, and a range that is read again."""
    return [
        world.loader.backfill_history(DAYS[9], requested_by="a"),
        world.loader.ingest_sessions(3, requested_by="b"),
        world.loader.ingest_sessions(3, requested_by="b"),
        world.loader.backfill_history(DAYS[9], first=DAYS[5], requested_by="c"),
    ]


def test_a_load_over_kafka_equals_one_in_memory(kafka_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load_market_data, "WINDOW_SESSIONS", 4)
    embedded = World()
    expected = load(embedded)
    with open_log(make_patient(kafka_url)) as log:
        world = World(log=log)  # type: ignore[arg-type]
        found = load(world)
        assert [(m.after, m.sessions, m.counts) for m in found] == [(m.after, m.sessions, m.counts) for m in expected]
        assert sorted(world.in_lake()) == sorted(embedded.in_lake())
        assert world.announced() == embedded.announced()
        assert count_data(log, world.lake) == count_data(embedded.log, embedded.lake)
