"""`make run` as a user starts it, in a state folder of its own, and what it leaves behind."""

import math
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.conftest import ROOT

MAKE = ("make", "--no-print-directory", "run", "ONCE=1")


def find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Installation:
    """A state folder and its ports."""

    state_dir: Path
    port: int = field(default_factory=find_free_port)
    registry_port: int = field(default_factory=find_free_port)
    more: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        kept = ("PATH", "HOME", "LANG", "COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG")
        base = {name: os.environ[name] for name in kept if name in os.environ}
        ports = {"TRADEOPS_AIRFLOW_PORT": str(self.port), "TRADEOPS_REGISTRY_PORT": str(self.registry_port)}
        return base | {"TRADEOPS_STATE_DIR": str(self.state_dir)} | ports | self.more

    @contextmanager
    def start(self, command: Sequence[str] = MAKE) -> Iterator["Run"]:
        log = self.state_dir.parent / f"{time.monotonic_ns()}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                command, cwd=ROOT, env=self.environment, stdin=subprocess.DEVNULL,
                stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        run = Run(process, log, self.state_dir)
        try:
            yield run
        finally:
            run.clean_up()

    def list_holders(self) -> set[psutil.Process]:
        """Processes with an open file in the state folder: whatever a process calls itself, this it cannot hide."""
        return {process for process in psutil.process_iter() if _holds_file_below(process.pid, self.state_dir)}


@dataclass
class Run:
    """One run and every process seen below it."""

    process: subprocess.Popen[bytes]
    log: Path
    state_dir: Path
    seen: set[psutil.Process] = field(default_factory=set)

    def look(self) -> set[psutil.Process]:
        """The living processes of this run, now."""
        try:
            top = psutil.Process(self.process.pid)
            self.seen |= {top, *top.children(recursive=True)}
        except psutil.NoSuchProcess:
            pass
        self.seen |= Installation(self.state_dir, 0).list_holders()
        return {process for process in self.seen if _is_living(process)}

    @property
    def supervisor(self) -> psutil.Process:
        return find_oldest(self.look(), "tradeops.entrypoints.supervisor")

    def find_task(self) -> psutil.Process | None:
        """The process that runs a task: it stands below a worker of the scheduler."""
        return next((process for process in self.look() if _is_task(process)), None)

    def wait_for(self, is_true: Callable[[], object], seconds: float = 600) -> None:
        until = time.monotonic() + seconds
        while not is_true():
            assert self.process.poll() is None, f"ended early:\n{self.read()}"
            assert time.monotonic() < until, f"not within {seconds} s:\n{self.read()}"
            time.sleep(0.05)

    def wait_for_line(self, text: str) -> None:
        self.wait_for(lambda: text in self.read())

    def read(self) -> str:
        return self.log.read_text(errors="replace")

    def wait_until_gone(self, seconds: float) -> set[str]:
        """Wait for every process to end; returns those that did not."""
        until = time.monotonic() + seconds
        while (living := self._poll_living()) and time.monotonic() < until:
            time.sleep(0.1)
        return {f"{process.pid} {_name(process)}" for process in living}

    def clean_up(self) -> None:
        while living := self._poll_living():
            for process in living:
                _kill(process)
            time.sleep(0.05)
        self.process.wait()

    def _poll_living(self) -> set[psutil.Process]:
        self.process.poll()
        return self.look()


def start_broken_supervisor(patches: Mapping[str, str]) -> tuple[str, ...]:
    """A command that starts the supervisor with some of its names replaced."""
    replace = "".join(
        f"import {name.rpartition('.')[0]} as m\nm.{name.rpartition('.')[2]} = {value}\n"
        for name, value in patches.items()
    )
    code = f"import sys\n{replace}from tradeops.entrypoints.supervisor import __main__ as s\nsys.exit(s.main())"
    return (sys.executable, "-c", code, "--once")


def find_oldest(processes: set[psutil.Process], part: str) -> psutil.Process:
    """The first process of a part: until they run what they are to run, its children carry its command line too."""
    return min((process for process in processes if part in _name(process)), key=_created)


def list_open_listeners(processes: set[psutil.Process]) -> list[str]:
    """Sockets that other machines could reach."""
    return [
        f"{_name(process)} listens on {ip}"
        for process in processes
        for ip, _ in list_listening(process)
        if not ip.startswith(("127.", "::1"))
    ]


def list_listening(process: psutil.Process) -> list[tuple[str, int]]:
    """Addresses and ports that a process listens on; none once it has ended."""
    try:
        found = process.net_connections("inet")
    except psutil.NoSuchProcess:
        return []
    return [(each.laddr.ip, each.laddr.port) for each in found if each.status == psutil.CONN_LISTEN]


def _holds_file_below(pid: int, folder: Path) -> bool:
    try:
        return any(os.readlink(link).startswith(f"{folder}/") for link in Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return False


def _is_task(process: psutil.Process) -> bool:
    try:
        above = [_name(parent) for parent in process.parents()[:2]]
    except psutil.NoSuchProcess:
        return False
    return len(above) == 2 and "LocalExecutor" in above[0] and "scheduler" in above[1]


def _name(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""


def _created(process: psutil.Process) -> float:
    try:
        return process.create_time()
    except psutil.NoSuchProcess:
        return math.inf


def _is_living(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _kill(process: psutil.Process) -> None:
    try:
        process.send_signal(signal.SIGKILL)
    except psutil.NoSuchProcess:
        return
