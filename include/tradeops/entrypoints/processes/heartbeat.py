"""What a process says of itself, in a file: whoever looks needs no port and no server that might be down."""

import json
import os
import socket
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import psutil

from tradeops.domain.errors import CircuitOpen

FOLDER = "processes"
_EVERY_SECONDS = 1.0
_FORGOTTEN_SECONDS = 24 * 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """One look at a process.

    Args:
        process: Its name, as `serve`.
        host: Where it runs.
        pid: Its number there.
        at: When it said so, seconds since 1970.
        failing_since: Since when it fails and tries again; None while all is well.
        detail: What it does, or the error.
    """

    process: str
    host: str
    pid: int
    at: float
    failing_since: float | None = None
    detail: str = ""

    def find_fault(self, within: float) -> str | None:
        """What is wrong, in words; None for a healthy process.

        Args:
            within: Seconds that it may be silent, or fail, at most.
        """
        now = time.time()
        if self.host == socket.gethostname() and not psutil.pid_exists(self.pid):
            return "is dead"
        if now - self.at > within:
            return f"says nothing for {now - self.at:.0f} s"
        if self.failing_since is not None and now - self.failing_since > within:
            return f"fails for {now - self.failing_since:.0f} s: {self.detail}"
        return None

    def praise(self) -> str:
        """What is said of a process without a fault."""
        return f"is well; {self.detail}" if self.detail and self.failing_since is None else "is well"


class Heart:
    """Beats of this process; removed when it ends well.

    Args:
        state_dir: Of the installation.
        process: Name of the process.
    """

    def __init__(self, state_dir: Path, process: str) -> None:
        self._doing = ""
        self._written = float("-inf")
        self._last = Beat(process=process, host=socket.gethostname(), pid=os.getpid(), at=0.0)
        self._file = state_dir / FOLDER / f"{process}-{self._last.host}-{self._last.pid}.json"
        self._file.parent.mkdir(parents=True, exist_ok=True)
        _bury(state_dir, process)

    def beat(self) -> None:
        """All is well; written once a second at most."""
        # By a clock that only goes forth: a wall clock that was set back must not silence a process for hours.
        if time.monotonic() - self._written >= _EVERY_SECONDS or self._last.failing_since is not None:
            self._write(failing_since=None, detail=self._doing)

    def say(self, doing: str) -> None:
        """What a healthy process does, or why it does nothing; part of every beat from now on."""
        if doing != self._doing:
            self._doing = doing
            self._write(failing_since=None, detail=doing)

    def fail(self, error: BaseException) -> None:
        """Something failed, and is tried again; a breaker that rests does not hide why."""
        kept = self._last.detail if isinstance(error, CircuitOpen) and self._last.failing_since else ""
        detail = kept or f"{type(error).__name__}: {error}"
        self._write(failing_since=self._last.failing_since or time.time(), detail=detail)

    def stop(self) -> None:
        """Leave nothing behind."""
        self._file.unlink(missing_ok=True)

    def _write(self, *, failing_since: float | None, detail: str) -> None:
        self._last = replace(self._last, at=time.time(), failing_since=failing_since, detail=detail)
        fresh = self._file.with_suffix(".new")
        fresh.write_text(json.dumps(asdict(self._last)))
        fresh.replace(self._file)
        self._written = time.monotonic()


def read_beats(state_dir: Path, process: str, *, everywhere: bool = False) -> list[Beat]:
    """The newest beat of each process of a name on this host; a dead one's too, until another of its name starts.

    Args:
        state_dir: Of the installation.
        process: Name of the process.
        everywhere: On all hosts that share the folder.
    """
    host = "*" if everywhere else socket.gethostname()
    files = sorted((state_dir / FOLDER).glob(f"{process}-{host}-*.json"))
    return [beat for file in files if (beat := _read_beat(file))]


def _read_beat(file: Path) -> Beat | None:
    try:
        return Beat(**json.loads(file.read_text()))
    except FileNotFoundError:
        return None  # it ended well, or was buried, since the folder was listed


def _bury(state_dir: Path, process: str) -> None:
    """Those who died here; and those of hosts that are gone, as containers are."""
    for file in (state_dir / FOLDER).glob(f"{process}-*.json"):
        with suppress(FileNotFoundError):  # others may bury at the same moment
            if time.time() - file.stat().st_mtime > _FORGOTTEN_SECONDS:
                file.unlink()
    for beat in read_beats(state_dir, process):
        if not psutil.pid_exists(beat.pid):
            (state_dir / FOLDER / f"{process}-{beat.host}-{beat.pid}.json").unlink(missing_ok=True)
