"""Children forked from a warm, single-threaded parent without open connections."""

import os
import pickle
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Ended:
    """How a child ended.

    Args:
        signal: That killed it; 0 when none did.
        error: Name of the exception's type that it ended with; empty when it ended well.
        detail: The traceback.
        value: What it returned.
    """

    signal: int
    error: str = ""
    detail: str = ""
    value: Any = None


def start(work: Callable[[], Any], answer: Path) -> int:
    """Fork a child that does the work and writes its answer to a file."""
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        return pid
    try:
        ended = Ended(signal=0, value=work())
    except BaseException as error:  # noqa: BLE001 - whatever happened is the answer
        ended = Ended(signal=0, error=type(error).__name__, detail=traceback.format_exc())
    try:
        answer.write_bytes(pickle.dumps(ended))
    finally:
        os._exit(0)


def finish(pid: int, answer: Path) -> Ended:
    _, status = os.waitpid(pid, 0)
    return read_answer(status, answer)


def read_answer(status: int, answer: Path) -> Ended:
    if os.WIFSIGNALED(status):
        return Ended(signal=os.WTERMSIG(status))
    ended: Ended = pickle.loads(answer.read_bytes())  # noqa: S301 - our own child wrote it
    answer.unlink()
    return ended


def run(work: Callable[[], Any], folder: Path) -> Ended:
    answer = folder / "answer.pickle"
    return finish(start(work, answer), answer)


def ask(work: Callable[[], Any], folder: Path) -> Any:
    """What a child answers.

    Raises:
        RuntimeError: It failed.
    """
    ended = run(work, folder)
    if ended.signal or ended.error:
        raise RuntimeError(f"signal {ended.signal} {ended.detail}")
    return ended.value


def run_in_pool(works: Sequence[Callable[[], Any]], folder: Path, width: int) -> list[Ended]:
    """Do all the works, each in a child, `width` at a time; answers in the order of the works."""
    folder.mkdir(parents=True, exist_ok=True)
    waiting, running = list(enumerate(works)), dict[int, int]()
    answers: dict[int, Ended] = {}
    while waiting or running:
        while waiting and len(running) < width:
            number, work = waiting.pop(0)
            running[start(work, folder / str(number))] = number
        pid, status = os.wait()
        number = running.pop(pid)
        answers[number] = read_answer(status, folder / str(number))
    return [answers[number] for number in range(len(works))]


def stop_here() -> None:
    """Stand still until somebody sends SIGCONT."""
    os.kill(os.getpid(), signal.SIGSTOP)
