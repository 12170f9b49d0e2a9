"""A model in shadow or canary beside live, over the sessions of its own account."""

from collections.abc import Sequence

from tradeops.domain.models import ModelStanding, StagedModel
from tradeops.domain.orders import Fill
from tradeops.domain.settlements import Settlement
from tradeops.learning.block_bootstrap import BlockBootstrap
from tradeops.learning.promotion_evidence import Evidence, judge_evidence
from tradeops.services.evaluate_model import ModelEvaluator
from tradeops.services.measure_performance import BookHistory, Performance, describe_history
from tradeops.services.read_training import read_training
from tradeops.services.report.figures import StagedFigures
from tradeops.services.report.sources import ReportSources


def compare_staged(
    sources: ReportSources,
    standing: ModelStanding,
    staged: StagedModel,
    live: Sequence[Settlement],
    bootstrap: BlockBootstrap,
) -> StagedFigures:
    """Measure a staged model's book and live's over the same sessions, and their forecasts.

    Args:
        sources: The ports.
        standing: Who acts live.
        staged: The model.
        live: Settlements of the live book.
        bootstrap: Resamples sessions.
    """
    own = list(sources.ledger.list_settlements(staged.book_id))
    evaluator = ModelEvaluator(
        ledger=sources.ledger,
        values=sources.values,
        source=sources.source,
        calendar=sources.calendar,
        policy=sources.policy,
    )
    evidence = evaluator.gather_evidence(staged, incumbent=standing.live)
    beside = [one for one in live if own and own[0].session <= one.session <= own[-1].session]
    return StagedFigures(
        model=staged.model,
        version=staged.version,
        state=staged.state,
        book_id=staged.book_id,
        opens_on=staged.opens_on,
        sessions=len(own),
        performance=_measure(sources, own, bootstrap),
        live=_measure(sources, beside, bootstrap),
        evaluated=evidence.sessions,
        pinball=_mean(evidence, [loss.candidate for loss in evidence.losses]),
        live_pinball=_mean(evidence, [loss.incumbent for loss in evidence.losses]),
        difference=evidence.difference,
        ruling=judge_evidence(evidence, sources.policy.promotion).reason,
        training=read_training(staged.model, sources.ledger.list_promotions(), sources.values),
    )


def _measure(
    sources: ReportSources, settlements: Sequence[Settlement], bootstrap: BlockBootstrap
) -> Performance | None:
    if len(settlements) <= bootstrap.block:
        return None
    fills: list[Fill] = [fill for settlement in settlements[1:] for fill in settlement.fills]
    history = BookHistory(
        equities=[one.equity for one in settlements],
        fills=fills,
        opens=[sources.read_open(fill) for fill in fills],
    )
    return describe_history(history, bootstrap)


def _mean(evidence: Evidence, losses: Sequence[float]) -> float | None:
    return sum(losses) / evidence.sessions if evidence.sessions else None
