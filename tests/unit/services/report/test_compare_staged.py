"""A staged model beside live: only over its own sessions, with the figures of the evidence and of its training."""

from dataclasses import replace

import pytest

from tests.unit.services.test_evaluate_model import DAYS, MODEL, OPENS, STAGED, Scene, scene
from tests.unit.services.test_promote_model import to_shadow
from tradeops.domain.canonical import encode_canonical
from tradeops.domain.identifiers import BookId
from tradeops.domain.models import read_standing
from tradeops.learning.block_bootstrap import BlockBootstrap
from tradeops.services.report.compare_staged import compare_staged
from tradeops.services.report.figures import StagedFigures
from tradeops.services.report.sources import ReportSources
from tradeops.services.train_blender import EVIDENCE_KIND

__all__ = ["scene"]
BOOTSTRAP = BlockBootstrap(seed="test", block=5)


def make_sources(scene: Scene) -> ReportSources:
    run = scene.live
    return ReportSources(
        ledger=run.ledger, values=run.values, source=run.source, calendar=run.calendar, policy=run.policy
    )


def enter_shadow(scene: Scene) -> None:
    evidence = scene.live.values.put(
        encode_canonical({"kind": EVIDENCE_KIND, "identity": "t", "metrics": {"pinball": 0.5}})
    )
    scene.live.ledger.record_promotion(
        replace(to_shadow(), evidence=evidence, book_id=STAGED.book_id, opens_on=DAYS[OPENS])
    )


def compare(scene: Scene) -> StagedFigures:
    ledger = scene.live.ledger
    standing = read_standing(ledger.list_promotions())
    (staged,) = standing.staged
    assert staged.model == MODEL
    return compare_staged(make_sources(scene), standing, staged, list(ledger.list_settlements(BookId())), BOOTSTRAP)


def test_live_is_measured_over_the_sessions_of_the_staged_account_alone(scene: Scene) -> None:
    enter_shadow(scene)
    scene.decide(scene.live, 0, "AB", "prior_blend/1", buys=True)  # in at row 1 for 10 each
    scene.until = 1
    scene.run(16)
    scene.load(30)
    found, ledger = compare(scene), scene.live.ledger
    beside = [ledger.find_settlement(BookId(), day) for day in DAYS[OPENS:16]]

    assert (found.version, found.sessions, found.opens_on) == (1, 13, DAYS[OPENS])
    assert found.performance is not None and found.live is not None
    assert found.performance.net_return == 0  # the shadow never bought
    assert beside[0] is not None and beside[-1] is not None
    assert found.live.net_return == pytest.approx(float(beside[-1].equity / beside[0].equity) - 1)
    assert found.live.net_return > 0  # 100 of A rose from 10 to 11 at row 9
    assert found.live.fills == 0  # bought before the staged account opened


def test_losses_are_means_of_the_evidence_and_training_is_told(scene: Scene) -> None:
    enter_shadow(scene)
    scene.run(6)
    scene.load(10)
    found = compare(scene)

    assert (found.evaluated, found.training) == (2, {"pinball": 0.5})
    assert (found.pinball, found.live_pinball) == (pytest.approx(0.025), pytest.approx(0.025))
    assert found.difference is not None and found.difference.value == pytest.approx(0.0)
    assert found.performance is None  # three sessions are fewer than a block


def test_before_any_outcome_there_is_no_loss_to_tell(scene: Scene) -> None:
    enter_shadow(scene)
    scene.run(5)

    assert (compare(scene).evaluated, compare(scene).pinball, compare(scene).live_pinball) == (0, None, None)
