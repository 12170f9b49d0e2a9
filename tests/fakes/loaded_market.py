"""A state folder whose market is loaded: log, lake, features and the clock at 2013-02-27, ready to be copied.

Made by `python -m tests.fakes.loaded_market FOLDER`, once for a state of the source: all tests and
processes share it. The process that copies uses neither lake nor log, so it may fork afterwards.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from datetime import date
from functools import cache
from pathlib import Path

from tests.conftest import ROOT
from tradeops.settings import Settings, make_child_environment

UNTIL = date(2013, 2, 27)
REQUEST = "loaded_market"
KEPT = 2


def copy_loaded_market(state_dir: Path) -> None:
    """Make a new state folder with the bundled history loaded until `UNTIL` and its features built."""
    shelf = Path(tempfile.gettempdir()) / f"tradeops-loaded-market-{os.getuid()}"
    shelf.mkdir(exist_ok=True)
    prepared = shelf / _hash_source()
    with (shelf / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not prepared.is_dir():
            _prepare(prepared)
        os.utime(prepared)
        _drop_old(shelf)
        shutil.copytree(prepared, state_dir, dirs_exist_ok=True)


def _prepare(prepared: Path) -> None:
    with tempfile.TemporaryDirectory(dir=prepared.parent) as folder:
        state = Path(folder) / "state"
        environment = make_child_environment(Settings(state_dir=state), {"PYTHONPATH": str(ROOT)})
        subprocess.run([sys.executable, "-m", __name__, str(state)], env=environment, cwd=ROOT, check=True)
        state.rename(prepared)


def _drop_old(shelf: Path) -> None:
    made = sorted((path for path in shelf.iterdir() if path.is_dir()), key=lambda path: path.stat().st_mtime)
    for path in made[:-KEPT]:
        shutil.rmtree(path)


@cache
def _hash_source() -> str:
    files = sorted((ROOT / "include").rglob("*.py")) + sorted((ROOT / "include").rglob("*.toml"))
    digest = hashlib.sha256(sys.version.encode())
    for path in [*files, Path(__file__), ROOT / "requirements-dev.lock"]:
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def _main(state: Path) -> None:
    from tradeops.bootstrap.runtime import open_runtime

    with open_runtime(Settings(state_dir=state)) as runtime:
        runtime.backfill_history(UNTIL, requested_by=REQUEST)
        runtime.build_features()


if __name__ == "__main__":
    _main(Path(sys.argv[1]))
