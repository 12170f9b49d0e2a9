"""Trainings as MLflow runs, their models as versions of one registered model, aliases, and reports."""

import fcntl
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from tradeops.adapters.model_registry_mlflow.client import open_client, translate_errors
from tradeops.adapters.model_registry_mlflow.training_files import MODEL_FOLDER, write_files, write_model
from tradeops.adapters.postgres import SCHEME, connect_once, hold_turn
from tradeops.domain.errors import UnknownRecord
from tradeops.domain.models import ModelRef
from tradeops.ports.model_registry import RegisteredModel, TrainingRun

if TYPE_CHECKING:
    from mlflow import MlflowClient

POSTGRES = f"{SCHEME}:"
REGISTERED = "blender"
TRAININGS, REPORTS = "blender", "reports"
_IDENTITY, _MODEL, _METRICS, _REPORT = "identity", "model_ref", "metrics", "report"


class MlflowRegistry:
    """`ModelRegistry` on MLflow; one object serves one thread of one process, opened after a fork.

    Writers take turns: on PostgreSQL by a lock of the database, on all hosts; else by a lock file
    among the artifacts, on one host. MLflow keeps its own pool of connections for the address
    until the process ends.

    Args:
        url: Tracking and registry store: `sqlite:///…`, `postgresql+psycopg://…` (a database of its
            own: MLflow's tables have a version table of the name that the ledger's has), or
            `http://…` of a server on this host.
        artifacts: Folder of the runs' files.
    """

    def __init__(self, url: str, artifacts: Path) -> None:
        self._url, self._artifacts = url, artifacts

    def find(self, identity: str) -> RegisteredModel | None:
        """The version that a training made."""
        return next((one for one in self.list_versions() if one.identity == identity), None)

    def register(self, run: TrainingRun) -> RegisteredModel:
        """Log a training and register its model.

        A version is made last and in one transaction with its identity; what an interrupted attempt
        left behind before that is thrown away by the next one.

        Raises:
            LearningError: The training brings no model.
            ExternalServiceError: The registry failed.
        """
        with self._take_turn():
            known = self.find(run.identity)
            if known is None:
                self._register(run)
                known = self.find(run.identity)
        if known is None:
            raise UnknownRecord(f"{self._url} forgot training {run.identity} at once")
        return known

    def list_versions(self) -> tuple[RegisteredModel, ...]:
        """All versions, ascending."""
        with translate_errors(self._url):
            found = self._client.search_model_versions(f"name='{REGISTERED}'")
        return tuple(sorted((_read_version(one) for one in found), key=lambda one: one.version))

    def aliases(self) -> Mapping[str, int]:
        """Version by alias."""
        with translate_errors(self._url):
            models = self._client.search_registered_models(f"name='{REGISTERED}'")
        return {alias: int(version) for model in models for alias, version in sorted(model.aliases.items())}

    def set_aliases(self, aliases: Mapping[str, int]) -> None:
        """Make the aliases exactly these.

        Raises:
            UnknownRecord: There is no such version; nothing is changed.
        """
        with self._take_turn():
            unknown = set(aliases.values()) - {one.version for one in self.list_versions()}
            if unknown:
                raise UnknownRecord(f"{REGISTERED} has no version {', '.join(map(str, sorted(unknown)))}")
            found = self.aliases()
            with translate_errors(self._url):
                for alias in sorted(set(found) - set(aliases)):
                    self._client.delete_registered_model_alias(REGISTERED, alias)
                for alias, version in sorted(aliases.items()):
                    if found.get(alias) != version:
                        self._client.set_registered_model_alias(REGISTERED, alias, str(version))

    def log_report(self, name: str, files: Mapping[str, bytes]) -> None:
        """Keep the files of a report under a name; the same name again replaces them."""
        with self._take_turn(), translate_errors(self._url):
            experiment = self._open_experiment(REPORTS)
            runs = self._client.search_runs([experiment], f"tags.{_REPORT} = '{name}'")
            run = runs[0] if runs else self._client.create_run(experiment, tags={_REPORT: name}, run_name=name)
            self._replace_files(run.info.run_id, files)
            self._client.set_terminated(run.info.run_id)

    @cached_property
    def _client(self) -> "MlflowClient":
        if self._url.startswith(POSTGRES):
            connect_once(self._url)  # MLflow itself would try for an hour
        return open_client(self._url)

    def _register(self, run: TrainingRun) -> None:
        with translate_errors(self._url):
            experiment = self._open_experiment(TRAININGS)
            for left in self._client.search_runs([experiment], f"tags.{_IDENTITY} = '{run.identity}'"):
                self._client.delete_run(left.info.run_id)
            tags = {**run.tags, _IDENTITY: run.identity, _MODEL: run.model}
            logged = self._client.create_run(experiment, tags=tags, run_name=f"train {run.identity[:12]}")
            self._log_figures(logged.info.run_id, run)
            self._log_files(logged.info.run_id, run)
            self._client.set_terminated(logged.info.run_id)
            self._open_model()
            self._client.create_model_version(
                REGISTERED,
                source=f"{logged.info.artifact_uri}/{MODEL_FOLDER}",
                run_id=logged.info.run_id,
                tags={_IDENTITY: run.identity, _MODEL: run.model, _METRICS: json.dumps(dict(run.metrics))},
            )

    def _log_figures(self, run_id: str, run: TrainingRun) -> None:
        from mlflow.entities import Metric, Param  # noqa: PLC0415 - takes seconds

        now = int(1000 * time.time())
        metrics = [Metric(name, value, now, 0) for name, value in run.metrics.items()]
        metrics += [
            Metric(name, value, now, step)
            for name, values in run.fold_metrics.items()
            for step, value in enumerate(values)
        ]
        params = [Param(name, value) for name, value in run.parameters.items()]
        self._client.log_batch(run_id, metrics=metrics, params=params)

    def _log_files(self, run_id: str, run: TrainingRun) -> None:
        with TemporaryDirectory() as folder:
            write_files(Path(folder), run.artifacts)
            write_model(Path(folder), run)
            self._client.log_artifacts(run_id, folder)

    def _replace_files(self, run_id: str, files: Mapping[str, bytes]) -> None:
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository  # noqa: PLC0415

        repository = get_artifact_repository(self._client.get_run(run_id).info.artifact_uri)
        for old in repository.list_artifacts():
            repository.delete_artifacts(old.path)  # type: ignore[no-untyped-call]
        with TemporaryDirectory() as folder:
            write_files(Path(folder), files)
            self._client.log_artifacts(run_id, folder)

    def _open_experiment(self, name: str) -> str:
        found = self._client.get_experiment_by_name(name)
        if found is not None:
            return str(found.experiment_id)
        return str(self._client.create_experiment(name, artifact_location=(self._artifacts / name).resolve().as_uri()))

    def _open_model(self) -> None:
        if not self._client.search_registered_models(f"name='{REGISTERED}'"):
            self._client.create_registered_model(REGISTERED)

    def prepare(self) -> None:
        """Make or look at the tables, one process at a time, so that nobody meets them half made."""
        with self._take_turn():
            self.list_versions()

    @contextmanager
    def _take_turn(self) -> Iterator[None]:
        if self._url.startswith(POSTGRES):
            with hold_turn(self._url, "model registry"):
                yield
            return
        self._artifacts.mkdir(parents=True, exist_ok=True)
        with (self._artifacts / ".lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _read_version(found: Any) -> RegisteredModel:
    return RegisteredModel(
        version=int(found.version),
        model=ModelRef(found.tags[_MODEL]),
        identity=found.tags[_IDENTITY],
        run_id=found.run_id,
        metrics=json.loads(found.tags[_METRICS]),
    )
