"""Features built once, as each session knew the market, by however many processes."""

import multiprocessing as mp
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.fakes.feature_store import InMemoryFeatureStore
from tests.fakes.lake import InMemoryLake
from tests.fakes.trading_calendar import FakeTradingCalendar, business_days
from tests.unit.examples import NAMES, policy_with
from tests.unit.features.market_lake import LakeFiller, MarketClockOf, bar_row
from tests.unit.features.random_market import FIRST, random_bars
from tradeops.adapters.lake_delta import DeltaLake
from tradeops.domain.errors import (
    ConfigurationError,
    CycleConflict,
    DataError,
    LeaseHeld,
    UnknownRecord,
)
from tradeops.domain.features import FeatureRows
from tradeops.domain.lake_tables import BARS_TABLE, FEATURES_TABLE, INDEX_BARS_TABLE, LakeTable
from tradeops.features import bar_versions
from tradeops.features.bar_versions import Versions
from tradeops.features.declarations import FEATURE_NAMES, feature_schema
from tradeops.ports.lake import Lake
from tradeops.services.build_features import FeaturesBuilt, build_features, equal_features
from tradeops.services.cycle.observed_inputs import list_universe
from tradeops.services.load_market_history import load_market_history
from tradeops.services.read_features import LakeFeatures, NewestFirst

SESSIONS = 160
DAYS = business_days(FIRST, SESSIONS)
CALENDAR = FakeTradingCalendar(DAYS)
LATE = 20  # sessions that IBM lists later
DELAY = timedelta(minutes=15)


def known_at(session: date) -> datetime:
    return CALENDAR.closes_at(session) + DELAY


def list_bars(first: int, last: int) -> list[dict[str, object]]:
    bars = random_bars(4, SESSIONS)
    return [
        dict(bar_row(name, DAYS[row], known_at(DAYS[row]), prices_of(bars, row, column), int(bars[3, row, column])))
        for row in range(first, last)
        for column, name in enumerate(NAMES[:4])
        if name != "IBM" or row >= LATE
    ]


def prices_of(bars: np.ndarray, row: int, column: int) -> list[str]:
    close, high, low = (f"{value:.4f}" for value in bars[:3, row, column])
    return [close, high, low, close]


@dataclass
class Market:
    """A small market in a lake."""

    lake: Lake
    store: InMemoryFeatureStore = field(default_factory=lambda: InMemoryFeatureStore(feature_schema()))
    clock: MarketClockOf = field(default_factory=MarketClockOf)

    def __post_init__(self) -> None:
        self.filler = LakeFiller(self.lake)

    def load(self, first: int, last: int) -> None:
        self.filler.add(BARS_TABLE, list_bars(first, last))
        index = {name: 100 for name in ("open", "high", "low", "close")}
        rows = [
            {"index": "SP500", "session": day, "volume": 1, "known_time": known_at(day), **index}
            for day in DAYS[first:last]
        ]
        self.filler.add(INDEX_BARS_TABLE, rows)
        self.clock.move_to(DAYS[last - 1])

    def correct(self, name: str, row: int, known: datetime, close: str = "70") -> None:
        self.filler.add(BARS_TABLE, [bar_row(name, DAYS[row], known, [close, close, close, close], 1_000)])

    def build(self, first: date | None = None, last: date | None = None, lake: Lake | None = None) -> FeaturesBuilt:
        return build_features(
            lake=lake or self.lake,
            store=self.store,
            ledger=self.clock,
            calendar=CALENDAR,
            policy=policy_with(),
            first=first,
            last=last,
        )

    def read(self, row: int, market: int | None = None) -> FeatureRows:
        return LakeFeatures(self.lake).read(DAYS[row], market=market or self.clock.market_sequence())

    def rows(self) -> pl.DataFrame:
        return self.lake.read(FEATURES_TABLE)


