"""A training is done once, whatever is repeated and wherever it was killed."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from tests.fakes.ledger import InMemoryLedger
from tests.fakes.model_registry import InMemoryModelRegistry
from tests.fakes.value_store import InMemoryValueStore
from tests.unit.services.training_market import POLICY, UNTIL, calendar, open_history
from tradeops.coordination.blend_models import load_blend_model
from tradeops.coordination.boosted_blend import BoostedBlend
from tradeops.domain.bundles import Bundle
from tradeops.domain.identifiers import Stage
from tradeops.domain.models import PRIOR_BLEND, ModelRef, ModelState, read_standing
from tradeops.ports.model_registry import MODEL_FILE
from tradeops.services.train_blender import BlenderTrainer, TrainedBlender


@dataclass
class Installation:
    ledger: InMemoryLedger = field(default_factory=InMemoryLedger)
    values: InMemoryValueStore = field(default_factory=InMemoryValueStore)
    registry: InMemoryModelRegistry = field(default_factory=InMemoryModelRegistry)
    code: str = "c"

    def train(self) -> TrainedBlender:
        trainer = BlenderTrainer(
            ledger=self.ledger, values=self.values, registry=self.registry, make_bundle=self.make_bundle
        )
        return trainer.train(open_history(), UNTIL)

    def make_bundle(self, model: ModelRef) -> Bundle:
        return Bundle(model=model, prompt="none", policy=POLICY.version, feature_schema="f", code=self.code)

    def content(self) -> tuple[Any, ...]:
        """Everything that is kept, to be compared."""
        return (
            dict(self.values.values),
            self.registry.list_versions(),
            dict(self.registry.aliases()),
            self.ledger.list_promotions(),
        )


@pytest.fixture(scope="module")
def done() -> tuple[Installation, TrainedBlender]:
    here = Installation()
    return here, here.train()


def test_a_training_is_stored_registered_and_sent_into_shadow(done: tuple[Installation, TrainedBlender]) -> None:
    here, trained = done
    standing = read_standing(here.ledger.list_promotions())
    (shadow,) = standing.staged
    run = here.registry.runs[trained.identity]

    assert trained.is_new and trained.version == 1
    assert isinstance(load_blend_model(trained.model, here.values), BoostedBlend)
    assert (shadow.model, shadow.version, shadow.state) == (trained.model, 1, ModelState.SHADOW)
    assert shadow.book_id.stage is Stage.SHADOW
    assert shadow.opens_on == calendar().next_session(UNTIL)
    assert standing.live == PRIOR_BLEND
    assert dict(here.registry.aliases()) == {"shadow": 1}
    assert here.values.put(run.artifacts[MODEL_FILE]) == trained.model.removeprefix("blender/")


def test_the_run_says_what_it_was_made_from(done: tuple[Installation, TrainedBlender]) -> None:
    here, trained = done
    run = here.registry.runs[trained.identity]

    assert run.tags["bundle"] == here.make_bundle(trained.model).bundle_id
    assert run.tags["policy"] == POLICY.version and len(run.tags["data_version"]) == 64
    assert run.inputs[:4] == ("score_macro", "score_money_flows", "score_technical", "score_top_performers")
    assert run.outputs == ("q05", "q25", "q50", "q75", "q95")
    assert {name: len(values) for name, values in run.fold_metrics.items()} == dict.fromkeys(
        ("fold_pinball", "fold_pinball_prior", "fold_rows"), POLICY.training.folds
    )
    assert {"pinball", "pinball_prior", "pinball_difference_low", "pinball_difference_high"} <= set(run.metrics)
    pictures = [data for name, data in run.artifacts.items() if name.endswith(".png")]
    assert len(pictures) == 3 and all(data.startswith(b"\x89PNG") for data in pictures)


def test_repeating_it_changes_nothing(done: tuple[Installation, TrainedBlender]) -> None:
    here, trained = done
    before = here.content()

    again = here.train()

    assert again == replace(trained, is_new=False)
    assert here.content() == before


def kill_after(target: Any, name: str) -> Callable[[], None]:
    """The next call of a method does its work, and its caller dies; gives what heals it."""
    real = getattr(target, name)

    def die(*given: Any, **named: Any) -> Any:
        setattr(target, name, real)
        real(*given, **named)
        raise KeyboardInterrupt

    setattr(target, name, die)
    return lambda: setattr(target, name, real)


def kill_before(target: Any, name: str) -> Callable[[], None]:
    real = getattr(target, name)

    def die(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    setattr(target, name, die)
    return lambda: setattr(target, name, real)


@pytest.mark.parametrize("kill", [kill_before, kill_after])
@pytest.mark.parametrize(
    ("port", "name"),
    [("values", "put"), ("registry", "register"), ("ledger", "record_promotion"), ("registry", "set_aliases")],
)
def test_killed_anywhere_a_repetition_completes_it(
    done: tuple[Installation, TrainedBlender], port: str, name: str, kill: Callable[[Any, str], Callable[[], None]]
) -> None:
    whole, trained = done
    here = Installation()
    heal = kill(getattr(here, port), name)
    with pytest.raises(KeyboardInterrupt):
        here.train()
    heal()

    again = here.train()

    assert (again.model, again.version, again.identity) == (trained.model, trained.version, trained.identity)
    assert here.content() == whole.content()


def test_other_code_is_another_training_and_the_same_model_stands_where_it_stood(
    done: tuple[Installation, TrainedBlender],
) -> None:
    _, trained = done
    here = Installation()
    first = here.train()
    here.code = "d"
    second = here.train()

    assert second.identity != first.identity == trained.identity
    assert (second.version, second.model) == (2, first.model)
    assert len(here.ledger.list_promotions()) == 1
    assert dict(here.registry.aliases()) == {"shadow": 1}


def test_an_alias_moved_by_hand_is_put_back(done: tuple[Installation, TrainedBlender]) -> None:
    here, _ = done
    here.registry.set_aliases({"live": 1})
    here.train()
    assert dict(here.registry.aliases()) == {"shadow": 1}
