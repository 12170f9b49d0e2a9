"""Models that blend opinions, and the stages they go through."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import NewType

from tradeops.domain.errors import IllegalTransition
from tradeops.domain.identifiers import BookId, Stage, ValueRef
from tradeops.domain.lifecycle import advance

ModelRef = NewType("ModelRef", str)

PRIOR_BLEND = ModelRef("prior_blend/1")
BLENDER = "blender/"


def name_blender(stored: ValueRef) -> ModelRef:
    """The reference of a trained blender: the hash of its stored bytes."""
    return ModelRef(BLENDER + stored)


class ModelState(StrEnum):
    """Where a model stands."""

    CANDIDATE = "candidate"
    SHADOW = "shadow"
    CANARY = "canary"
    LIVE = "live"
    RETIRED = "retired"


MODEL_STEPS: Mapping[ModelState, frozenset[ModelState]] = {
    ModelState.CANDIDATE: frozenset({ModelState.SHADOW}),
    ModelState.SHADOW: frozenset({ModelState.CANARY, ModelState.RETIRED}),
    ModelState.CANARY: frozenset({ModelState.LIVE, ModelState.SHADOW, ModelState.RETIRED}),
    ModelState.LIVE: frozenset({ModelState.RETIRED}),
    ModelState.RETIRED: frozenset({ModelState.LIVE}),  # a rollback brings the previous one back
}


class Verdict(StrEnum):
    """What became of a request to promote."""

    PROMOTED = "promoted"
    STAYED = "stayed"
    REJECTED = "rejected"
    ROLLED_BACK = "rolled_back"


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """One entry of the promotion ledger.

    Args:
        requested_by: Who or which run asked; one entry each.
        model: Which model.
        version: Its version in the registry; 0 for the prior blend.
        before: Where it stood.
        after: Where it stands now; `before` when it stayed or was rejected.
        verdict: What was decided.
        session: Last session that the evidence holds.
        evidence: Stored evidence by hash; None where the rule asks for none.
        approver: Who approved or rejected; `rule` where nobody is asked.
        previous_live: The model that acted live before this entry: where a rollback leads.
        book_id: The paper account that it got, on entering shadow or canary.
        opens_on: First session of that account.
        reason: In words: what the rule or the person said.
    """

    requested_by: str
    model: ModelRef
    version: int
    before: ModelState
    after: ModelState
    verdict: Verdict
    session: date
    evidence: ValueRef | None
    approver: str
    previous_live: ModelRef
    book_id: BookId | None = None
    opens_on: date | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StagedModel:
    """A model that decides on a paper account of its own."""

    model: ModelRef
    version: int
    state: ModelState
    book_id: BookId
    opens_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelStanding:
    """Who stands where, read from the promotion ledger.

    Args:
        live: The model that acts on the live account.
        live_version: Its registry version; 0 for the prior blend.
        staged: Models in shadow or canary, in the order they entered.
        states: State of every model that was ever registered.
    """

    live: ModelRef
    live_version: int
    staged: tuple[StagedModel, ...]
    states: Mapping[ModelRef, ModelState]


def read_standing(promotions: Iterable[Promotion]) -> ModelStanding:
    """Fold the entries, oldest first."""
    live, live_version = PRIOR_BLEND, 0
    states: dict[ModelRef, ModelState] = {PRIOR_BLEND: ModelState.LIVE}
    staged: dict[ModelRef, StagedModel] = {}
    for entry in promotions:
        if entry.before is entry.after:
            continue
        states[entry.model] = entry.after
        staged.pop(entry.model, None)
        if entry.after is ModelState.LIVE:
            if live != entry.model:
                states[live] = ModelState.RETIRED
            live, live_version = entry.model, entry.version
        elif entry.book_id is not None and entry.opens_on is not None:
            staged[entry.model] = StagedModel(
                model=entry.model,
                version=entry.version,
                state=entry.after,
                book_id=entry.book_id,
                opens_on=entry.opens_on,
            )
    return ModelStanding(live=live, live_version=live_version, staged=tuple(staged.values()), states=states)


def check_promotion(promotion: Promotion, recorded: Iterable[Promotion]) -> None:
    """Whether an entry may follow those recorded, oldest first.

    Raises:
        IllegalTransition: The model does not stand at `before`, there is no such step, nobody would
            act live after it, or another model acts live than the entry says.
    """
    standing = read_standing(recorded)
    stands = standing.states.get(promotion.model, ModelState.CANDIDATE)
    if stands is not promotion.before:
        raise IllegalTransition(
            f"{promotion.model} stands at {stands}, not at {promotion.before}; read the standing again",
            model=promotion.model,
            stands=stands,
        )
    if promotion.before is promotion.after:
        return
    advance(MODEL_STEPS, promotion.before, promotion.after)
    if promotion.before is ModelState.LIVE:
        raise IllegalTransition(
            f"{promotion.model} acts live and retires only when another goes live; roll back instead",
            model=promotion.model,
        )
    if promotion.after is ModelState.LIVE and promotion.previous_live != standing.live:
        raise IllegalTransition(
            f"{standing.live} acts live, not {promotion.previous_live}; read the standing again", live=standing.live
        )


def open_stage_book(stage: Stage, version: int, *, generation: int = 1) -> BookId:
    """The paper account of a model version at a stage; a later entry into the same stage is another generation."""
    suffix = "" if generation == 1 else f"_{generation}"
    return BookId(account=stage.value, stage=stage, run=f"blender_v{version}{suffix}")
