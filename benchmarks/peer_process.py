"""Peers that cannot share our environment: each in its own, made on demand from the lock beside its script."""

import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt

PEERS = Path(__file__).parent / "peers"
ENVIRONMENTS = Path(sys.prefix) / "peers"
PATIENCE = 600.0  # seconds to install


class PeerMissing(Exception):
    """The peer's environment cannot be made here; the message says why."""


def make_environment(name: str) -> Path:
    """The Python of a peer's environment, which is made at first use and when its lock changes.

    Raises:
        PeerMissing: The packages cannot be had, or do not fit this machine.
    """
    lock = PEERS / f"{name}.txt"
    folder = ENVIRONMENTS / f"{name}-{hashlib.sha256(lock.read_bytes()).hexdigest()[:12]}"
    python, ready = folder / "bin/python", folder / "ready"
    if not ready.exists():
        uv = str(Path(sys.prefix) / "bin/uv")
        _run(uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder))
        _run(uv, "pip", "install", "--quiet", "--python", str(python), "--require-hashes", "-r", str(lock))
        ready.touch()
    return python


def _run(*command: str) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=PATIENCE)  # noqa: S603
    except (OSError, subprocess.SubprocessError) as error:
        said = str(getattr(error, "stderr", None) or error)
        raise PeerMissing(" ".join(said.split())[:200]) from error


class PeerProcess:
    """A peer that holds the columns and works through them once a call; close it with `with`.

    Args:
        name: Its script and lock in `benchmarks/peers`.
        columns: (C, N) float64 that it is given.
        arguments: What else its script is told.

    Raises:
        PeerMissing: Its environment cannot be made.
    """

    def __init__(self, name: str, columns: npt.NDArray[np.float64], *arguments: str) -> None:
        python = make_environment(name)
        self._folder = tempfile.TemporaryDirectory()
        source, self._target = (Path(self._folder.name) / file for file in ("in.npy", "out.npy"))
        np.save(source, columns)
        command = [str(python), str(PEERS / f"{name}.py"), str(source), str(self._target), *arguments]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()
        self._folder.cleanup()

    def work(self) -> None:
        """Once through the columns.

        Raises:
            PeerMissing: The peer died.
        """
        if self._process.stdin is None or self._process.stdout is None or self._process.poll() is not None:
            raise PeerMissing("its process ended early")
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        if not self._process.stdout.readline():
            raise PeerMissing("its process ended early")

    def read(self) -> npt.NDArray[np.float64]:
        """What the first run found."""
        found: npt.NDArray[np.float64] = np.load(self._target)
        return found
