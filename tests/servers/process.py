"""A real server as a child of the tests: on a free port, in a folder of its own, dead with its parent."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

START_SECONDS = 120.0
STOP_SECONDS = 20.0
DEATH = ("setpriv", "--pdeathsig", "KILL", "--")


class ServerNotReady(Exception):
    """A server ended or did not answer in time; the message has the end of its log."""


@dataclass
class ServerProcess:
    """A server that can be stopped, frozen, killed and started again on the same data and port.

    Args:
        command: Program and arguments; it must stay in the foreground.
        folder: Data and log.
        is_ready: Whether it answers.
        user: Account to run as when the tests run as root; None keeps the tests' own.
        environment: Variables beside the tests' own.
    """

    command: Sequence[str]
    folder: Path
    is_ready: Callable[[], bool]
    user: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    _process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        return self.folder / "server.log"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it and wait until it answers.

        Raises:
            ServerNotReady: It ended, or was silent for too long.
        """
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                (*DEATH, *self.command),
                cwd="/",
                env=os.environ | dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **run_as(self.user),
            )
        self.wait_ready()

    def wait_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self.is_ready():
            if self._process is None or self._process.poll() is not None or time.monotonic() > deadline:
                raise ServerNotReady(f"{self.command[0]} is not ready:\n{self.log.read_text(errors='replace')[-3000:]}")
            time.sleep(0.02)

    def stop(self, signum: int = signal.SIGTERM) -> None:
        """Let it end in order; killed when it takes too long."""
        if self._process is None:
            return
        self._signal(signal.SIGCONT)
        self._signal(signum)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
        self._process = None

    def kill(self) -> None:
        """`kill -9` it and all it started."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, signum: int) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signum)


def run_as(user: str | None) -> dict[str, object]:
    """Arguments of `subprocess` that run a program as another account, when the tests run as root."""
    if user is None or os.getuid() != 0:
        return {}
    return {"user": user, "group": user, "extra_groups": []}


def make_folder(name: str, user: str | None = None) -> Path:
    """A folder that another account may reach, as pytest's own temporary folders are not; its owner removes it."""
    folder = Path(tempfile.mkdtemp(prefix=f"tradeops-{name}-"))
    if user is not None and os.getuid() == 0:
        shutil.chown(folder, user, user)
    folder.chmod(0o700)
    return folder


def require(found: object, needed: str) -> None:
    """Skip the test, naming what is missing; in CI nothing may be missing, so there it fails."""
    if found:
        return
    if os.environ.get("CI"):
        pytest.fail(f"needs {needed}, which CI installs")
    pytest.skip(f"needs {needed}")
