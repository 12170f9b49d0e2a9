"""Starts children that die with us, and leaves none behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

import psutil

from tradeops.entrypoints.process_death import die_with

_GRACE = 6.0


def start_child(command: Sequence[str], environment: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    """Start a Python module in a session of its own.

    A session of its own keeps a terminal's Ctrl-C away from it: we end our children in our order.

    Args:
        command: What follows `python -m`.
        environment: All of its variables.
        log: File that its output is appended to.

    Returns:
        The child, which dies when we die.
    """
    with log.open("ab") as output:
        return subprocess.Popen(  # noqa: S603 - our own interpreter and module names
            [sys.executable, "-m", *command],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=partial(die_with, os.getpid()),  # noqa: PLW1509 - we have one thread
        )


def list_descendants(pid: int) -> list[psutil.Process]:
    """Return the living processes below a process, or none when it is gone."""
    try:
        found = psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []
    return [process for process in found if _is_living(process)]


def kill_below(pid: int) -> None:
    """Kill everything below a process, not the process itself."""
    _signal_all(list_descendants(pid), signal.SIGKILL)


def end_children(children: Sequence[subprocess.Popen[bytes]], grace: float = _GRACE) -> None:
    """End children and whatever descends from us; returns when nothing is left.

    Args:
        children: Asked to end by themselves first.
        grace: Seconds they are given.
    """
    for child in children:
        if child.poll() is None:
            child.terminate()
    deadline = time.monotonic() + grace
    while time.monotonic() < deadline and any(child.poll() is None for child in children):
        time.sleep(0.05)
    while below := list_descendants(os.getpid()):
        _signal_all(below, signal.SIGKILL)
        _reap_adopted({child.pid for child in children})
        time.sleep(0.02)
    for child in children:
        child.wait()


def _reap_adopted(own: set[int]) -> None:
    """Collect orphans that ended; our own children are asked for their exit codes by their owner."""
    for process in psutil.Process().children():
        if process.pid not in own and not _is_living(process):
            try:
                os.waitpid(process.pid, os.WNOHANG)
            except ChildProcessError:
                continue


def _is_living(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _signal_all(processes: Iterable[psutil.Process], signum: int) -> None:
    for process in processes:
        try:
            process.send_signal(signum)
        except psutil.NoSuchProcess:
            continue
