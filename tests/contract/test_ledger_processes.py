"""Many processes at one ledger, and processes that die in the middle."""

import multiprocessing as mp
import signal
from collections import Counter
from collections.abc import Callable
from multiprocessing.synchronize import Barrier

import pytest

from tests.contract import ledger_processes as children
from tests.contract.databases import Stores
from tests.contract.examples import AAPL, BOOK, IBM, order_of, request_claim, session_after
from tradeops.adapters.ledger_sqlalchemy import SqlLedger, open_ledger
from tradeops.domain.errors import CoordinationError, CorruptInput
from tradeops.domain.lifecycle import OrderState

SPAWN = mp.get_context("spawn")
# Children are forked from a warm, single-threaded parent that has no connection open.
FORKSERVER = mp.get_context("forkserver")
FORKSERVER.set_forkserver_preload(["tests.contract.ledger_processes"])

PROCESSES, DAYS = 4, 12
JOIN_SECONDS = 300


def run_race(url: str, work: Callable[[str, int, Barrier], None] = children.race) -> None:
    meeting = SPAWN.Barrier(PROCESSES)
    crowd = [SPAWN.Process(target=work, args=(url, DAYS, meeting)) for _ in range(PROCESSES)]
    for process in crowd:
        process.start()
    for process in crowd:
        process.join(JOIN_SECONDS)
    assert [process.exitcode for process in crowd] == [0] * PROCESSES


def check_nothing_lost_or_doubled(ledger: SqlLedger) -> None:
    """Each day once, each order once and in order, each note of each process there."""
    rows = ledger.count_rows()
    assert (rows["decisions"], rows["settlements"], rows["orders"]) == (DAYS, DAYS, 2 * DAYS)
    assert (rows["inbox"], rows["fills"]) == (DAYS, 2 * (DAYS - 1))
    sessions = [record.decision.session for record in ledger.list_decisions(BOOK)]
    assert sessions == [session_after(day) for day in range(DAYS)]
    for made in ledger.order_states(BOOK).values():
        assert [change.state for change in made][:2] == [OrderState.NEW, OrderState.SUBMITTED]
    with ledger._connection.read() as connection:
        notes = connection.exec_driver_sql("SELECT payload FROM entries WHERE kind = 'kill_switch'").scalars().all()
    assert sorted(Counter(notes).values()) == [1] * (PROCESSES * DAYS)
    ledger.verify_chains()


def test_processes_that_open_and_write_at_once_lose_and_double_nothing(stores: Stores) -> None:
    url = stores.empty()
    run_race(url)
    with open_ledger(url) as ledger:
        check_nothing_lost_or_doubled(ledger)
        assert ledger.last_closed_session(BOOK) == session_after(DAYS - 1)


def test_mutant_that_locks_late_is_found(stores: Stores) -> None:
    with pytest.raises(AssertionError, match="1"):
        run_race(stores.empty(), children.race_with_late_locks)


def kill(url: str, work: children.Work, at_statement: int) -> bool:
    """True when the child died by the signal, False when it came to its end before."""
    child = FORKSERVER.Process(target=children.work_until_killed, args=(url, work, at_statement))
    child.start()
    child.join(JOIN_SECONDS)
    assert child.exitcode in (0, -signal.SIGKILL)
    return child.exitcode != 0


def check_nothing_half(stores: Stores, work: children.Work) -> int:
    """Killed before any statement, the ledger is whole, and a redo ends where nobody was killed."""
    origin = stores.empty()
    with open_ledger(origin) as ledger:
        children.run_cycle(ledger, 0)
    wanted = undisturbed(stores.copy(origin))
    statement = 1
    while True:
        url = stores.copy(origin)
        killed = kill(url, work, statement)
        with open_ledger(url) as ledger:
            ledger.verify_chains()
            children.cycle_of_day_one(ledger)
            ledger.verify_chains()
            assert outcome(ledger) == wanted, statement
        stores.remove(url)
        if not killed:
            return statement - 1
        statement += 1


def undisturbed(url: str) -> dict[str, object]:
    with open_ledger(url) as ledger:
        children.cycle_of_day_one(ledger)
        return outcome(ledger)


def outcome(ledger: SqlLedger) -> dict[str, object]:
    """All that does not depend on how often a cycle was claimed."""
    repeated = {"entries"}
    rows = {name: count for name, count in ledger.count_rows().items() if name not in repeated}
    found = ledger.find_decision(BOOK, session_after(1))
    assert found is not None
    orders = [order_of(request_claim(1), name) for name in (AAPL, IBM)]  # type: ignore[arg-type]
    states = ledger.order_states(BOOK)
    return {
        "rows": rows,
        "decision": found.decision.canonical_bytes,
        "closed": ledger.last_closed_session(BOOK),
        "settlement": ledger.latest_settlement(BOOK),
        "states": [states[order.client_order_id] for order in orders],
    }


def test_kill_at_every_statement_leaves_nothing_half(stores: Stores) -> None:
    assert check_nothing_half(stores, children.cycle_of_day_one) >= 30


def test_mutant_without_transactions_is_found(stores: Stores) -> None:
    with pytest.raises((CorruptInput, CoordinationError)):
        check_nothing_half(stores, children.cycle_without_transactions)
