"""Kills processes that train the blender into a real ledger and registry.

`python -m tests.faults.kill_training FOLDER`
"""

import os
import sys
from contextlib import ExitStack
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.faults.fail_points import Tripwire, watch_adapters
from tests.faults.kill_jobs import CountedPlaces, Job, WatchedPort, ask, kill_everywhere
from tests.unit.services.training_market import POLICY, UNTIL, open_history
from tradeops.adapters.ledger_sqlalchemy import open_ledger
from tradeops.adapters.value_store_files import FileValueStore
from tradeops.bootstrap.model_registry import open_model_registry
from tradeops.domain.bundles import Bundle
from tradeops.domain.canonical import to_plain
from tradeops.domain.models import ModelRef
from tradeops.ports.model_registry import ModelRegistry
from tradeops.services import train_blender
from tradeops.services.train_blender import BlenderTrainer

# Numbers from numbers, and most of a training's time: done once for all children.
COMPUTED = ("gather_training_rows", "walk_forward", "fit_blender", "measure_importance", "draw_training")


def _around(*places: str) -> tuple[str, ...]:
    return tuple(f"{side} {place}" for place in places for side in ("before", "after"))


PLACES = (
    *_around("model value 1", "register 1", "model value 2", "promotion 1", "aliases 1"),
    # Inside the registration, before each commit.
    "within insert runs",
    "within insert registered_models",
    "within insert model_versions",
    "within insert model_version_tags",
    "within insert registered_model_aliases",
    "within insert entries",
)


def train(folder: Path, wire: Tripwire) -> None:
    counted = CountedPlaces(wire)
    with ExitStack() as stack:
        stack.enter_context(watch_adapters(wire))
        ledger = stack.enter_context(open_ledger(f"sqlite:///{folder}/ledger.db"))
        ports: dict[str, Any] = {
            "ledger": WatchedPort(ledger, {"record_promotion": "promotion"}, counted),
            "values": WatchedPort(FileValueStore(folder / "values"), {"put": "model value"}, counted),
            "registry": WatchedPort(
                _open_registry(folder), {"register": "register", "set_aliases": "aliases"}, counted
            ),
        }
        BlenderTrainer(**ports, make_bundle=_make_bundle).train(open_history(), UNTIL)


def look(folder: Path) -> dict[str, Any]:
    registry = _open_registry(folder)
    with open_ledger(f"sqlite:///{folder}/ledger.db") as ledger:
        ledger.verify_chains()
        return {
            "versions": [(each.version, each.model, each.identity) for each in registry.list_versions()],
            "runs": _count_runs(folder),
            "aliases": dict(registry.aliases()),
            "promotions": [to_plain(each) for each in ledger.list_promotions()],
            "values": sorted(path.name for path in (folder / "values").rglob("*") if path.name[0] != "."),
        }


def _count_runs(folder: Path) -> int:
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=f"sqlite:///{folder}/mlflow.db")
    found = client.get_experiment_by_name("blender")
    return len(client.search_runs([found.experiment_id])) if found else 0


def _open_registry(folder: Path) -> ModelRegistry:
    return open_model_registry(f"sqlite:///{folder}/mlflow.db", folder / "artifacts")


def _make_bundle(model: ModelRef) -> Bundle:
    return Bundle(model=model, prompt="none", policy=POLICY.version, feature_schema="f", code="c")


def name_by_process() -> None:
    """Every process believes that its training is another one."""
    identify = BlenderTrainer._identify
    BlenderTrainer._identify = lambda *given: f"{identify(*given)[:-8]}{os.getpid():08d}"


JOB = Job(
    places=PLACES,
    work=train,
    look=look,
    mutants={"name by process": (name_by_process, "after register 1")},
)


def main(folder: Path) -> None:
    import_module("mlflow.pyfunc")  # takes seconds and opens nothing
    state = folder / "prepared"
    state.mkdir()
    computed = ask(partial(_train_first, folder / "first"), folder)
    for name, value in computed.items():
        setattr(train_blender, name, partial(_give, value))
    ask(partial(_make_tables, state), folder)
    kill_everywhere(JOB, state, folder)


def _train_first(folder: Path) -> dict[str, Any]:
    """What the computations of a training return."""
    found: dict[str, Any] = {}

    def remember(name: str, compute: Any, *given: Any) -> Any:
        found[name] = compute(*given)
        return found[name]

    for name in COMPUTED:
        setattr(train_blender, name, partial(remember, name, getattr(train_blender, name)))
    folder.mkdir()
    train(folder, Tripwire("nowhere"))
    return found


def _give(value: Any, *_: Any) -> Any:
    return value


def _make_tables(state: Path) -> None:
    _open_registry(state).list_versions()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
