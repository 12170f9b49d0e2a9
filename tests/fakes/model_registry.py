"""A registry in memory."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tradeops.domain.errors import LearningError, UnknownRecord
from tradeops.ports.model_registry import MODEL_FILE, RegisteredModel, TrainingRun


@dataclass
class InMemoryModelRegistry:
    versions: list[RegisteredModel] = field(default_factory=list)
    runs: dict[str, TrainingRun] = field(default_factory=dict)
    moved: dict[str, int] = field(default_factory=dict)
    reports: dict[str, dict[str, bytes]] = field(default_factory=dict)

    def find(self, identity: str) -> RegisteredModel | None:
        return next((one for one in self.versions if one.identity == identity), None)

    def register(self, run: TrainingRun) -> RegisteredModel:
        if MODEL_FILE not in run.artifacts:
            raise LearningError(f"training {run.identity} has no artifact {MODEL_FILE}")
        known = self.find(run.identity)
        if known is None:
            known = RegisteredModel(
                version=len(self.versions) + 1,
                model=run.model,
                identity=run.identity,
                run_id=f"run-{run.identity}",
                metrics=dict(run.metrics),
            )
            self.versions.append(known)
            self.runs[run.identity] = run
        return known

    def list_versions(self) -> tuple[RegisteredModel, ...]:
        return tuple(self.versions)

    def aliases(self) -> Mapping[str, int]:
        return dict(sorted(self.moved.items()))

    def set_aliases(self, aliases: Mapping[str, int]) -> None:
        if not set(aliases.values()) <= {one.version for one in self.versions}:
            raise UnknownRecord("blender has no such version")
        self.moved = dict(aliases)

    def log_report(self, name: str, files: Mapping[str, bytes]) -> None:
        self.reports[name] = dict(files)
