"""What a training said of a model is found among the entries of the promotion ledger."""

from dataclasses import replace

from tests.fakes.value_store import InMemoryValueStore
from tests.unit.services.test_promote_model import to_shadow
from tradeops.domain.canonical import encode_canonical
from tradeops.domain.models import PRIOR_BLEND
from tradeops.services.read_training import read_training
from tradeops.services.train_blender import EVIDENCE_KIND

METRICS = {"pinball": 0.0071, "pinball_prior": 0.0074}


def test_figures_are_those_of_the_models_own_training_and_no_other_evidence() -> None:
    values = InMemoryValueStore()
    training = values.put(encode_canonical({"kind": EVIDENCE_KIND, "identity": "t", "metrics": METRICS}))
    judged = values.put(encode_canonical({"kind": "promotion_evidence/1", "metrics": {"pinball": 9.0}}))
    entered = to_shadow()
    later = replace(entered, requested_by="judged", evidence=judged)
    entries = [later, replace(entered, evidence=training)]

    assert read_training(entered.model, entries, values) == METRICS
    assert read_training(PRIOR_BLEND, entries, values) == {}
    assert read_training(entered.model, [entered, later], values) == {}
