"""Whether a model forecasts better than the incumbent: the evidence, and the rule that reads it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import numpy as np

from tradeops.domain.canonical import encode_canonical
from tradeops.domain.errors import LearningError
from tradeops.domain.forecasts import Forecasts
from tradeops.domain.identifiers import BookId, InstrumentId
from tradeops.domain.market import FloatArray
from tradeops.domain.models import ModelRef, ModelState
from tradeops.domain.policy import PromotionPolicy
from tradeops.learning.block_bootstrap import BlockBootstrap, Estimate
from tradeops.learning.forecast_statistics import pinball_loss


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionLoss:
    """One session that both models forecast and whose outcomes have matured.

    Args:
        session: Of both decisions.
        names: Instruments that both forecast and that traded at both opens.
        candidate: Pinball loss of the candidate, averaged over levels and names, as a return.
        incumbent: The same of the incumbent.
        intervened: A person, the kill switch or a broker's refusal changed what one of the books did.
    """

    session: date
    names: int
    candidate: float
    incumbent: float
    intervened: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What a request to promote rests on; every figure can be recomputed from `losses`.

    Args:
        model: The candidate.
        version: Its version in the registry.
        state: Where it stands.
        book_id: Its paper account.
        opens_on: First session of that account.
        incumbent: The model that acts live.
        incumbent_book: The live account.
        losses: Evaluated sessions, ascending.
        difference: Mean of candidate − incumbent with its interval; None below one block of sessions.
        undisturbed: Mean difference over the sessions that nobody intervened in; None without any.
        block: Sessions a block of the bootstrap.
        level: Of the interval.
        profit: Net profit of the candidate's book over the evaluated sessions, USD; for information.
        incumbent_profit: The same of the live book.
    """

    model: ModelRef
    version: int
    state: ModelState
    book_id: BookId
    opens_on: date
    incumbent: ModelRef
    incumbent_book: BookId
    losses: tuple[SessionLoss, ...]
    difference: Estimate | None
    undisturbed: float | None
    block: int
    level: float
    profit: Decimal
    incumbent_profit: Decimal

    @property
    def sessions(self) -> int:
        """Evaluated sessions."""
        return len(self.losses)

    @property
    def last_session(self) -> date:
        """The newest evaluated session; before the first, the day the account opens."""
        return self.losses[-1].session if self.losses else self.opens_on

    @property
    def interventions(self) -> int:
        """Evaluated sessions that somebody intervened in."""
        return sum(loss.intervened for loss in self.losses)

    @property
    def canonical_bytes(self) -> bytes:
        """What is stored under its hash."""
        return encode_canonical(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """What the promotion rule says of evidence, and why, in words."""

    allowed: bool
    reason: str


def compare_forecasts(
    candidate: Forecasts, incumbent: Forecasts, returns: Mapping[InstrumentId, float]
) -> tuple[int, float, float] | None:
    """Names that both forecast and that have an outcome, with the mean loss of each; None without any."""
    names = sorted(set(candidate.instruments) & set(incumbent.instruments) & set(returns))
    if not names:
        return None
    outcome = np.array([returns[name] for name in names])
    losses = [float(pinball_loss(_pick(one, names), outcome).mean()) for one in (candidate, incumbent)]
    return len(names), losses[0], losses[1]


def estimate_difference(losses: Sequence[SessionLoss], policy: PromotionPolicy, *, seed: str) -> Estimate | None:
    """Mean of candidate − incumbent with its block-bootstrap interval; None below one block.

    Args:
        losses: Ascending by session.
        policy: Block and level.
        seed: Names the draws.
    """
    if len(losses) < policy.block:
        return None
    bootstrap = BlockBootstrap(seed=seed, block=policy.block, level=policy.level)
    return bootstrap.estimate(_differences(losses), lambda series: series.mean(axis=-1))


def mean_undisturbed(losses: Sequence[SessionLoss]) -> float | None:
    """Mean difference over the sessions that nobody intervened in."""
    own = [loss for loss in losses if not loss.intervened]
    return float(_differences(own).mean()) if own else None


def judge_evidence(evidence: Evidence, policy: PromotionPolicy) -> Ruling:
    """The promotion rule, first version: a shadow must be better, a canary must not be worse.

    Raises:
        LearningError: The model stands neither in shadow nor in canary.
    """
    if evidence.state not in (ModelState.SHADOW, ModelState.CANARY):
        raise LearningError(f"{evidence.model} stands at {evidence.state}; only a shadow or a canary is judged")
    is_shadow = evidence.state is ModelState.SHADOW
    needed = policy.shadow_sessions if is_shadow else policy.canary_sessions
    if evidence.sessions < needed or evidence.difference is None:
        return Ruling(
            allowed=False,
            reason=f"{evidence.sessions} evaluated sessions; a {evidence.state} needs {max(needed, policy.block)}",
        )
    return _judge_better(evidence.difference) if is_shadow else _judge_not_worse(evidence.difference)


def describe_estimate(found: Estimate) -> str:
    """A difference of losses with its interval."""
    return f"{found.value:+.6f} [{found.low:+.6f}, {found.high:+.6f}]"


def _judge_better(found: Estimate) -> Ruling:
    allowed = found.value < 0 and found.high < 0
    place = "lies below 0" if allowed else "does not lie below 0 with its whole interval"
    return Ruling(allowed=allowed, reason=f"pinball difference to the incumbent {describe_estimate(found)} {place}")


def _judge_not_worse(found: Estimate) -> Ruling:
    allowed = not found.low > 0
    place = "is not worse" if allowed else "lies above 0: worse"
    return Ruling(allowed=allowed, reason=f"pinball difference to the incumbent {describe_estimate(found)} {place}")


def _differences(losses: Sequence[SessionLoss]) -> FloatArray:
    return np.array([loss.candidate - loss.incumbent for loss in losses], dtype=np.float64)


def _pick(forecasts: Forecasts, names: Sequence[InstrumentId]) -> FloatArray:
    return forecasts.quantiles[[forecasts.instruments.index(name) for name in names]]
