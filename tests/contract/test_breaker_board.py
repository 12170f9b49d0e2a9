"""One breaker for all processes: who fails anywhere counts, and one probe speaks for all."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from multiprocessing import get_context
from pathlib import Path

import pytest

from tests.contract.conftest import KINDS, FindStores
from tests.fakes.breaker_board import InMemoryBreakerBoard
from tradeops.adapters.breakers_sqlalchemy import POLICY, SqlBreakerBoard
from tradeops.domain.errors import CircuitOpen
from tradeops.ports.breaker_board import BreakerBoard, Opening
from tradeops.resilience.breaker import BreakerPolicy

OpenBoard = Callable[[], BreakerBoard]
LIMITS = BreakerPolicy(most_failures=3, rest_seconds=30.0)


class Clock:
    now = 1000.0

    def __call__(self, *_: object) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["fake", *KINDS])
def open_board(request: pytest.FixtureRequest, find_stores: FindStores, clock: Clock) -> Iterator[OpenBoard]:
    """Boards that different processes would open on the same breakers."""
    if request.param == "fake":
        board = InMemoryBreakerBoard(clock, LIMITS)
        yield lambda: board
        return
    stores = find_stores(request.param)[0]
    url = stores.empty()
    with ExitStack() as stack:
        yield lambda: stack.enter_context(SqlBreakerBoard(url, LIMITS, clock))
    stores.remove(url)


def fail(board: BreakerBoard, times: int, name: str = "broker") -> None:
    for _ in range(times):
        board.admit(name)
        board.fail(name)


def test_shipped_limits_are_five_failures_and_half_a_minute() -> None:
    assert (POLICY.most_failures, POLICY.rest_seconds) == (5, 30.0)


def test_what_never_failed_is_called_without_further_ado(open_board: OpenBoard) -> None:
    assert open_board().admit("broker") is True


def test_failures_of_all_processes_count_together(open_board: OpenBoard) -> None:
    one, other = open_board(), open_board()
    fail(one, 2)
    assert other.admit("broker") is False
    fail(other, 1)

    for board in (one, other):
        with pytest.raises(CircuitOpen, match=r"broker failed 3 times in a row and rests; ask again in 30\.0 s"):
            board.admit("broker")


def test_success_of_one_process_forgets_the_failures_of_all(open_board: OpenBoard) -> None:
    one, other = open_board(), open_board()
    fail(one, 2)
    other.succeed("broker")

    assert one.admit("broker") is True
    fail(one, 2)
    assert other.admit("broker") is False


def test_breakers_of_different_names_know_nothing_of_each_other(open_board: OpenBoard) -> None:
    board = open_board()
    fail(board, 3)

    assert board.admit("lake") is True


def test_the_failure_that_opens_it_says_since_when_and_no_other_does(open_board: OpenBoard, clock: Clock) -> None:
    one, other = open_board(), open_board()
    said = []
    for board in (one, other, one, other):
        said.append(board.fail("broker"))
        clock.now += 1
    assert said == [None, None, Opening(failures=3, failing_since=1000.0), None]
    clock.now += LIMITS.rest_seconds
    other.admit("broker")

    assert other.fail("broker") == Opening(failures=4, failing_since=1000.0)


def test_after_a_success_the_next_outage_begins_when_it_begins(open_board: OpenBoard, clock: Clock) -> None:
    board = open_board()
    fail(board, 2)
    board.succeed("broker")
    clock.now += 500
    said = [board.fail("broker") for _ in range(3)]

    assert said == [None, None, Opening(failures=3, failing_since=1500.0)]


def test_table_made_before_failures_had_a_beginning_gets_it(tmp_path: Path, clock: Clock) -> None:
    with sqlite3.connect(tmp_path / "breakers.db") as database:
        database.execute("CREATE TABLE breakers (name TEXT PRIMARY KEY, state TEXT, failures INTEGER, since FLOAT)")
        database.execute("INSERT INTO breakers VALUES ('broker', 'closed', 2, NULL)")
    with SqlBreakerBoard(f"sqlite:///{tmp_path}/breakers.db", LIMITS, clock) as board:
        assert board.fail("broker") == Opening(failures=3, failing_since=1000.0)


def test_rested_it_lets_one_process_probe_and_no_other(open_board: OpenBoard, clock: Clock) -> None:
    one, other = open_board(), open_board()
    fail(one, 3)
    clock.now += LIMITS.rest_seconds
    assert other.admit("broker") is False
    for board in (one, other):
        with pytest.raises(CircuitOpen):
            board.admit("broker")
    other.succeed("broker")

    assert one.admit("broker") is True


def test_probe_that_fails_keeps_everybody_out_for_another_rest(open_board: OpenBoard, clock: Clock) -> None:
    one, other = open_board(), open_board()
    fail(one, 3)
    clock.now += LIMITS.rest_seconds
    fail(other, 1)
    clock.now += LIMITS.rest_seconds - 1

    with pytest.raises(CircuitOpen):
        one.admit("broker")


def test_probe_that_is_never_reported_is_followed_by_another(open_board: OpenBoard, clock: Clock) -> None:
    one, other = open_board(), open_board()
    fail(one, 3)
    clock.now += LIMITS.rest_seconds
    one.admit("broker")
    clock.now += LIMITS.rest_seconds

    assert other.admit("broker") is False


def test_of_many_at_once_one_probes(open_board: OpenBoard, clock: Clock) -> None:
    boards = [open_board() for _ in range(8)]
    fail(boards[0], 3)
    clock.now += LIMITS.rest_seconds
    start, passed = threading.Barrier(len(boards)), []

    def probe(board: BreakerBoard) -> None:
        start.wait()
        with suppress(CircuitOpen):
            passed.append(board.admit("broker"))

    threads = [threading.Thread(target=probe, args=(board,)) for board in boards]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert passed == [False]


def fail_elsewhere(url: str) -> None:
    with SqlBreakerBoard(url, LIMITS) as board:
        fail(board, LIMITS.most_failures)


@pytest.mark.parametrize("kind", KINDS)
def test_another_process_opens_it_for_this_one_by_the_databases_clock(kind: str, find_stores: FindStores) -> None:
    stores = find_stores(kind)[0]
    url = stores.empty()
    child = get_context("spawn").Process(target=fail_elsewhere, args=(url,))
    child.start()
    child.join()

    assert child.exitcode == 0
    with SqlBreakerBoard(url, LIMITS) as board, pytest.raises(CircuitOpen):
        board.admit("broker")
    stores.remove(url)


def test_mutant_of_a_breaker_that_each_process_keeps_for_itself_is_found(clock: Clock) -> None:
    with pytest.raises(AssertionError):
        test_failures_of_all_processes_count_together(lambda: InMemoryBreakerBoard(clock, LIMITS))
