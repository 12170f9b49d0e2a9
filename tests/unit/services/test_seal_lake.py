"""Events reach the lake once, whatever happens between the two stores."""

import multiprocessing as mp
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from unittest.mock import patch

import polars as pl
import pytest

from tests.fakes.event_log import InMemoryConsumer, InMemoryEventLog
from tests.fakes.lake import InMemoryLake
from tests.fakes.market_source import make_bar
from tests.fakes.trading_calendar import FakeTradingCalendar, business_days
from tradeops.adapters.event_log_sqlite import SqliteEventLog
from tradeops.adapters.event_log_sqlite.consumer import SqliteEventConsumer
from tradeops.adapters.lake_delta import DeltaLake
from tradeops.domain.errors import ExternalServiceError, LeaseLost
from tradeops.domain.event_schemas import encode_event
from tradeops.domain.events import Basis, Event, IndexBar, MacroRelease, Payload
from tradeops.domain.identifiers import InstrumentId
from tradeops.domain.lake_tables import ACTIONS_TABLE, BARS_TABLE, INDEX_BARS_TABLE, MACRO_TABLE, LakeTable
from tradeops.domain.market import Bar, CorporateAction
from tradeops.domain.topics import ACTIONS, BARS, INDEX_BARS, MACRO, TOPICS
from tradeops.features.versions import Versions
from tradeops.ports.event_log import EventLog, Message, NewMessage
from tradeops.ports.lake import Lake
from tradeops.services import load_market_history as loading
from tradeops.services import seal_lake as sealing
from tradeops.services.load_market_history import load_market_history
from tradeops.services.seal_lake import SealCounts, seal_lake, sealed_positions

DELAY = timedelta(minutes=15)
DAYS = business_days(date(2001, 3, 1), 8)
CALENDAR = FakeTradingCalendar(DAYS)
LATER = datetime(2030, 1, 1, tzinfo=UTC)
A = InstrumentId("A")


def due(session: date) -> datetime:
    return CALENDAR.closes_at(session) + DELAY


def tell(topic: str, key: str, payload: Payload, at: datetime, sequence: str) -> NewMessage:
    kind = TOPICS[topic]
    event = Event(
        type=kind.event_type,
        schema_version=kind.schema_version,
        source="test",
        sequence=sequence,
        key=key,
        event_time=at,
        known_time=at,
        basis=Basis.ASSUMED,
        payload=payload,
    )
    return NewMessage(topic=topic, key=key, value=encode_event(event))


def tell_bar(bar: Bar, at: datetime | None = None, sequence: str = "") -> NewMessage:
    return tell(BARS.name, bar.instrument, bar, at or due(bar.session), sequence or f"{bar.instrument}{bar.session}")


def tell_bars(names: str = "AB", days: Sequence[date] = DAYS[:4], close: str = "10.5") -> list[NewMessage]:
    return [tell_bar(make_bar(name, day, "10", close)) for day in days for name in names]


@contextmanager
def memory(_folder: Path) -> Iterator[tuple[EventLog, Lake]]:
    yield InMemoryEventLog(), InMemoryLake()


@contextmanager
def disk(folder: Path) -> Iterator[tuple[EventLog, Lake]]:
    with SqliteEventLog(f"sqlite:///{folder}/event_log.db") as log:
        yield log, DeltaLake(folder / "lake")


Stores = tuple[EventLog, Lake]


@pytest.fixture(params=[memory, disk], ids=["memory", "disk"])
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stores]:
    with ExitStack() as stack:
        yield stack.enter_context(request.param(tmp_path))


def sessions_of(lake: Lake, name: str) -> list[date]:
    rows = lake.read(BARS_TABLE, columns=["instrument", "session"])
    return rows.filter(pl.col("instrument") == name)["session"].to_list()


