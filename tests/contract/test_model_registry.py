"""What every model registry keeps to: one version a training, aliases exactly as told, reports replaced."""

import logging
import multiprocessing
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest

from tests.contract.conftest import KINDS, FindStores
from tests.fakes.model_registry import InMemoryModelRegistry
from tests.unit.coordination.boosters import INPUTS, make_rows, train_blender
from tradeops.bootstrap.model_registry import open_model_registry
from tradeops.coordination.boosted_blend import BoostedBlend
from tradeops.domain.errors import ConfigurationError, ExternalServiceError, LearningError, UnknownRecord
from tradeops.domain.models import ModelRef
from tradeops.ports.model_registry import MODEL_FILE, ModelRegistry, TrainingRun

OpenRegistry = Callable[[], ModelRegistry]
PEERS = 2


def make_run(identity: str = "a" * 64, **changes: object) -> TrainingRun:
    run = TrainingRun(
        identity=identity,
        model=ModelRef(f"blender/{identity}"),
        parameters={"rounds": "60", "learning_rate": "0.05"},
        metrics={"pinball": 0.1 + 0.2, "pinball_prior": 1e-7 / 3, "rows": 7240.0},
        fold_metrics={"fold_pinball": (0.3, 0.1, 0.2)},
        inputs=INPUTS.names,
        outputs=("q05", "q25", "q50", "q75", "q95"),
        tags={"data_version": "d" * 64, "bundle": "b" * 64},
        artifacts={MODEL_FILE: b'{"kind":"blender/1"}', "plots/losses.png": b"\x89PNG"},
    )
    return replace(run, **changes)


@dataclass(frozen=True)
class Place:
    """Where a registry has its rows and its files."""

    url: str
    artifacts: Path

    def open(self) -> ModelRegistry:
        return open_model_registry(self.url, self.artifacts)


def prepare_mlflow(url: str) -> None:
    """MLflow's tables, made once for all tests."""
    with TemporaryDirectory() as folder:
        open_model_registry(url, Path(folder)).prepare()


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, find_stores: FindStores, tmp_path: Path) -> Iterator[Place]:
    yield from _open_place(request.param, find_stores, tmp_path)


def _open_place(kind: str, find_stores: FindStores, folder: Path) -> Iterator[Place]:
    stores, kept = find_stores(kind)
    url = kept.copy(prepare_mlflow)
    yield Place(url, folder / "artifacts")
    stores.remove(url)


@pytest.fixture
def open_mlflow(place: Place) -> OpenRegistry:
    return place.open


@pytest.fixture(params=["memory", *KINDS])
def open_another(request: pytest.FixtureRequest, find_stores: FindStores, tmp_path: Path) -> Iterator[OpenRegistry]:
    """Opens the same registry once more, as another process would."""
    if request.param == "memory":
        fake = InMemoryModelRegistry()
        yield lambda: fake
        return
    for place in _open_place(request.param, find_stores, tmp_path):
        yield place.open


@pytest.fixture
def registry(open_another: OpenRegistry) -> ModelRegistry:
    return open_another()


