"""Children end when asked, when they refuse, and when we die; real processes."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tradeops.entrypoints.process_death import die_with
from tradeops.entrypoints.supervisor import signals
from tradeops.entrypoints.supervisor.signals import (
    KeptSignals,
    StopRequested,
    ignore_signals,
    raise_on_signals,
    read_blocked_signals,
)

ENVIRONMENT = dict(os.environ)
LATER_S = 600.0  # no test goes on for so long
DEAF = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
print("deaf", flush=True)
time.sleep(60)
"""
PARENT = """
import os, sys, time
from pathlib import Path
from tradeops.entrypoints.process_death import adopt_orphans
from tradeops.entrypoints.supervisor.process_tree import end_children, list_descendants, start_child
adopt_orphans()
log = Path(sys.argv[1], "log")
child = start_child(["deaf"], dict(os.environ), log)
while log.read_text().count("deaf") < 2:
    time.sleep(0.02)
print(len(list_descendants(os.getpid())), "own-session" if os.getsid(child.pid) == child.pid else "shared")
end_children([child], grace=0.2)
print(child.returncode, len(list_descendants(os.getpid())))
"""
FORKING = """
import os, sys, threading, time
from tradeops.entrypoints.process_death import bind_forks_to_parent
if sys.argv[1] == "bound":
    bind_forks_to_parent()
if os.fork() == 0:
    print(os.getpid(), flush=True)
    time.sleep(60)
time.sleep(60)
"""


def _wait_for(is_true: Callable[[], object], seconds: float = 10) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if is_true():
            return True
        time.sleep(0.02)
    return False


def test_a_child_that_refuses_is_killed_with_what_is_below_it(tmp_path: Path) -> None:
    """In a process of its own: the clean-up ends whatever descends from the process that calls it."""
    (tmp_path / "deaf.py").write_text(DEAF)
    environment = ENVIRONMENT | {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", PARENT, str(tmp_path)], env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["2", "own-session", "-9", "0"], done.stderr


def _is_over(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):  # it may end between the two looks
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    return True


@pytest.mark.parametrize(("mode", "survives"), [("bound", False), ("unbound", True)])
def test_a_forked_child_dies_with_its_parent_when_bound(mode: str, survives: bool) -> None:
    parent = subprocess.Popen([sys.executable, "-c", FORKING, mode], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert _wait_for(lambda: _is_over(child), seconds=1 if survives else 60) is not survives
    if survives:
        child.kill()


def test_the_first_signal_raises_and_the_second_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signals, "_AGAIN_S", LATER_S)
    kept = {signum: signal.getsignal(signum) for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        raise_on_signals()
        with pytest.raises(StopRequested, match="stopped by SIGTERM") as caught:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(60)  # cut short
        assert caught.value.exit_code == 143
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.05)
    finally:
        ignore_signals()
        for signum, handler in kept.items():
            signal.signal(signum, handler)


IN_FINALISER = """
import os, signal, time
from tradeops.entrypoints.supervisor import signals
from tradeops.entrypoints.supervisor.signals import StopRequested, ignore_signals, raise_on_signals
class Loses:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.05)
signals._AGAIN_S = {again}
raise_on_signals()
try:
    Loses()
    time.sleep({seconds})
    print("went on")
except StopRequested as stop:
    ignore_signals()
    print(stop)
"""


@pytest.mark.parametrize(
    ("again", "seconds", "said"),
    [("2", "60", "stopped by SIGTERM\n"), (f"{LATER_S}", "0.1", "went on\n")],
    ids=["again", "not-yet"],
)
def test_a_signal_whose_exception_was_lost_in_a_finaliser_stops_all_the_same(
    again: str, seconds: str, said: str
) -> None:
    """Short of the second exception, the first one is indeed lost."""
    code = IN_FINALISER.replace("{again}", again).replace("{seconds}", seconds)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == said
    assert "Exception ignored in" in done.stderr


def test_a_hang_up_that_was_ignored_stays_ignored() -> None:
    kept = {signum: signal.getsignal(signum) for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        raise_on_signals()
        os.kill(os.getpid(), signal.SIGHUP)
        time.sleep(0.05)
    finally:
        for signum, handler in kept.items():
            signal.signal(signum, handler)


def test_blocked_signals_are_read_from_the_mask() -> None:
    assert read_blocked_signals("Name:\tmake\nSigBlk:\t0000000000010003\n") == {1, 2, 17}
    assert read_blocked_signals("") == set()


def test_a_signal_that_the_parent_blocks_only_while_it_starts_a_process_is_no_end() -> None:
    starting, idle, ending = (f"SigBlk:\t{mask:016x}\n" for mask in (0xFFFFFFFC7FFBFEFF, 0, 1 << signal.SIGINT - 1))
    kept = KeptSignals()

    assert [kept.look(status) for status in (starting, idle, ending, idle, starting, ending)] == [
        *[set()] * 5,
        {signal.SIGINT},
    ]
    assert kept.look(ending) == {signal.SIGINT}


@pytest.mark.parametrize(("dead", "ended"), [(False, 0), (True, -signal.SIGKILL)])
def test_a_child_whose_parent_died_before_it_could_ask_to_die_too_ends_at_once(dead: bool, ended: int) -> None:
    """A parent that lives on stands for the mutant that does not look: the child goes on."""
    former = subprocess.Popen(["true"])
    former.wait()
    parent = former.pid if dead else os.getpid()
    child = subprocess.run(["true"], preexec_fn=lambda: die_with(parent), check=False)

    assert child.returncode == ended