def test_every_kind_of_event_becomes_a_row_of_its_table(stores: Stores) -> None:
    log, lake = stores
    at, month = due(DAYS[0]), date(2001, 2, 1)
    action = CorporateAction(instrument=A, session=DAYS[0], dividend=Decimal("0.18"))
    prices = {name: Decimal("1234.56") for name in ("open", "high", "low", "close")}
    index = IndexBar(index="SP500", session=DAYS[0], **prices, volume=7)
    macro = MacroRelease(series="core_cpi", period=month, value=Decimal("-1.5"))
    log.append([*tell_bars("A", DAYS[:1]), tell(ACTIONS.name, "A", action, at, "1")])
    log.append([tell(INDEX_BARS.name, "SP500", index, at, "2"), tell(MACRO.name, "core_cpi", macro, at, "3")])
    assert seal_lake(log, lake) == SealCounts(sealed=4)
    found: dict[str, dict[str, object]] = {
        table.name: lake.read(table).row(0, named=True)
        for table in (BARS_TABLE, ACTIONS_TABLE, INDEX_BARS_TABLE, MACRO_TABLE)
    }
    assert {key: found["bars"][key] for key in ("instrument", "session", "close", "volume")} == {
        "instrument": "A",
        "session": DAYS[0],
        "close": Decimal("10.5"),
        "volume": 1_000_000,
    }
    assert (found["corporate_actions"]["ratio"], found["corporate_actions"]["dividend"]) == (1, Decimal("0.18"))
    assert (found["index_bars"]["index"], found["index_bars"]["close"]) == ("SP500", Decimal("1234.56"))
    assert (found["macro_releases"]["period"], found["macro_releases"]["value"]) == (month, Decimal("-1.5"))
    row = found["macro_releases"]
    assert [row[key] for key in ("source", "sequence", "event_time", "known_time", "basis")] == [
        "test", "3", at, at, "assumed",
    ]  # fmt: skip
    assert (row["log_partition"], row["log_offset"], len(str(row["event_id"]))) == (0, 0, 64)


def test_what_is_sealed_is_not_sealed_again(stores: Stores) -> None:
    log, lake = stores
    log.append(tell_bars())
    assert seal_lake(log, lake) == SealCounts(sealed=8)
    assert seal_lake(log, lake) == SealCounts()
    log.append(tell_bars(days=DAYS[4:5]))
    assert seal_lake(log, lake) == SealCounts(sealed=2)
    assert sessions_of(lake, "A") == sessions_of(lake, "B") == list(DAYS[:5])


def test_positions_are_those_of_all_sealed_partitions(stores: Stores) -> None:
    log, lake = stores
    assert set(sealed_positions(log).values()) == {0}
    log.append(tell_bars("A"))
    seal_lake(log, lake)
    positions = sealed_positions(log)
    assert len(positions) == BARS.partitions + 3 and sum(positions.values()) == 4
    (number,) = lake.read(BARS_TABLE)["log_partition"].unique()
    assert positions[f"{BARS.name}/{number}"] == 4


def check_duplicates(stores: Stores) -> None:
    """The same event again is dropped, within a batch and after it; a correction is a second version."""
    log, lake = stores
    bars, corrected = tell_bars("A"), tell_bar(make_bar("A", DAYS[0], "10", "11"), due(DAYS[2]))
    log.append([*bars, bars[1]])
    assert seal_lake(log, lake) == SealCounts(sealed=4, duplicates=1)
    log.append([bars[0], corrected, bars[3], corrected])
    assert seal_lake(log, lake) == SealCounts(sealed=1, duplicates=3)
    assert sessions_of(lake, "A") == [DAYS[0], *DAYS[:4]]


def test_a_duplicate_is_dropped_and_a_correction_kept(stores: Stores) -> None:
    check_duplicates(stores)


def test_mutant_that_looks_only_into_its_batch_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "_list_known", lambda *_: set())
    with memory(tmp_path) as stores, pytest.raises(AssertionError):
        check_duplicates(stores)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"\xff{", None),
        (tell_bar(make_bar("A", DAYS[0], "1", "1.123456789")).value, "8 after"),
        (tell_bar(make_bar("A", DAYS[0], "1", "1000000000000")).value, "before"),
        (
            tell(MACRO.name, "x", MacroRelease(series="x", period=DAYS[0], value=Decimal(1)), LATER, "1").value,
            "no event",
        ),
    ],
    ids=["no event", "too fine", "too large", "another topic's"],
)
def test_what_cannot_be_sealed_is_buried_and_the_rest_is_sealed(
    stores: Stores, value: bytes, reason: str | None
) -> None:
    log, lake = stores
    bars = tell_bars("A")
    log.append([*bars[:2], NewMessage(topic=BARS.name, key="A", value=value), *bars[2:]])
    assert seal_lake(log, lake) == SealCounts(sealed=4, dead=1)
    (letter,) = read_letters(log)
    assert letter.value == value
    assert reason is None or reason in str(letter.headers)
    assert seal_lake(log, lake) == SealCounts()


