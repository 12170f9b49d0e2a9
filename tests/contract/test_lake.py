"""What every lake keeps: each batch once, exact values, one order."""

import multiprocessing as mp
import pickle
import subprocess
import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from unittest.mock import patch

import polars as pl
import pytest
from deltalake import DeltaTable, QueryBuilder
from deltalake.exceptions import CommitFailedError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fakes.lake import InMemoryLake
from tests.servers.s3 import long_s3_limits
from tradeops.adapters.lake_delta import DeltaLake, delta_lake
from tradeops.adapters.s3 import S3Access
from tradeops.bootstrap.lake import open_lake
from tradeops.domain.errors import ConfigurationError, DataError, ExternalServiceError
from tradeops.domain.lake_tables import BARS_TABLE, FEATURES_TABLE, MACRO_TABLE, TABLES, LakeTable
from tradeops.ports.lake import Lake, frame_schema

WRITER = "seal:market.bars:0"
DAYS = [date(2001, 3, day) for day in (1, 2, 5, 6)]


@pytest.fixture(params=["memory", "delta", "s3"])
def lake(request: pytest.FixtureRequest) -> InMemoryLake | DeltaLake:
    return InMemoryLake() if request.param == "memory" else find_lake(request)


@pytest.fixture(params=["delta", "s3"])
def real(request: pytest.FixtureRequest) -> DeltaLake:
    return find_lake(request)


def find_lake(request: pytest.FixtureRequest) -> DeltaLake:
    found: DeltaLake = request.getfixturevalue({"delta": "delta", "s3": "bucket"}[request.param])
    return found


def make_bars(*cells: tuple[str, date], offset: int = 0, close: Decimal = Decimal("10.00000001")) -> pl.DataFrame:
    moment = datetime(2001, 3, 1, 21, 15, 0, 1, tzinfo=UTC)
    rows = [
        {"instrument": name, "session": session, **dict.fromkeys(("open", "high", "low", "close"), close)}
        | {"volume": 5, "event_id": f"{name}{row}", "source": "test", "sequence": str(row), "event_time": moment}
        | {"known_time": moment, "basis": "assumed", "log_partition": 0, "log_offset": offset + row}
        for row, (name, session) in enumerate(cells)
    ]
    return pl.DataFrame(rows, schema=frame_schema(BARS_TABLE))


def make_features(session: date, *values: float) -> pl.DataFrame:
    row = [session, "A", 1, "hash", "x,y", list(values)]
    return pl.DataFrame([row], schema=frame_schema(FEATURES_TABLE), orient="row")


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_what_was_never_written_has_no_rows(lake: Lake, table: LakeTable) -> None:
    rows = lake.read(table)
    assert rows.height == 0 and dict(rows.schema) == frame_schema(table)
    assert list(rows.columns) == list(table.columns)
    assert lake.sealed_version(table, WRITER) == -1


def check_once_per_version(lake: Lake) -> None:
    """A version that a writer has passed is not written again; another writer has versions of its own."""
    rows = make_bars(("A", DAYS[0]))
    assert lake.append(BARS_TABLE, rows, writer=WRITER, version=0)
    assert not lake.append(BARS_TABLE, rows, writer=WRITER, version=0)
    assert lake.append(BARS_TABLE, rows, writer=WRITER, version=7)
    assert not lake.append(BARS_TABLE, rows, writer=WRITER, version=6)
    assert lake.append(BARS_TABLE, rows, writer="seal:market.bars:1", version=6)
    assert lake.sealed_version(BARS_TABLE, WRITER) == 7
    assert lake.sealed_version(MACRO_TABLE, WRITER) == -1
    assert lake.read(BARS_TABLE).height == 3


def test_a_version_is_written_once(lake: Lake) -> None:
    check_once_per_version(lake)


def test_mutant_that_trusts_delta_with_a_repeated_version_is_found(real: DeltaLake) -> None:
    with patch.object(delta_lake, "_version_of", lambda _opened, _writer: -1), pytest.raises(AssertionError):
        check_once_per_version(real)


def test_rows_chosen_before_another_append_are_refused(lake: Lake) -> None:
    rows = make_bars(("A", DAYS[0]))
    assert not lake.append(BARS_TABLE, rows, writer=WRITER, version=3, after=0)
    assert lake.append(BARS_TABLE, rows, writer=WRITER, version=3, after=-1)
    assert not lake.append(BARS_TABLE, rows, writer=WRITER, version=5, after=-1)
    assert lake.append(BARS_TABLE, rows, writer=WRITER, version=5, after=3)
    assert lake.read(BARS_TABLE).height == 2


