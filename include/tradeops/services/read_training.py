"""What a model's training said of it, from the promotion ledger and the stored evidence: no registry is asked."""

import json
from collections.abc import Iterable, Mapping

from tradeops.domain.models import ModelRef, Promotion
from tradeops.ports.value_store import ValueStore
from tradeops.services.train_blender import EVIDENCE_KIND


def read_training(model: ModelRef, promotions: Iterable[Promotion], values: ValueStore) -> Mapping[str, float]:
    """Figures of the purged folds by name; none for a model that came into shadow without a training of ours."""
    for entry in promotions:
        if entry.model == model and entry.evidence is not None:
            stored = json.loads(values.get(entry.evidence))
            if stored.get("kind") == EVIDENCE_KIND:
                return {name: float(value) for name, value in stored["metrics"].items()}
    return {}
