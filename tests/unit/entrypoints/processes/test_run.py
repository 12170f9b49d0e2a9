"""A process ends well in time, or says that it did not; it follows its parent when asked to."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

# What a unit does is put in; the process says when it is at work.
PROGRAM = """
import sys, time
from contextlib import contextmanager
from pathlib import Path
from tradeops.entrypoints.processes import stop_switch
from tradeops.entrypoints.processes.run import ProcessOptions, run_process

stop_switch._AGAIN_S = 600.0  # a second alarm might come before the process has ended, and take its last word

@contextmanager
def open_units():
    def unit():
        print("at work", flush=True)
        {work}
        return True
    try:
        yield unit
    finally:
        print("closed", flush=True)

def make_units(heart, switch):
    globals()["switch"] = switch
    return open_units

options = ProcessOptions(idle_seconds=0.01, deadline_seconds={deadline}, with_parent={with_parent})
sys.exit(run_process("serve", Path({folder!r}), options, make_units))
"""


def start(folder: Path, *, work: str, deadline: float = 600.0, parent: bool = False) -> subprocess.Popen[str]:
    code = PROGRAM.format(work=work, deadline=deadline, with_parent=parent, folder=str(folder))
    # A shell of its own is the parent that is killed.
    command = [sys.executable, "-c", code]
    if parent:
        command = ["/bin/sh", "-c", 'echo $$; "$@" & wait', "sh", *command]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def read_line(child: subprocess.Popen[str]) -> str:
    assert child.stdout is not None
    return child.stdout.readline().strip()


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_it_after_the_unit_with_0_and_no_heartbeat(signum: int, tmp_path: Path) -> None:
    until_asked = "while not switch.asked: time.sleep(0.01)\n        print('unit ends', flush=True)"
    with start(tmp_path, work=until_asked) as child:
        assert read_line(child) == "at work"
        child.send_signal(signum)
        rest = child.communicate()[0].splitlines()

    assert (child.returncode, rest) == (0, ["unit ends", "closed"])
    assert list((tmp_path / "processes").iterdir()) == []


def test_process_whose_thread_hangs_hands_back_and_asks_to_be_replaced_with_75(tmp_path: Path) -> None:
    hang = "import threading; threading.Thread(target=lambda: time.sleep(3600), daemon=True).start()"
    hand_back = (
        "from tradeops.entrypoints.command_line.processes import hand_back_when_worn as h; "
        "from types import SimpleNamespace as N; h(N(hung_agents=('macro',)), switch)"
    )
    with start(tmp_path, work=f"{hang}; {hand_back}") as child:
        assert read_line(child) == "at work"
        rest = child.communicate()[0].splitlines()

    assert (child.returncode, rest) == (75, ["closed"])
    assert list((tmp_path / "processes").iterdir()) == []


def test_unit_that_does_not_end_is_cut_off_at_the_deadline_with_1(tmp_path: Path) -> None:
    with start(tmp_path, work="while True: time.sleep(600)", deadline=0.2) as child:
        assert read_line(child) == "at work"
        child.terminate()
        rest = child.communicate()[0].splitlines()

    assert (child.returncode, rest) == (1, ["closed"])
    assert list((tmp_path / "processes").iterdir()) == []


def test_it_hands_back_and_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    with start(tmp_path, work="time.sleep(0.01)", parent=True) as shell:
        parent = int(read_line(shell))
        assert read_line(shell) == "at work"
        os.kill(parent, signal.SIGKILL)
        assert shell.stdout is not None
        lines = shell.stdout.read().splitlines()  # ends when the orphan has closed its end of the pipe

    assert lines[-1] == "closed"
    assert list((tmp_path / "processes").iterdir()) == []
