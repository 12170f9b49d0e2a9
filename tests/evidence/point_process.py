"""Kills works at fail points, in a process of its own.

`python -m tests.evidence.point_process 'SETTING OCCURRENCE PLACE'` repeats one kill and says what was found.
"""

import os
import pickle
import shutil
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.evidence.attempts import Setting
from tests.evidence.effects import Effects
from tests.evidence.kills import Outcome
from tests.evidence.point_requests import Answer, Request
from tests.evidence.points import Point, order_points, parse_point
from tests.evidence.works import WORKS
from tests.faults import children
from tests.faults.conftest import SCRATCH


def answer_request(request: Request, folder: Path) -> Answer:
    work = WORKS[request.work](folder)
    reached = {name: setting.reached for name, setting in work.settings.items()}
    most = sum(map(len, reached.values())) if request.most is None else request.most
    waiting = [point for point in order_points(reached, request.seed) if str(point) not in request.done]
    kills = {str(point): partial(work.settings[point.setting].kill, point) for point in waiting[:most]}
    mistakes = dict(work.mistakes) if request.mistakes else {}
    ended = _run_all([*kills.values(), *mistakes.values()], folder)
    return Answer(dict(zip(kills, ended, strict=False)), dict(zip(mistakes, ended[len(kills) :], strict=True)))


def _run_all(kills: list[Callable[[Path], Outcome]], folder: Path) -> list[Outcome]:
    works = [partial(_run_once, kill, folder / "kills" / str(number)) for number, kill in enumerate(kills)]
    ended = children.run_in_pool(works, folder / "answers", len(os.sched_getaffinity(0)))
    return [each.value if not each.error else Outcome([], [each.detail], Effects(), 0.0) for each in ended]


def _run_once(kill: Callable[[Path], Outcome], folder: Path) -> Outcome:
    try:
        return kill(folder / "state")
    finally:
        shutil.rmtree(folder)


def repeat_kill(point: Point) -> Outcome:
    work = point.setting.split("-")[0]
    folder = Path(tempfile.mkdtemp(prefix="tradeops-points-", dir=SCRATCH))
    try:
        setting: Setting = WORKS[work](folder).settings[point.setting]
        return _run_all([partial(setting.kill, point)], folder)[0]
    finally:
        shutil.rmtree(folder)


def main() -> int:
    if sys.argv[1:]:
        outcome = repeat_kill(parse_point(sys.argv[1]))
        sys.stdout.write(f"{outcome}\n")
        return 1 if outcome.faults or outcome.effects != Effects() or not outcome.landed else 0
    request, folder = pickle.loads(sys.stdin.buffer.read())  # noqa: S301 - who started this wrote it
    sys.stdout.buffer.write(pickle.dumps(answer_request(request, Path(folder))))
    return 0


if __name__ == "__main__":
    os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")
    sys.exit(main())
