"""A worker's main process is killed while its task decides, PostgreSQL restarts, and every order is there once.

Real Airflow, as the compose file sets it up, on two Celery workers. A task stands still where it is asked to, so that
each fault strikes in the middle of a session. What comes of it is compared with a run that nobody disturbed.
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from pathlib import Path

import psutil
import pytest

from tests.deploy.airflow_findings import find_faults
from tests.deploy.distributed_airflow import WORKERS, DistributedAirflow, is_living, open_airflow
from tests.deploy.short_pipeline import SESSIONS, decide_round, load
from tests.deploy.stops import IGNORE_EPOCH, after_order, before_record
from tests.fakes.planted_market import write_planted_market
from tests.faults.findings import Content, read_deliveries
from tests.servers.postgres import find_programs
from tests.servers.process import make_folder, require
from tests.servers.redis import PROGRAM as REDIS
from tradeops.bootstrap.runtime import open_runtime
from tradeops.domain.decisions import Decision
from tradeops.domain.identifiers import BookId
from tradeops.settings import Settings

pytestmark = pytest.mark.slow
ROUNDS = ("killed", "orphaned", "mutant")


@dataclass(frozen=True)
class Undisturbed:
    """The same pipeline in one process.

    Args:
        rounds: Decisions of each round.
        contents: What is there after it.
    """

    rounds: list[list[Decision]]
    contents: list[Content]

    def find_package(self) -> Decision:
        """The first decision with several orders."""
        return next(decision for decision in self.rounds[0] if len(decision.orders) > 1)

    def find_order(self, number: int, after: date | None = None) -> Decision:
        """The first decision of a round with an order, after a session."""
        found = (each for each in self.rounds[number] if each.orders and (after is None or each.session > after))
        return next(found)


@dataclass(frozen=True)
class Killed:
    """What was seen while a worker was killed and PostgreSQL restarted."""

    worker: str
    task_died: bool


@dataclass(frozen=True)
class Orphaned:
    """What was seen while a task lived on beside its own second try."""

    orphan: psutil.Process
    lived: bool
    heir: psutil.Process
    stopped_at: date


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    require(find_programs(), "PostgreSQL: the package postgresql-15")
    require(shutil.which(REDIS), f"{REDIS} (Debian: redis-server)")
    made = make_folder("airflow")
    made.chmod(0o755)  # PostgreSQL's account must reach its own below it
    write_planted_market(made / "market")
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture(scope="module")
def source(folder: Path) -> str:
    return f"file://{folder / 'market'}"


@pytest.fixture(scope="module")
def undisturbed(folder: Path, source: str) -> Undisturbed:
    settings = Settings(state_dir=folder / "undisturbed", source_url=source)
    load(settings)
    contents = [decide_round(settings, name) for name in ROUNDS]
    with open_runtime(settings) as runtime:
        decisions = [record.decision for record in runtime.ledger.list_decisions(BookId())]
    ends = [0, *(content.rows["decisions"] for content in contents)]
    return Undisturbed([decisions[a:b] for a, b in pairwise(ends)], contents)


@pytest.fixture(scope="module")
def airflow(folder: Path, source: str) -> Iterator[DistributedAirflow]:
    with open_airflow(folder, {"TRADEOPS_SOURCE_URL": source}, load) as airflow:
        airflow.await_up()
        yield airflow


@pytest.fixture(scope="module")
def killed(undisturbed: Undisturbed, airflow: DistributedAirflow) -> Killed:
    """One of two orders is at the broker when the worker dies; the second try has another one when PostgreSQL goes."""
    half_sent = undisturbed.find_package()
    sent = after_order(half_sent.orders[0].client_order_id)
    later = before_record(undisturbed.find_order(0, after=half_sent.session).session)
    for place in (sent, later):
        airflow.stops.ask(place)
    run_id = airflow.start_pipeline("killed", SESSIONS)
    task = airflow.await_stop(sent)
    airflow.give_plugins()  # without the one that is seen at work here: what is started again is for the next round
    worker = airflow.kill_worker_of(task)
    died = bool(psutil.wait_procs([task], timeout=300)[0])
    second = airflow.await_stop(later)
    airflow.restart_postgres()
    airflow.stops.let_go(second)
    airflow.await_run("run_decision_cycle", run_id)
    return Killed(worker, died)


@pytest.fixture(scope="module")
def orphaned(killed: Killed, undisturbed: Undisturbed, airflow: DistributedAirflow) -> Orphaned:
    """Without the plugin, a task that stood still goes on beside its second try, which holds the same session."""
    airflow.replace_worker(next(name for name in WORKERS if name != killed.worker))
    run_id, seen = start_orphan(airflow, undisturbed, 1)
    airflow.stops.let_go(seen.orphan)
    airflow.wait_for(lambda: not is_living(seen.orphan), "the orphan has ended")
    airflow.stops.let_go(seen.heir)
    airflow.await_run("run_decision_cycle", run_id)
    return seen


def start_orphan(airflow: DistributedAirflow, undisturbed: Undisturbed, number: int) -> tuple[str, Orphaned]:
    """Both stand still before they record the same session."""
    session = undisturbed.find_order(number).session
    place = before_record(session)
    airflow.stops.ask(place)
    run_id = airflow.start_pipeline(ROUNDS[number], SESSIONS)
    orphan = airflow.await_stop(place)
    airflow.stops.ask(place)  # before the worker dies: a heartbeat that came late may have made a second try by then
    airflow.kill_worker_of(orphan)
    lived = is_living(orphan)
    airflow.left.append(orphan)
    return run_id, Orphaned(orphan, lived, airflow.await_stop(place), session)


def test_task_dies_with_its_worker_and_the_run_succeeds_over_a_restart_of_postgres(
    killed: Killed, airflow: DistributedAirflow, undisturbed: Undisturbed
) -> None:
    assert killed.task_died
    assert killed.worker in airflow.restarted
    assert find_faults(airflow.settings, undisturbed.contents[0]) == []
    assert undisturbed.contents[0].accepted
    assert len(read_deliveries(airflow.settings.state_dir)) == len(undisturbed.contents[0].accepted)


def test_orphan_is_refused_and_every_order_is_there_once(
    orphaned: Orphaned, airflow: DistributedAirflow, undisturbed: Undisturbed
) -> None:
    assert orphaned.lived
    assert orphaned.orphan != orphaned.heir
    refused = [(line["pid"], line["session"], line["epoch"]) for line in airflow.stops.list_refused()]
    assert refused == [(orphaned.orphan.pid, orphaned.stopped_at.isoformat(), 1)]
    assert find_faults(airflow.settings, undisturbed.contents[1]) == []


def test_mutant_an_orphan_that_nobody_refuses_is_found(
    orphaned: Orphaned, airflow: DistributedAirflow, undisturbed: Undisturbed
) -> None:
    airflow.stops.ask(IGNORE_EPOCH)
    _, seen = start_orphan(airflow, undisturbed, 2)
    airflow.stops.let_go(seen.orphan)
    airflow.wait_for(lambda: not is_living(seen.orphan), "the orphan has ended")
    faults = find_faults(airflow.settings, undisturbed.contents[2])
    assert any(fault.startswith("epoch: decision of") for fault in faults), faults