@pytest.fixture(params=["memory", "delta"])
def market(request: pytest.FixtureRequest, tmp_path: Path) -> Market:
    made = Market(InMemoryLake() if request.param == "memory" else DeltaLake(tmp_path / "lake"))
    made.load(0, 150)
    return made


def test_every_session_with_a_universe_is_built(market: Market) -> None:
    built = market.build()
    assert built == FeaturesBuilt(sessions=25, first=DAYS[125], last=DAYS[149], rows=25 * 3 + 5)
    assert market.read(125).instruments == ("AAPL", "FB", "GOOG")
    assert market.read(145).instruments == ("AAPL", "FB", "GOOG", "IBM")
    assert market.read(149).names == FEATURE_NAMES
    rows = dict(zip(FEATURE_NAMES, market.read(149).values, strict=True))
    assert not np.isnan(rows["momentum_120_20"]).any() and np.isnan(rows["oil_ret_60"]).all()
    assert (rows["index_ret_20"] == 0.0).all() and sorted(rows["rank_vol"]) == [0.0, 1 / 3, 2 / 3, 1.0]


def check_clearing_changes_no_row(market: Market) -> None:
    market.build()
    before = market.rows()
    assert market.build().sessions == 0
    assert market.build(first=DAYS[0]).sessions == 0
    assert market.rows().equals(before, null_equal=True)


def test_clearing_the_task_changes_no_row(market: Market) -> None:
    check_clearing_changes_no_row(market)


def test_mutant_that_forgets_what_is_built_is_found() -> None:
    class Forgetful(InMemoryLake):
        def read(self, table: LakeTable, *, columns: Sequence[str] | None = None, **_: date | None) -> pl.DataFrame:
            rows = super().read(table, columns=columns)
            return rows.clear() if columns == ["session", "schema"] else rows

    market = Market(Forgetful())
    market.load(0, 150)
    with pytest.raises(DataError, match="unique"):
        check_clearing_changes_no_row(market)


def test_new_sessions_are_added_as_of_their_own_move(market: Market) -> None:
    market.build()
    market.load(150, 152)
    assert market.build() == FeaturesBuilt(sessions=2, first=DAYS[150], last=DAYS[151], rows=8)
    assert [market.read(row).market for row in (149, 150)] == [1, 2]
    whole = Market(InMemoryLake())
    whole.load(0, 152)
    whole.build()
    for row in range(125, 152):
        assert equal_features(market.read(row), whole.read(row))


def check_late_correction(market: Market) -> None:
    """A bar of session 140, corrected two sessions later, is seen from then on and never before."""
    market.build()
    before = {row: market.read(row) for row in range(125, 150)}
    market.correct("AAPL", 140, CALENDAR.closes_at(DAYS[142]))
    market.clock.move_to(DAYS[149])
    built = market.build(first=DAYS[125])
    assert (built.sessions, built.first) == (8, DAYS[142])
    for row in range(125, 150):
        assert equal_features(market.read(row), before[row]) == (row < 142)
        assert equal_features(market.read(row, market=1), before[row])
    assert market.build(first=DAYS[125]).sessions == 0


def test_a_late_correction_is_invisible_to_yesterday(market: Market) -> None:
    check_late_correction(market)


def test_mutant_that_sees_corrections_before_they_are_known_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def put_all(self: Versions, table: np.ndarray, begin: int, stand: int) -> None:
        original(replace(self, seen=self.row), table, begin, stand)

    original = Versions.put
    monkeypatch.setattr(bar_versions.Versions, "put", put_all)
    market = Market(InMemoryLake())
    market.load(0, 150)
    with pytest.raises(AssertionError):
        check_late_correction(market)


def test_a_bar_that_comes_late_makes_no_universe_before(market: Market) -> None:
    market.filler.add(BARS_TABLE, [bar_row("MSFT", DAYS[r], known_at(DAYS[148]), ["9"] * 4, 10) for r in range(149)])
    market.build()
    assert "MSFT" not in market.read(147).instruments
    assert "MSFT" in market.read(148).instruments