def read_letters(log: EventLog) -> list[Message]:
    return [message for number in range(BARS.partitions) for message in log.read(BARS.dead_letters, number, 0)]


class Killed(BaseException):
    """Stands for SIGKILL."""


def die(*_: object, **__: object) -> None:
    raise Killed


COMMITS = (InMemoryConsumer, SqliteEventConsumer)


def check_killed_before_offsets(stores: Stores) -> None:
    """Killed after the lake has the rows and before the offsets are committed: the redo adds nothing."""
    log, lake = stores
    bars = tell_bars()
    log.append([*bars, bars[0], NewMessage(topic=BARS.name, key="A", value=b"no event")])
    with ExitStack() as stack:
        for consumer in COMMITS:
            stack.enter_context(patch.object(consumer, "commit", die))
        with pytest.raises(Killed):
            seal_lake(log, lake)
    assert lake.read(BARS_TABLE).height == 8 and set(sealed_positions(log).values()) == {0}
    log.append(tell_bars(days=DAYS[4:5]))
    assert seal_lake(log, lake) == SealCounts(sealed=2, dead=1)
    assert len(read_letters(log)) == 1
    assert sessions_of(lake, "A") == sessions_of(lake, "B") == list(DAYS[:5])


def test_killed_between_lake_and_offsets_nothing_is_doubled(stores: Stores) -> None:
    check_killed_before_offsets(stores)


def check_killed_before_lake(stores: Stores) -> None:
    """Killed before the lake has the rows: the redo seals them all."""
    log, lake = stores
    log.append(tell_bars())
    with patch.object(type(lake), "append", die), pytest.raises(Killed):
        seal_lake(log, lake)
    assert seal_lake(log, lake) == SealCounts(sealed=8)


def test_killed_before_the_lake_nothing_is_lost(stores: Stores) -> None:
    check_killed_before_lake(stores)


def test_mutant_that_commits_offsets_first_is_found(tmp_path: Path) -> None:
    real = InMemoryConsumer.poll

    def poll(self: InMemoryConsumer, limit: int = 1000) -> tuple[Message, ...]:
        found = real(self, limit)
        self.commit()
        return found

    with patch.object(InMemoryConsumer, "poll", poll), memory(tmp_path) as stores, pytest.raises(AssertionError):
        check_killed_before_lake(stores)


def check_overtaken(log: InMemoryEventLog, lake: InMemoryLake) -> None:
    """A sealer that slept while another took over writes nothing, and says so."""
    log.append(tell_bars())
    real, overtaken = lake.read, []

    def read(table: LakeTable, **given: object) -> pl.DataFrame:
        rows = real(table, **given)  # type: ignore[arg-type]
        if not overtaken:
            overtaken.append(True)
            log.expire_members("seal")
            log.append(tell_bars(days=DAYS[4:5]))
            assert seal_lake(log, lake) == SealCounts(sealed=10)
        return rows

    with patch.object(lake, "read", read), pytest.raises(LeaseLost):
        seal_lake(log, lake)
    assert sessions_of(lake, "A") == sessions_of(lake, "B") == list(DAYS[:5])


def test_a_sealer_that_was_overtaken_doubles_nothing() -> None:
    check_overtaken(InMemoryEventLog(), InMemoryLake())


def test_mutant_that_does_not_ask_where_the_writer_stands_is_found() -> None:
    class Careless(InMemoryLake):
        def append(self, *given: object, after: int | None = None, **named: object) -> bool:
            self._batches.setdefault("bars", [])
            self._batches["bars"].append((str(named["writer"]), int(str(named["version"])), given[1]))  # type: ignore[arg-type]
            return True

    with pytest.raises(AssertionError):
        check_overtaken(InMemoryEventLog(), Careless())