def test_rows_are_read_in_the_order_of_the_table(lake: Lake) -> None:
    lake.append(BARS_TABLE, make_bars(("B", DAYS[1]), ("A", DAYS[1]), ("A", DAYS[0])), writer=WRITER, version=2)
    lake.append(BARS_TABLE, make_bars(("A", DAYS[1]), ("B", DAYS[0]), offset=3), writer=WRITER, version=4)
    cells = lake.read(BARS_TABLE, columns=["instrument", "log_offset"]).rows()
    assert cells == [("A", 2), ("B", 4), ("A", 1), ("A", 3), ("B", 0)]


def test_rows_that_the_order_does_not_tell_apart_come_as_they_were_appended(lake: Lake) -> None:
    for number in range(12):
        lake.append(FEATURES_TABLE, make_features(DAYS[0], float(number)), writer="features", version=number)
    assert lake.read(FEATURES_TABLE)["values"].to_list() == [[float(number)] for number in range(12)]


def test_a_range_of_sessions_is_read_with_both_ends(lake: Lake) -> None:
    lake.append(BARS_TABLE, make_bars(*(("A", day) for day in DAYS)), writer=WRITER, version=3)
    for first, last, found in ((1, 2, DAYS[1:3]), (None, 0, DAYS[:1]), (3, None, DAYS[3:]), (None, None, DAYS)):
        bounds = {"first": DAYS[first] if first is not None else None, "last": DAYS[last] if last is not None else None}
        assert lake.read(BARS_TABLE, columns=["session"], **bounds)["session"].to_list() == found


def test_strange_rows_and_columns_are_refused(lake: Lake) -> None:
    rows = make_bars(("A", DAYS[0]))
    strange = [
        rows.drop("basis"),
        rows.with_columns(more=1),
        rows.cast({"close": pl.Float64}),
        rows.cast({"known_time": pl.Datetime("us")}),
        rows.with_columns(instrument=pl.lit(None, pl.String)),
    ]
    for frame in strange:
        with pytest.raises(DataError):
            lake.append(BARS_TABLE, frame, writer=WRITER, version=0)
    assert lake.append(BARS_TABLE, rows.select(reversed(rows.columns)), writer=WRITER, version=0)
    with pytest.raises(DataError):
        lake.read(BARS_TABLE, columns=["nothing"])
    with pytest.raises(DataError):
        lake.read(MACRO_TABLE, first=DAYS[0])


amounts = st.integers(0, 10**20 - 1).map(lambda units: Decimal(units).scaleb(-8))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(closes=st.lists(amounts, min_size=1, max_size=8), version=st.integers(0, 2**60))
def test_values_come_back_exactly(lake: Lake, closes: list[Decimal], version: int) -> None:
    writer, session = f"{closes}", date(2001, 3, 1 + len(closes))
    before = lake.read(BARS_TABLE, first=session, last=session).height
    frames = [make_bars(("A", session), close=close) for close in closes]
    if not lake.append(BARS_TABLE, pl.concat(frames), writer=writer, version=version):
        return
    found = lake.read(BARS_TABLE, first=session, last=session)
    assert found.height == before + len(closes) and set(closes) <= set(found["close"].to_list())
    assert set(found["known_time"].to_list()) == {datetime(2001, 3, 1, 21, 15, 0, 1, tzinfo=UTC)}


def test_floats_come_back_bit_for_bit(lake: Lake) -> None:
    values = [0.1, -0.0, 5e-324, 1.7976931348623157e308, float("nan")]
    lake.append(FEATURES_TABLE, make_features(DAYS[0], *values), writer="features", version=0)
    assert [value.hex() for value in lake.read(FEATURES_TABLE)["values"].to_list()[0]] == [v.hex() for v in values]


# What only a lake on a disk can break.


def append_many(lake: DeltaLake, start: "mp.synchronize.Barrier", said: "mp.SimpleQueue[int]", name: str) -> None:
    """Versions of a writer that several processes are, and versions of a writer of its own."""
    start.wait()
    with long_s3_limits():
        wrote = [lake.append(BARS_TABLE, make_bars(("A", DAYS[0])), writer=WRITER, version=v) for v in range(6)]
        for version in range(6):
            assert lake.append(BARS_TABLE, make_bars(("B", DAYS[1])), writer=name, version=version)
    said.put(sum(wrote))


