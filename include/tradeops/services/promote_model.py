"""Moves a model on through its stages: judged on evidence, one ledger entry a request."""

from dataclasses import dataclass
from datetime import date

from tradeops.domain.decoding import decode_canonical
from tradeops.domain.errors import CorruptInput, IllegalTransition, UnknownRecord
from tradeops.domain.identifiers import BookId, Stage, ValueRef
from tradeops.domain.models import (
    ModelRef,
    ModelStanding,
    ModelState,
    Promotion,
    StagedModel,
    Verdict,
    open_stage_book,
    read_standing,
)
from tradeops.domain.policy import PromotionPolicy
from tradeops.learning.promotion_evidence import Evidence, judge_evidence
from tradeops.ports.ledger import Promotions
from tradeops.ports.value_store import ValueStore
from tradeops.services.evaluate_model import ModelEvaluator

BY_RULE = "rule"
NOBODY = "nobody"


@dataclass(frozen=True, slots=True, kw_only=True)
class PromotionCase:
    """A request to promote, judged and not yet recorded.

    Args:
        model: The candidate.
        version: Its version in the registry.
        before: Where it stands.
        would_be: Where it goes if it goes on.
        allowed: Whether the rule lets it go on.
        reason: Why, in words.
        evidence: What the rule read.
        evidence_ref: Where that is stored.
        needs_approval: Whether a person has to agree, too.
    """

    model: ModelRef
    version: int
    before: ModelState
    would_be: ModelState
    allowed: bool
    reason: str
    evidence: Evidence
    evidence_ref: ValueRef
    needs_approval: bool


def choose_staged(standing: ModelStanding, version: int | None = None) -> StagedModel:
    """The staged model of a version; without one, the canary, else the shadow that entered first.

    Raises:
        UnknownRecord: No such model is staged.
    """
    if version and version == standing.live_version:
        raise UnknownRecord(f"v{version} acts live already; there is nothing to promote it to", version=version)
    staged = [one for one in standing.staged if version in (None, one.version)]
    if not staged:
        known = ", ".join(f"v{one.version} ({one.state})" for one in standing.staged) or "none; run train_blender first"
        asked = "no model" if version is None else f"no version {version}"
        raise UnknownRecord(f"{asked} is in shadow or canary; staged: {known}", version=version)
    return min(staged, key=lambda one: one.state is not ModelState.CANARY)


def evaluate_promotion(evaluator: ModelEvaluator, *, version: int | None = None) -> PromotionCase:
    """Gather evidence for a staged model, store it, and ask the rule.

    Args:
        evaluator: Reads both books.
        version: Which model; the one that is due when left out.

    Raises:
        UnknownRecord: No such model is staged.
    """
    standing = read_standing(evaluator.ledger.list_promotions())
    staged = choose_staged(standing, version)
    evidence = evaluator.gather_evidence(staged, incumbent=standing.live)
    return judge_case(evidence, evaluator.values.put(evidence.canonical_bytes), evaluator.policy.promotion)


def read_case(values: ValueStore, evidence_ref: ValueRef, policy: PromotionPolicy) -> PromotionCase:
    """A case made again from its stored evidence, so that nobody can apply what the rule did not say.

    Raises:
        CorruptInput: The stored bytes are no such evidence.
    """
    data = values.get(evidence_ref)
    evidence = decode_canonical(Evidence, data)
    if evidence.canonical_bytes != data:
        raise CorruptInput(f"value {evidence_ref} is no evidence of this version; evaluate the model again")
    return judge_case(evidence, evidence_ref, policy)


def judge_case(evidence: Evidence, evidence_ref: ValueRef, policy: PromotionPolicy) -> PromotionCase:
    """What the rule says of evidence: a pure function of both."""
    ruling = judge_evidence(evidence, policy)
    is_shadow = evidence.state is ModelState.SHADOW
    return PromotionCase(
        model=evidence.model,
        version=evidence.version,
        before=evidence.state,
        would_be=ModelState.CANARY if is_shadow else ModelState.LIVE,
        allowed=ruling.allowed,
        reason=ruling.reason,
        evidence=evidence,
        evidence_ref=evidence_ref,
        needs_approval=ruling.allowed and not is_shadow,
    )


def apply_promotion(  # noqa: PLR0913 - the answer and the request, by name
    ledger: Promotions, case: PromotionCase, *, approver: str, approved: bool, requested_by: str, opens_on: date
) -> Promotion:
    """Record what becomes of a request, in one entry; the same request again returns that entry.

    A canary gets a paper account of its own, flat, that opens on `opens_on`. Live follows the entry
    from its next decision on.

    Args:
        ledger: Where it is recorded.
        case: Judged.
        approver: Who answered, where a person is asked; `nobody` when no answer came in time.
        approved: The answer; not read where nobody is asked.
        requested_by: The run that asks.
        opens_on: First session of a canary's account.

    Raises:
        IllegalTransition: The model has moved since the case was judged, or another acts live.
    """
    known = ledger.find_promotion(requested_by, case.model)
    if known is not None:
        return known
    recorded = ledger.list_promotions()
    moves = case.allowed and (approved or not case.needs_approval)
    to_canary = moves and case.would_be is ModelState.CANARY
    live = read_standing(recorded).live
    if moves and live != case.evidence.incumbent:
        raise IllegalTransition(
            f"the evidence compares with {case.evidence.incumbent}, but {live} acts live now; evaluate again", live=live
        )
    entry = Promotion(
        requested_by=requested_by,
        model=case.model,
        version=case.version,
        before=case.before,
        after=case.would_be if moves else case.before,
        verdict=_name_verdict(case, moves),
        session=case.evidence.last_session,
        evidence=case.evidence_ref,
        approver=approver if case.needs_approval else BY_RULE,
        previous_live=live,
        book_id=_open_canary(recorded, case) if to_canary else None,
        opens_on=opens_on if to_canary else None,
        reason=_explain(case, moves, approver),
    )
    ledger.record_promotion(entry)
    return entry


def _name_verdict(case: PromotionCase, moves: bool) -> Verdict:
    if moves:
        return Verdict.PROMOTED
    return Verdict.REJECTED if case.allowed else Verdict.STAYED


def _explain(case: PromotionCase, moves: bool, approver: str) -> str:
    if moves or not case.allowed:
        return case.reason
    answer = "no answer in time" if approver == NOBODY else "answered no"
    return f"{answer}; the rule was met: {case.reason}"


def _open_canary(recorded: tuple[Promotion, ...], case: PromotionCase) -> BookId:
    earlier = sum(entry.model == case.model and entry.after is ModelState.CANARY for entry in recorded if entry.book_id)
    return open_stage_book(Stage.CANARY, case.version, generation=earlier + 1)