def test_a_lake_that_is_away_stops_the_sealer_with_a_retryable_error(tmp_path: Path) -> None:
    with disk(tmp_path) as (log, lake):
        log.append(tell_bars())
        (tmp_path / "lake").write_text("in the way")
        with pytest.raises(ExternalServiceError):
            seal_lake(log, lake)
        assert set(sealed_positions(log).values()) == {0}
        (tmp_path / "lake").unlink()
        assert seal_lake(log, lake) == SealCounts(sealed=8)


def seal_in_process(folder: Path, killed: bool) -> None:
    if killed:
        SqliteEventConsumer.commit = lambda *_: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore[method-assign]
    with disk(folder) as (log, lake):
        while True:
            try:
                counts = seal_lake(log, lake)
                break
            except LeaseLost:
                continue
    (folder / f"sealed-{os.getpid()}").write_text(str(counts.sealed))


def start(folder: Path, killed: bool = False) -> mp.process.BaseProcess:
    process = mp.get_context("spawn").Process(target=seal_in_process, args=(folder, killed))
    process.start()
    return process


def test_sealers_at_once_and_one_killed_lose_and_double_nothing(tmp_path: Path) -> None:
    names = "ABCDEFGH"
    with disk(tmp_path) as (log, lake):
        log.append(tell_bars(names))
        killed = start(tmp_path, killed=True)
        killed.join(600)
        assert killed.exitcode == -signal.SIGKILL and set(sealed_positions(log).values()) == {0}
        log.append(tell_bars(names, DAYS[4:6]))
        pair = [start(tmp_path) for _ in range(2)]
        for process in pair:
            process.join(600)
        assert [process.exitcode for process in pair] == [0, 0]
        assert sum(int(path.read_text()) for path in tmp_path.glob("sealed-*")) <= 16
        assert seal_lake(log, lake) == SealCounts()
        assert all(sessions_of(lake, name) == list(DAYS[:6]) for name in names)
        assert sum(sealed_positions(log).values()) == 48


# Through lake and history.


def load(lake: Lake, positions: dict[str, int] | None) -> Callable[[datetime], Bar | None]:
    history = load_market_history(
        lake, CALENDAR, vendor_delay=DELAY, first_session=DAYS[0], last_session=DAYS[-1], positions=positions
    )
    return lambda known_at: history.bar(A, DAYS[0], known_at=known_at)


def check_yesterday(stores: Stores) -> None:
    """A correction is seen by nobody who stands before it, nor by the redo of a claim from before it came.

    The second correction says of itself that it was known early; only its place in the log tells.
    """
    log, lake = stores
    first, second, backdated = (make_bar("A", DAYS[0], "10", close) for close in ("10.5", "11", "12"))
    log.append(tell_bars("A"))
    seal_lake(log, lake)
    claimed = sealed_positions(log)
    log.append([tell_bar(second, due(DAYS[3]))])
    seal_lake(log, lake)
    today = load(lake, None)
    assert [today(due(DAYS[row])) for row in (0, 2, 3)] == [first, first, second]
    log.append([tell_bar(backdated, due(DAYS[0]) + timedelta(hours=1), "other")])
    seal_lake(log, lake)
    redo = load(lake, claimed)
    assert [redo(known_at) for known_at in (due(DAYS[0]), due(DAYS[2]), LATER)] == [first] * 3
    assert [load(lake, None)(due(DAYS[row])) for row in (0, 1, 3)] == [first, backdated, second]
    assert load(lake, sealed_positions(log))(due(DAYS[1])) == backdated


def test_a_late_correction_is_invisible_to_yesterdays_view(stores: Stores) -> None:
    check_yesterday(stores)


def test_mutant_that_ignores_known_time_is_found(tmp_path: Path) -> None:
    def newest(self: Versions[Bar], cell: tuple[InstrumentId, date], known_at: datetime) -> Bar | None:
        return versions[-1].fact if (versions := self.of(cell)) else None

    with memory(tmp_path) as stores, patch.object(Versions, "newest", newest), pytest.raises(AssertionError):
        check_yesterday(stores)


def test_mutant_that_ignores_positions_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "_keep_seen", lambda rows, *_: rows)
    with memory(tmp_path) as stores, pytest.raises(AssertionError):
        check_yesterday(stores)
