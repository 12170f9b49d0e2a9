"""A thousand real bars, 37 of them damaged: 963 are loaded, 37 are kept apart, and nothing else happens."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.ledger import InMemoryLedger
from tests.integration.damaged_bars import COUNT, DAMAGED, KINDS, DamagedBars, damage_bars, write_folder
from tradeops.adapters.event_log_sqlite import SqliteEventLog
from tradeops.adapters.event_log_sqlite.consumer import SqliteEventConsumer
from tradeops.adapters.lake_delta import DeltaLake
from tradeops.adapters.trading_calendar_exchange_calendars import ExchangeTradingCalendar
from tradeops.bootstrap.policy import load_policy
from tradeops.bootstrap.raw_source import open_raw_source
from tradeops.domain.claims import ClockMove
from tradeops.domain.event_schemas.raw_records import RAW_SCHEMAS, RawBar
from tradeops.domain.lake_tables import BARS_TABLE
from tradeops.domain.topics import BARS_RAW
from tradeops.ports.event_log import NewMessage
from tradeops.services import ingest_events, seal_lake
from tradeops.services.dead_letters import OPEN, list_dead_letters, make_dead_letter, redrive_dead_letters
from tradeops.services.load_market_data import MarketLoader

CALENDAR = ExchangeTradingCalendar()
POLICY = load_policy()
FIRST, LAST = date(2012, 1, 3), date(2013, 3, 1)
AT = datetime(2026, 1, 1, tzinfo=UTC)
NEXT_VERSION = "schema version of nobody"


@dataclass
class Installation:
    folder: Path
    log: SqliteEventLog
    lake: DeltaLake
    ledger: InMemoryLedger

    def load(self, lines: list[bytes], requested_by: str = "test") -> ClockMove:
        url = write_folder(self.folder / "source", lines, FIRST, LAST)
        loader = MarketLoader(
            log=self.log,
            lake=self.lake,
            ledger=self.ledger,
            source=open_raw_source(url, calendar=CALENDAR, policy=POLICY),
            calendar=CALENDAR,
            policy=POLICY,
            at=AT,
        )
        return loader.backfill_history(LAST, requested_by=requested_by)

    def in_lake(self) -> list[tuple[str, date, str]]:
        return self.lake.read(BARS_TABLE, columns=["instrument", "session", "sequence"]).rows()


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    with SqliteEventLog(f"sqlite:///{tmp_path}/log.db") as log:
        yield Installation(tmp_path, log, DeltaLake(tmp_path / "lake"), InMemoryLedger())


@pytest.fixture(scope="module")
def bars() -> DamagedBars:
    return damage_bars(CALENDAR, seed=37)


def described(lines: Sequence[bytes]) -> list[tuple[str, date, str]]:
    records = [json.loads(line) for line in lines]
    return sorted((r["instrument"], date.fromisoformat(r["session"]), r["sequence"]) for r in records)


def make_duplicate(bars: DamagedBars) -> bytes:
    return bars.good[100]


def make_correction(bars: DamagedBars) -> bytes:
    record = json.loads(bars.good[200])
    later = {"known_time": json.loads(bars.good[300])["known_time"], "sequence": "corrections.csv:1"}
    return json.dumps({**record, **later, "close": record["low"]}).encode()


def check_all_accounted_for(installation: Installation, bars: DamagedBars) -> None:
    move = installation.load([*bars.lines, make_duplicate(bars), make_correction(bars)])
    letters = list_dead_letters(installation.log)
    assert {letter.value: letter.message.partition(":")[0] for letter in letters} == bars.reasons
    assert len(letters) == DAMAGED
    assert sorted(installation.in_lake()) == described([*bars.good, make_correction(bars)])
    assert move.counts == {
        "published": COUNT + 2,
        "validated": COUNT - DAMAGED + 2,
        "dead": DAMAGED,
        "sealed": COUNT - DAMAGED + 1,
        "duplicates": 1,
    }


def test_963_of_1000_are_loaded_and_37_kept_apart_each_with_its_bytes_and_reason(
    installation: Installation, bars: DamagedBars
) -> None:
    move = installation.load(bars.lines)

    assert (len(bars.lines), len(bars.reasons), len(bars.good)) == (1_000, 37, 963)
    assert len(set(bars.reasons.values())) >= 10
    assert sorted(installation.in_lake()) == described(bars.good)
    assert Counter(letter.value for letter in list_dead_letters(installation.log)) == Counter(bars.reasons.keys())
    assert (move.counts["sealed"], move.counts["dead"], move.counts["duplicates"]) == (963, 37, 0)


def test_duplicate_is_dropped_and_counted_and_correction_is_a_second_version(
    installation: Installation, bars: DamagedBars
) -> None:
    check_all_accounted_for(installation, bars)

    wrong, record = json.loads(bars.good[200]), json.loads(make_correction(bars))
    rows = installation.lake.read(BARS_TABLE).filter(
        instrument=record["instrument"], session=date.fromisoformat(record["session"])
    )
    assert list(rows["close"]) == [Decimal(wrong["close"]), Decimal(record["low"])]
    assert rows["known_time"].is_sorted()


def test_two_prints_that_only_differ_in_their_row_are_two(installation: Installation, bars: DamagedBars) -> None:
    again = bars.good[0].replace(b"stocks.csv.gz:", b"stocks.csv.gz:9")

    assert installation.load([*bars.good[:10], again]).counts["sealed"] == 11


@pytest.mark.parametrize("seed", range(5))
def test_any_other_draw_is_told_apart_as_well(seed: int, installation: Installation) -> None:
    check_all_accounted_for(installation, damage_bars(CALENDAR, seed))


# Mutants


def without_duplicates_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    def keep(_lake: object, _table: object, fresh: Sequence[Any]) -> list[Any]:
        return [(message, event, str(event.event_id)) for message, event in fresh]

    monkeypatch.setattr(seal_lake, "_drop_known", keep)


def without_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    commit = SqliteEventConsumer.commit

    def drop(self: SqliteEventConsumer, outputs: Sequence[NewMessage] = ()) -> None:
        commit(self, [output for output in outputs if not output.topic.endswith(".dlq")])

    monkeypatch.setattr(SqliteEventConsumer, "commit", drop)


def with_bytes_written_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    def rewrite(*args: Any, **named: Any) -> NewMessage:
        letter = make_dead_letter(*args, **named)
        return replace(letter, value=letter.value.decode(errors="replace").encode())

    monkeypatch.setattr(ingest_events, "make_dead_letter", rewrite)


def with_sessions_on_saturdays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MarketLoader, "_is_session", lambda _self, _day: True)


def with_corrections_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    drop_known = seal_lake._drop_known

    def first_only(lake: Any, table: Any, fresh: Sequence[Any]) -> list[Any]:
        first = {(e.payload.instrument, e.payload.session): (m, e) for m, e in reversed(fresh)}
        return drop_known(lake, table, list(first.values()))

    monkeypatch.setattr(seal_lake, "_drop_known", first_only)


@pytest.mark.parametrize(
    "mutate",
    [
        without_duplicates_dropped,
        without_letters,
        with_bytes_written_anew,
        with_sessions_on_saturdays,
        with_corrections_dropped,
    ],
)
def test_mutant_is_found(
    mutate: Callable[[pytest.MonkeyPatch], None],
    installation: Installation,
    bars: DamagedBars,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mutate(monkeypatch)

    with pytest.raises(AssertionError):
        check_all_accounted_for(installation, bars)


# After the cause is mended


def mend_validator(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a newer release would bring: version 2 of raw bars is known."""
    monkeypatch.setitem(RAW_SCHEMAS[BARS_RAW.name], 2, RawBar)