def test_processes_with_one_writer_write_a_version_once_and_lose_none_of_their_own(real: DeltaLake) -> None:
    spawn, crowd = mp.get_context("spawn"), 3
    start, said = spawn.Barrier(crowd), spawn.SimpleQueue()
    processes = [spawn.Process(target=append_many, args=(real, start, said, f"own:{n}")) for n in range(crowd)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(300)
    assert [process.exitcode for process in processes] == [0] * crowd
    rows = real.read(BARS_TABLE)["instrument"].value_counts()
    found = dict(rows.iter_rows())
    assert found["B"] == 6 * crowd
    assert sum(said.get() for _ in range(crowd)) == found["A"] <= 6
    assert real.sealed_version(BARS_TABLE, WRITER) == 5


def test_another_program_may_commit_between_look_and_commit(real: DeltaLake, monkeypatch: pytest.MonkeyPatch) -> None:
    rows, place = make_bars(("A", DAYS[0])), real._place
    real.append(BARS_TABLE, rows, writer=WRITER, version=0)
    another, commits, honest = DeltaLake(place), iter([1, 1, 0]), delta_lake._commit

    def interfere(opened: DeltaTable, prepared: object, where: object) -> None:
        if next(commits, 0):
            stem = f"{opened.version() + 1:020d}-other"
            data = place.write(BARS_TABLE, stem, rows)
            honest(another._place.open(BARS_TABLE), ([delta_lake._add(data, 1)], []), place)  # type: ignore[arg-type]
        honest(opened, prepared, where)  # type: ignore[arg-type]

    monkeypatch.setattr(delta_lake, "_commit", interfere)
    assert real.append(BARS_TABLE, rows, writer=WRITER, version=1)
    assert real.read(BARS_TABLE).height == 4


def test_who_loses_every_commit_is_told(real: DeltaLake, monkeypatch: pytest.MonkeyPatch) -> None:
    def lose(*_: object) -> None:
        raise CommitFailedError("somebody was faster")

    monkeypatch.setattr(delta_lake, "_commit", lose)
    monkeypatch.setattr(delta_lake, "MOST_TRIES", 3)
    with pytest.raises(ExternalServiceError, match=r"3 commits to table bars failed.*faster"):
        real.append(BARS_TABLE, make_bars(("A", DAYS[0])), writer=WRITER, version=0)


def test_other_readers_of_delta_read_the_same(delta: DeltaLake, tmp_path: Path) -> None:
    delta.append(BARS_TABLE, make_bars(("A", DAYS[0]), ("B", DAYS[1])), writer=WRITER, version=1)
    table = DeltaTable(tmp_path / "lake/bars")
    found = QueryBuilder().register("bars", table).execute("select close, known_time from bars order by instrument")
    mine = delta.read(BARS_TABLE, columns=["close", "known_time"])
    assert pl.DataFrame(found.read_all()).equals(mine)
    assert table.count() == 2


def test_a_table_that_cannot_be_read_is_an_external_error(delta: DeltaLake, tmp_path: Path) -> None:
    delta.append(BARS_TABLE, make_bars(("A", DAYS[0])), writer=WRITER, version=0)
    next((tmp_path / "lake/bars").glob("*.parquet")).unlink()
    with pytest.raises(ExternalServiceError, match="bars"):
        delta.read(BARS_TABLE)


SHORT = """
import pickle, sys
from tradeops.domain.lake_tables import BARS_TABLE
lake = pickle.loads(bytes.fromhex(sys.argv[1]))
sys.exit(lake.read(BARS_TABLE).height - 2)
"""


def test_twelve_short_processes_read_and_end_well(real: DeltaLake) -> None:
    real.append(BARS_TABLE, make_bars(("A", DAYS[0]), ("B", DAYS[1])), writer=WRITER, version=1)
    command = [sys.executable, "-c", SHORT, pickle.dumps(real).hex()]
    codes = [process.wait() for _ in range(6) for process in [subprocess.Popen(command), subprocess.Popen(command)]]
    assert codes == [0] * 12


def test_the_url_chooses_the_adapter(tmp_path: Path) -> None:
    lake = open_lake(f"file://{tmp_path}/lake", S3Access())
    lake.append(BARS_TABLE, make_bars(("A", DAYS[0])), writer=WRITER, version=0)
    assert DeltaLake(tmp_path / "lake").read(BARS_TABLE).height == 1
    with pytest.raises(ConfigurationError, match="TRADEOPS_LAKE_URL"):
        open_lake("gs://bucket", S3Access())