class TestAnyRegistry:
    def test_an_empty_one_holds_nothing(self, registry: ModelRegistry) -> None:
        assert registry.find("a" * 64) is None
        assert registry.list_versions() == ()
        assert dict(registry.aliases()) == {}
        registry.set_aliases({})

    def test_a_training_is_found_as_it_was_registered(self, open_another: OpenRegistry) -> None:
        run = make_run()
        made = open_another().register(run)

        found = open_another().find(run.identity)

        assert found == made
        assert (made.version, made.model, made.identity) == (1, run.model, run.identity)
        assert dict(made.metrics) == dict(run.metrics)  # to the last bit
        assert open_another().find("b" * 64) is None

    def test_one_version_a_training_whatever_else_it_brings(self, registry: ModelRegistry) -> None:
        first = registry.register(make_run())
        again = registry.register(make_run(metrics={"pinball": 9.0}))
        second = registry.register(make_run("b" * 64))

        assert again == first
        assert second.version == 2
        assert registry.list_versions() == (first, second)

    def test_aliases_become_exactly_those_told(self, registry: ModelRegistry) -> None:
        for letter in "ab":
            registry.register(make_run(letter * 64))
        registry.set_aliases({"shadow": 1, "canary": 1})
        registry.set_aliases({"shadow": 2, "live": 1})
        registry.set_aliases({"shadow": 2, "live": 1})

        assert dict(registry.aliases()) == {"live": 1, "shadow": 2}
        registry.set_aliases({})
        assert dict(registry.aliases()) == {}

    def test_an_alias_of_no_version_is_refused_and_nothing_moves(self, registry: ModelRegistry) -> None:
        registry.register(make_run())
        registry.set_aliases({"shadow": 1})

        with pytest.raises(UnknownRecord):
            registry.set_aliases({"live": 2})

        assert dict(registry.aliases()) == {"shadow": 1}

    def test_a_training_without_its_model_is_refused(self, registry: ModelRegistry) -> None:
        with pytest.raises(LearningError, match=MODEL_FILE):
            registry.register(make_run(artifacts={}))
        assert registry.list_versions() == ()


class TestMlflow:
    def test_the_run_holds_what_a_person_looks_for(self, open_mlflow: OpenRegistry, place: Place) -> None:
        from mlflow import MlflowClient

        made = open_mlflow().register(make_run())

        client = MlflowClient(tracking_uri=place.url)
        run = client.get_run(made.run_id)
        assert run.info.status == "FINISHED"
        assert run.data.params == {"rounds": "60", "learning_rate": "0.05"}
        assert [m.value for m in client.get_metric_history(made.run_id, "fold_pinball")] == [0.3, 0.1, 0.2]
        assert [m.step for m in client.get_metric_history(made.run_id, "fold_pinball")] == [0, 1, 2]
        assert run.data.tags["bundle"] == "b" * 64
        assert run.info.artifact_uri.startswith((place.artifacts / "blender").as_uri())
        kept = {file.path for file in client.list_artifacts(made.run_id)}
        assert kept == {MODEL_FILE, "plots", "model"}

    def test_the_registered_model_predicts_what_ours_does(
        self,
        open_mlflow: OpenRegistry,
        place: Place,
        caplog: pytest.LogCaptureFixture,
        recwarn: pytest.WarningsRecorder,
    ) -> None:
        import mlflow
        import pandas as pd

        stored, rows = train_blender(), make_rows(5, 20, len(INPUTS.names))
        caplog.set_level(logging.INFO)
        registry = open_mlflow()
        registry.register(make_run(artifacts={MODEL_FILE: stored.encode()}))
        registry.set_aliases({"shadow": 1})
        assert [record.getMessage() for record in caplog.records if record.name.startswith("mlflow")] == []

        mlflow.set_tracking_uri(place.url)
        loaded = mlflow.pyfunc.load_model("models:/blender@shadow")
        said = loaded.predict(pd.DataFrame(rows, columns=list(INPUTS.names)))

        assert np.array_equal(said.to_numpy(), BoostedBlend(stored).predict(rows))
        assert list(said.columns) == ["q05", "q25", "q50", "q75", "q95"]
        assert loaded.metadata.signature.inputs.input_names() == list(INPUTS.names)
        assert [str(warning.message) for warning in recwarn if "mlflow" in str(warning.filename)] == []

    @pytest.mark.parametrize("step", ["_log_figures", "_log_files", "_open_model"])
    def test_an_interrupted_training_leaves_no_second_version(
        self, open_mlflow: OpenRegistry, place: Place, monkeypatch: pytest.MonkeyPatch, step: str
    ) -> None:
        from mlflow import MlflowClient

        registry = open_mlflow()
        with monkeypatch.context() as patched:
            patched.setattr(type(registry), step, _die)
            with pytest.raises(KeyboardInterrupt):
                registry.register(make_run())
        assert open_mlflow().list_versions() == ()

        made = open_mlflow().register(make_run())

        assert open_mlflow().list_versions() == (made,)
        client = MlflowClient(tracking_uri=place.url)
        experiment = client.get_experiment_by_name("blender")
        runs = client.search_runs([experiment.experiment_id])
        assert [run.info.run_id for run in runs] == [made.run_id]

    def test_two_processes_at_once_make_one_version(self, open_mlflow: OpenRegistry, place: Place) -> None:
        assert register_at_once(place, turns=True) == [1] * PEERS
        assert len(open_mlflow().list_versions()) == 1

    def test_mutant_processes_that_do_not_take_turns_make_two(self, open_mlflow: OpenRegistry, place: Place) -> None:
        open_mlflow().register(make_run("b" * 64))
        register_at_once(place, turns=False)
        assert len(open_mlflow().list_versions()) == 1 + PEERS

    def test_a_report_of_the_same_name_replaces_all_files(self, open_mlflow: OpenRegistry, place: Place) -> None:
        open_mlflow().log_report("live", {"report.html": b"old", "plots/equity.png": b"1"})
        open_mlflow().log_report("other", {"report.html": b"other"})
        open_mlflow().log_report("live", {"report.html": b"new"})

        kept = sorted(file.read_bytes() for file in (place.artifacts / "reports").rglob("*") if file.is_file())
        assert kept == [b"new", b"other"]

    def test_a_path_out_of_its_run_is_refused(self, open_mlflow: OpenRegistry) -> None:
        with pytest.raises(LearningError, match="inside"):
            open_mlflow().log_report("live", {"../../mlflow.db": b""})

    def test_a_database_that_is_none_is_told(self, tmp_path: Path) -> None:
        (tmp_path / "mlflow.db").write_bytes(b"not a database, but long enough to be looked at as one" * 100)
        with pytest.raises(ExternalServiceError, match="does not answer"):
            open_model_registry(f"sqlite:///{tmp_path}/mlflow.db", tmp_path / "artifacts").list_versions()

    def test_a_server_that_does_not_answer_is_told_at_once_and_without_its_password(self, tmp_path: Path) -> None:
        url = "postgresql+psycopg://who:hush@127.0.0.1:1/none"  # pragma: allowlist secret
        with pytest.raises(ExternalServiceError, match=r"127\.0\.0\.1:1/none") as failed:
            open_model_registry(url, tmp_path).list_versions()
        assert "hush" not in f"{failed.value!r} {failed.value.__cause__}"

    def test_an_unknown_address_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match="TRADEOPS_REGISTRY_URL"):
            open_model_registry("redis://here", tmp_path)