def test_a_session_has_features_of_exactly_the_names_that_its_cycle_may_judge(market: Market) -> None:
    market.filler.add(BARS_TABLE, [bar_row("MSFT", DAYS[r], known_at(DAYS[148]), ["9"] * 4, 10) for r in range(150)])
    market.correct("AAPL", 140, CALENDAR.closes_at(DAYS[142]))
    market.build()
    history = load_market_history(
        market.lake, CALENDAR, vendor_delay=DELAY, first_session=DAYS[0], last_session=DAYS[149]
    )
    universe, moment = policy_with().universe, timedelta(minutes=30)
    for row in range(125, 150):
        known = CALENDAR.closes_at(DAYS[row]) + moment
        assert market.read(row).instruments == list_universe(history, universe, DAYS[row], known_at=known)


def test_rows_at_the_positions_of_the_move_are_not_seen(market: Market) -> None:
    market.build()
    bound = market.filler.offsets["bars"]
    market.correct("AAPL", 140, CALENDAR.closes_at(DAYS[142]))
    market.clock.move_to(DAYS[149], {"market.bars/0": bound})
    assert not np.isnan(market.read(149).values[FEATURE_NAMES.index("index_ret_20")]).any()
    rebuilt = market.build(first=DAYS[149])  # the move names no index bars, so they are unknown to it
    assert rebuilt.sessions == 1
    newest = dict(zip(FEATURE_NAMES, market.read(149).values, strict=True))
    before = dict(zip(FEATURE_NAMES, market.read(149, market=1).values, strict=True))
    assert np.isnan(newest["index_ret_20"]).all()
    np.testing.assert_array_equal(newest["vol_20"], before["vol_20"])
    market.clock.move_to(DAYS[149], {"market.bars/0": bound + 1})
    market.build(first=DAYS[149])
    assert (market.read(149).values[FEATURE_NAMES.index("vol_20")] != before["vol_20"]).any()


def test_other_features_after_the_same_move_are_refused(market: Market) -> None:
    market.build()
    market.correct("AAPL", 140, CALENDAR.closes_at(DAYS[142]))
    with pytest.raises(CycleConflict, match="gave other features"):
        market.build(first=DAYS[142])


class Interrupted:
    """A lake in which another build gets in between choosing the rows and appending them."""

    def __init__(self, market: Market, times: int) -> None:
        self._market, self._times = market, times
        self.read = market.lake.read
        self.sealed_version = market.lake.sealed_version

    def append(self, table: LakeTable, rows: pl.DataFrame, *, writer: str, version: int, after: int | None) -> bool:
        if self._times:
            self._times -= 1
            first = rows["session"].min()
            assert self._market.lake.append(
                table, rows.filter(rows["session"] == first), writer=writer, version=version
            )
        return self._market.lake.append(table, rows, writer=writer, version=version, after=after)


def check_overtaken(market: Market) -> None:
    market.build(lake=Interrupted(market, 1))
    assert market.rows().height == 80 == market.rows().unique(("session", "instrument")).height


def test_a_build_that_another_one_overtakes_adds_the_rest(market: Market) -> None:
    check_overtaken(market)


def test_mutant_lake_that_does_not_ask_where_the_writer_stands_is_found() -> None:
    class Trusting(InMemoryLake):
        def append(
            self, table: LakeTable, rows: pl.DataFrame, *, writer: str, version: int, after: int | None = None
        ) -> bool:
            return super().append(table, rows, writer=writer, version=self.sealed_version(table, writer) + 1)

    market = Market(Trusting())
    market.load(0, 150)
    with pytest.raises(AssertionError):
        check_overtaken(market)


def test_a_build_that_is_overtaken_all_the_time_gives_up(market: Market) -> None:
    with pytest.raises(LeaseHeld):
        market.build(lake=Interrupted(market, 99))


def build_in_process(folder: Path, barrier: object) -> None:
    market = Market(DeltaLake(folder))
    market.clock.move_to(DAYS[149])
    barrier.wait()  # type: ignore[attr-defined]
    market.build()