def redrive(installation: Installation) -> tuple[ingest_events.IngestCounts, seal_lake.SealCounts]:
    redrive_dead_letters(installation.log, topic=BARS_RAW.name)
    is_session = frozenset(CALENDAR.sessions(FIRST, LAST)).__contains__
    ingested = ingest_events.ingest_events(installation.log, is_session=is_session, at=AT)
    return ingested, seal_lake.seal_lake(installation.log, installation.lake)


def check_redrive_loads_once(
    installation: Installation, bars: DamagedBars, mend: Callable[[pytest.MonkeyPatch], None], patch: pytest.MonkeyPatch
) -> None:
    mendable = sum(reason == KINDS[NEXT_VERSION][0] for reason in bars.reasons.values())
    assert mendable > 0
    installation.load(bars.lines)
    mend(patch)
    for loaded in (mendable, 0):
        ingested, sealed = redrive(installation)
        assert (ingested.validated, sealed.sealed, sealed.duplicates) == (loaded, loaded, 0)
        assert len(installation.in_lake()) == COUNT - DAMAGED + mendable
    waiting = list_dead_letters(installation.log, wanted=OPEN)
    assert Counter(letter.value for letter in waiting) == Counter(
        value for value, reason in bars.reasons.items() if reason != KINDS[NEXT_VERSION][0]
    )
    assert {letter.attempts for letter in waiting} == {3}


def test_redrive_loads_once_what_a_newer_validator_understands(
    installation: Installation, bars: DamagedBars, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_redrive_loads_once(installation, bars, mend_validator, monkeypatch)


def test_mutant_redrive_with_nothing_mended_is_found(
    installation: Installation, bars: DamagedBars, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(AssertionError):
        check_redrive_loads_once(installation, bars, lambda _patch: None, monkeypatch)


def test_mended_source_is_loaded_by_the_same_range_again(installation: Installation, bars: DamagedBars) -> None:
    installation.load(bars.lines)
    whole = damage_bars(CALENDAR, seed=37, damaged=0).lines
    counts = installation.load(whole, requested_by="again").counts

    assert counts == {"published": 1_000, "validated": 1_000, "dead": 0, "sealed": 37, "duplicates": 963}
    assert sorted(installation.in_lake()) == described(whole)
    assert len(list_dead_letters(installation.log)) == DAMAGED
