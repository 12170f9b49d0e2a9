"""Runs trials in a process of its own: `python -m tests.evidence.kill_process FOLDER < trials > outcomes`."""

import os
import pickle
import shutil
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from statistics import median

from tests.conftest import ROOT
from tests.evidence.effects import Effects
from tests.evidence.kills import DURABILITIES, Outcome, Span, Trial, measure_span, run_trial
from tests.faults import children
from tests.faults.cases import Prepared
from tests.faults.conftest import SCRATCH
from tests.faults.installation import warm
from tests.faults.suite import WIDTH, prepare

SPANS = 6  # undisturbed runs measured in each durability


def run_trials(trials: list[Trial]) -> list[Outcome]:
    """Outcomes in the order of the trials, from a fresh process that does nothing else."""
    folder = Path(tempfile.mkdtemp(prefix="tradeops-kills-", dir=SCRATCH))
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tests.evidence.kill_process", str(folder)]
    try:
        done = subprocess.run(
            command, input=pickle.dumps(trials), stdout=subprocess.PIPE, env=environment, cwd=ROOT, check=True
        )
    finally:
        shutil.rmtree(folder)
    outcomes: list[Outcome] = pickle.loads(done.stdout)  # noqa: S301 - our own process wrote it
    return outcomes


def measure_spans(prepared: Prepared, folder: Path, width: int) -> dict[str, Span]:
    """Of undisturbed runs as busy as the machine will be; a busy one may renew a claim, which is a place more."""
    spans = {}
    for durability in DURABILITIES:
        works = [partial(measure_span, durability, prepared, folder)] * SPANS
        ended = children.run_in_pool(works, folder / "spans", width)
        if failed := [end.detail for end in ended if end.error]:
            raise RuntimeError(failed[0])
        found = [end.value for end in ended]
        spans[durability] = Span(median(span.seconds for span in found), min(span.places for span in found))
    return spans


def answer_trials(trials: list[Trial], folder: Path) -> list[Outcome]:
    width = min(WIDTH, len(os.sched_getaffinity(0)))
    warm()
    prepared = prepare(folder)
    spans = measure_spans(prepared, folder, width)
    works = [partial(run_trial, trial, prepared, spans[trial.durability], folder) for trial in trials]
    ended = children.run_in_pool(works, folder / "answers", width)
    return [e.value if not e.error else Outcome([], [e.detail], Effects(), 0.0) for e in ended]


def main() -> None:
    trials: list[Trial] = pickle.loads(sys.stdin.buffer.read())  # noqa: S301 - who started this wrote it
    sys.stdout.buffer.write(pickle.dumps(answer_trials(trials, Path(sys.argv[1]))))


if __name__ == "__main__":
    main()