def register_at_once(place: Place, *, turns: bool) -> list[int]:
    """Versions that processes get which register the same training at the same moment."""
    context = multiprocessing.get_context("spawn")
    barrier, answers = context.Barrier(PEERS), context.Queue()
    processes = [context.Process(target=_register_behind, args=(place, turns, barrier, answers)) for _ in range(PEERS)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    return [answers.get() for _ in processes]


def _register_behind(place: Place, turns: bool, barrier: object, answers: object) -> None:
    registry = place.open()
    registry.list_versions()
    if not turns:
        _meet_before_looking(registry, barrier)
    barrier.wait()  # type: ignore[attr-defined]
    answers.put(registry.register(make_run()).version)  # type: ignore[attr-defined]


def _meet_before_looking(registry: ModelRegistry, barrier: object) -> None:
    """No lock, and nobody goes on before everybody has looked."""
    from contextlib import nullcontext

    kind, find = type(registry), type(registry).find
    looked = False

    def find_together(self: ModelRegistry, identity: str) -> object:
        nonlocal looked
        found = find(self, identity)
        if not looked:
            looked = True
            barrier.wait()  # type: ignore[attr-defined]
        return found

    kind._take_turn = lambda self: nullcontext()  # type: ignore[attr-defined]
    kind.find = find_together  # type: ignore[method-assign,assignment]


def _die(*_: object) -> None:
    raise KeyboardInterrupt
