"""Whatever ends `make run`, at whatever moment, no process stays; and each of these checks can fail."""

import os
import signal
import socket
from collections.abc import Callable

import psutil
import pytest

from tests.integration.make_run import (
    Installation,
    Run,
    list_listening,
    list_open_listeners,
    start_broken_supervisor,
)

pytestmark = pytest.mark.slow
GONE_S = 90.0  # on a machine that is busy
SURVIVED_S = 5.0
SUPERVISOR = "tradeops.entrypoints.supervisor"
STARTING, MIGRATED, HEALTHY = " in /", "database ready", "dags               parsed"

Moment = Callable[[Run], None]


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """One state folder for all: each run goes on where the last one was stopped."""
    return Installation(tmp_path_factory.mktemp("stopped") / "state")


def at_line(text: str) -> Moment:
    return lambda run: run.wait_for_line(text)


def in_task(run: Run) -> None:
    """A run that goes on has its task before its servers are healthy."""
    run.wait_for(run.find_task)


@pytest.mark.parametrize(
    ("signum", "moment"),
    [
        (signal.SIGINT, at_line(STARTING)),
        (signal.SIGHUP, at_line(MIGRATED)),
        (signal.SIGTERM, at_line(HEALTHY)),
        (signal.SIGINT, in_task),
        (signal.SIGTERM, in_task),
        (signal.SIGHUP, in_task),
    ],
    ids=["INT-starting", "HUP-migrated", "TERM-healthy", "INT-task", "TERM-task", "HUP-task"],
)
def test_a_signal_to_the_supervisor_ends_all(installation: Installation, signum: int, moment: Moment) -> None:
    with installation.start() as run:
        moment(run)
        run.supervisor.send_signal(signum)
        assert run.wait_until_gone(GONE_S) == set()
        assert f"stopped by {signal.Signals(signum).name}" in run.read()
        assert run.process.returncode != 0


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_a_signal_to_make_alone_ends_all(installation: Installation, signum: int) -> None:
    with installation.start() as run:
        run.wait_for_line(MIGRATED)
        run.look()
        os.kill(run.process.pid, signum)
        assert run.wait_until_gone(GONE_S) == set()


@pytest.mark.parametrize("moment", [at_line(MIGRATED), in_task], ids=["migrated", "task"])
def test_the_death_of_the_supervisor_ends_all(installation: Installation, moment: Moment) -> None:
    with installation.start() as run:
        moment(run)
        run.look()
        run.supervisor.kill()
        assert run.wait_until_gone(GONE_S) == set()


def test_only_loopback_is_bound(installation: Installation) -> None:
    with installation.start() as run:
        run.wait_for_line(HEALTHY)
        in_task(run)
        assert list_open_listeners(run.look()) == []
        ports = {port for process in run.look() for _, port in list_listening(process)}
        assert {installation.port} <= ports <= {installation.port, installation.registry_port}


def test_mutant_a_listener_on_all_interfaces_is_found() -> None:
    with socket.socket() as listener:
        listener.bind(("0.0.0.0", 0))  # noqa: S104
        listener.listen()
        assert any("0.0.0.0" in found for found in list_open_listeners({psutil.Process()}))  # noqa: S104


def test_mutant_without_death_signal_the_servers_survive(installation: Installation) -> None:
    broken = {f"{SUPERVISOR}.process_tree.die_with": "lambda parent: None"}
    with installation.start(start_broken_supervisor(broken)) as run:
        run.wait_for_line(HEALTHY)
        run.look()
        run.process.kill()
        assert len(run.wait_until_gone(SURVIVED_S)) >= 4


def test_mutant_without_fork_hook_the_workers_survive(installation: Installation) -> None:
    broken = {f"{SUPERVISOR}.airflow_environment._LOCAL_SETTINGS": "''"}
    with installation.start(start_broken_supervisor(broken)) as run:
        in_task(run)
        run.look()
        run.process.kill()
        survivors = run.wait_until_gone(SURVIVED_S)
        assert any("LocalExecutor" in name for name in survivors)


def test_mutant_without_clean_up_a_signal_leaves_processes(installation: Installation) -> None:
    broken = {
        f"{SUPERVISOR}.process_tree.die_with": "lambda parent: None",
        f"{SUPERVISOR}.signals.raise_on_signals": "lambda: None",
    }
    with installation.start(start_broken_supervisor(broken)) as run:
        run.wait_for_line(HEALTHY)
        run.look()
        run.process.terminate()
        assert len(run.wait_until_gone(SURVIVED_S)) >= 4
