"""Trained models with their metrics and aliases, for people; the ledger says which of them acts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from tradeops.domain.models import ModelRef

# The artifact of a training that holds the stored model's bytes.
MODEL_FILE = "blender.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRun:
    """Everything about one training.

    Args:
        identity: SHA-256 over data version, policy, code and range: the same training has the same.
        model: Reference of the stored model.
        parameters: Of the training, by name.
        metrics: Figures by name.
        fold_metrics: Figures by name, one a fold in order.
        inputs: Names of the model's inputs, in order.
        outputs: Names of its outputs, in order.
        tags: Data version, bundle id and the like, by name.
        artifacts: Files by relative path: the model's text, plots, evidence.
    """

    identity: str
    model: ModelRef
    parameters: Mapping[str, str]
    metrics: Mapping[str, float]
    fold_metrics: Mapping[str, tuple[float, ...]]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    tags: Mapping[str, str]
    artifacts: Mapping[str, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredModel:
    """One version in the registry.

    Args:
        version: Its number, from 1.
        model: Reference of the stored model.
        identity: Of its training.
        run_id: The registry's own id of the training run.
        metrics: Its figures.
    """

    version: int
    model: ModelRef
    identity: str
    run_id: str
    metrics: Mapping[str, float]


class ModelRegistry(Protocol):
    """Versions and aliases of the blender."""

    def find(self, identity: str) -> RegisteredModel | None:
        """The version that a training made."""
        ...

    def register(self, run: TrainingRun) -> RegisteredModel:
        """Log a training and register its model; a training of the same identity gives the same version."""
        ...

    def list_versions(self) -> tuple[RegisteredModel, ...]:
        """All versions, ascending."""
        ...

    def aliases(self) -> Mapping[str, int]:
        """Version by alias."""
        ...

    def set_aliases(self, aliases: Mapping[str, int]) -> None:
        """Make the aliases exactly these: others are removed, right ones are left alone."""
        ...

    def log_report(self, name: str, files: Mapping[str, bytes]) -> None:
        """Keep the files of a report under a name; the same name again replaces them."""
        ...
