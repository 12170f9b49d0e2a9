"""Kills a job at places round its ports, does it again, and compares what is kept with an undisturbed run's.

A job's own program warms up without opening anything and forks a child for each place; it writes what it
found as JSON, which the tests read.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from signal import SIGKILL
from typing import Any

from tests.conftest import ROOT
from tests.faults import children
from tests.faults.conftest import SCRATCH
from tests.faults.fail_points import Tripwire

WIDTH = 2
Found = dict[str, dict[str, Any]]
Look = Callable[[Path], Mapping[str, Any]]


@dataclass(frozen=True)
class Job:
    """Something that must be done once, wherever it is killed.

    Args:
        places: Where to kill it.
        work: Does it in a state folder, and reaches the places.
        look: What is kept in a state folder, by name.
        mutants: By name what puts a mistake into the product, and a place where a death shows it.
    """

    places: tuple[str, ...]
    work: Callable[[Path, Tripwire], object]
    look: Look
    mutants: Mapping[str, tuple[Callable[[], None], str]]


@dataclass
class CountedPlaces:
    """Numbers the calls of each kind."""

    wire: Tripwire
    calls: dict[str, int] = field(default_factory=dict)

    def around(self, kind: str) -> Any:
        self.calls[kind] = self.calls.get(kind, 0) + 1
        return self.wire.around(f"{kind} {self.calls[kind]}")


@dataclass(frozen=True)
class WatchedPort:
    """Some methods of a port are places; the others pass."""

    inner: Any
    kinds: Mapping[str, str]
    counted: CountedPlaces

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.inner, name)
        return partial(self._write, self.kinds[name], found) if name in self.kinds else found

    def _write(self, kind: str, method: Any, *args: Any, **named: Any) -> Any:
        with self.counted.around(kind):
            return method(*args, **named)


def kill_everywhere(job: Job, state: Path, folder: Path) -> None:
    """Try every place and mutant on copies of a prepared state folder; write `found.json`."""
    expected, passed = ask(partial(_run_undisturbed, job, state, folder / "undisturbed"), folder)
    works = [partial(_kill_and_go_on, job, state, folder, place, expected) for place in job.places]
    works += [partial(_kill_and_go_on, job, state, folder, name, expected) for name in job.mutants]
    ended = children.run_in_pool(works, folder / "answers", WIDTH)
    names = (*job.places, *job.mutants)
    found = {name: each.value or {"error": each.detail} for name, each in zip(names, ended, strict=True)}
    (folder / "found.json").write_text(json.dumps({**found, "places": passed}))


def ask(work: Callable[[], Any], folder: Path) -> Any:
    """The answer of a child that must end well."""
    ended = children.run(work, folder)
    if ended.signal or ended.error:
        raise RuntimeError(f"signal {ended.signal} {ended.detail}")
    return ended.value


def _run_undisturbed(job: Job, state: Path, folder: Path) -> tuple[Mapping[str, Any], dict[str, int]]:
    shutil.copytree(state, folder)
    wire = Tripwire()
    job.work(folder, wire)
    return job.look(folder), wire.reached


def _kill_and_go_on(job: Job, state: Path, folder: Path, name: str, expected: Mapping[str, Any]) -> dict[str, Any]:
    place, here = name, folder / name.replace(" ", "-") / "state"
    shutil.copytree(state, here)
    if name in job.mutants:
        mutate, place = job.mutants[name]
        mutate()
    killed = children.run(partial(job.work, here, Tripwire(place)), here.parent)
    again = children.run(partial(job.work, here, Tripwire("nowhere")), here.parent)
    looked = children.run(partial(job.look, here), here.parent)
    shutil.rmtree(here)
    kept = looked.value or {}
    return {
        "killed": killed.signal == SIGKILL,
        "error": killed.detail + again.detail + looked.detail,
        "faults": [key for key, value in expected.items() if kept.get(key) != value],
    }


def run_program(module: str) -> Found:
    """What a job's program found, run as a process that does nothing else."""
    folder = tempfile.mkdtemp(prefix="tradeops-jobs-", dir=SCRATCH)
    try:
        subprocess.run([sys.executable, "-m", module, folder], cwd=ROOT, check=True)
        found: Found = json.loads((Path(folder) / "found.json").read_text())
        return found
    finally:
        shutil.rmtree(folder)