def test_two_processes_at_once_lose_and_double_nothing(tmp_path: Path) -> None:
    market = Market(DeltaLake(tmp_path / "lake"))
    market.load(0, 150)
    context = mp.get_context("spawn")
    barrier = context.Barrier(2)
    spawn: Callable[..., mp.process.BaseProcess] = context.Process
    crowd = [spawn(target=build_in_process, args=(tmp_path / "lake", barrier)) for _ in range(2)]
    for process in crowd:
        process.start()
    for process in crowd:
        process.join(600)
    assert [process.exitcode for process in crowd] == [0, 0]
    assert market.rows().height == 80 == market.rows().unique(("session", "instrument")).height


def check_online_equals_lake(market: Market, rows: Sequence[int]) -> None:
    for row in rows:
        online = market.store.read(DAYS[row], market=market.clock.market_sequence())
        assert equal_features(online, market.read(row)) and online.market == market.read(row).market


def test_the_newest_sessions_are_online_and_equal_the_lake(market: Market) -> None:
    market.build()
    check_online_equals_lake(market, range(145, 150))
    market.load(150, 151)
    market.build()
    check_online_equals_lake(market, range(146, 151))
    market.correct("AAPL", 140, CALENDAR.closes_at(DAYS[142]))
    market.clock.move_to(DAYS[150])
    market.build(first=DAYS[125])
    check_online_equals_lake(market, range(131, 151))


def test_a_build_that_died_before_the_store_is_made_good(market: Market) -> None:
    class Dying(InMemoryFeatureStore):
        def write(self, rows: FeatureRows) -> None:
            raise SystemExit

    kept, market.store = market.store, Dying(feature_schema())
    with pytest.raises(SystemExit):
        market.build()
    market.store = kept
    assert market.build().sessions == 0
    check_online_equals_lake(market, range(145, 150))


def test_the_online_store_is_asked_first_and_the_lake_for_the_rest(market: Market) -> None:
    market.build()
    reader = NewestFirst(market.store, LakeFeatures(market.lake))
    for row in (125, 149):
        assert equal_features(reader.read(DAYS[row], market=1), market.read(row))
    market.store.kept[feature_schema(), DAYS[149]] = replace(market.read(149), values=market.read(149).values + 1)
    assert not equal_features(reader.read(DAYS[149], market=1), market.read(149))
    with pytest.raises(UnknownRecord, match="build_features"):
        reader.read(DAYS[100], market=1)


def test_a_range_is_read_from_the_lake_once(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    market.build()
    reads: list[str] = []
    reader, original = LakeFeatures(market.lake), type(market.lake).read

    def count(self: Lake, table: LakeTable, **options: date) -> pl.DataFrame:
        reads.append(table.name)
        return original(self, table, **options)

    monkeypatch.setattr(type(market.lake), "read", count)
    assert [reader.read(DAYS[row], market=1).session for row in range(125, 150)] == list(DAYS[125:150])
    assert len(reads) == 1


def test_a_reader_sees_what_was_built_since(market: Market) -> None:
    market.build()
    reader = LakeFeatures(market.lake)
    with pytest.raises(UnknownRecord):
        reader.read(DAYS[150], market=2)
    market.load(150, 151)
    market.build()
    assert reader.read(DAYS[150], market=2).market == 2


def test_nothing_is_built_before_the_market_clock_moved() -> None:
    market = Market(InMemoryLake())
    assert market.build() == FeaturesBuilt(sessions=0, first=None, last=None, rows=0)
    market.clock.move_to(DAYS[5])
    assert market.build().sessions == 0


def test_a_policy_with_too_little_history_is_refused() -> None:
    market = Market(InMemoryLake())
    with pytest.raises(ConfigurationError, match="look back"):
        build_features(
            lake=market.lake,
            store=None,
            ledger=market.clock,
            calendar=CALENDAR,
            policy=policy_with(universe={"minimum_bars": 60, "lookback": 60}),
        )
