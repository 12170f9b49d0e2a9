"""The blender learns what was planted, and claims nothing where nothing was."""

import dataclasses

import numpy as np
import pytest

from tests.unit.examples import base_policy, policy_with
from tests.unit.learning.markets import make_rows
from tradeops.coordination.boosted_blend import BoostedBlend
from tradeops.domain.errors import LearningError
from tradeops.domain.forecasts import QUANTILE_LEVELS
from tradeops.learning.evaluate_folds import (
    WalkForwardFigures,
    measure_walk_forward,
    name_metrics,
    predict_prior,
    walk_forward,
)
from tradeops.learning.forecast_statistics import pinball_loss
from tradeops.learning.train_quantiles import fit_blender, measure_importance
from tradeops.learning.training_rows import TrainingRows
from tradeops.learning.walk_forward import split_sessions

POLICY = policy_with(training={"folds": 4, "minimum_sessions": 300})
# Seeds of the null; fixed before they were looked at.
NULL_SEEDS = range(100, 112)


def judge(rows: TrainingRows) -> WalkForwardFigures:
    return measure_walk_forward(rows, walk_forward(rows, POLICY), POLICY)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_planted_effect_that_no_sum_finds_is_learnt(seed: int) -> None:
    found = judge(make_rows(seed, effect=0.5))

    assert found.model < found.prior
    assert found.difference.high < 0
    assert found.difference.value == pytest.approx(found.model - found.prior, rel=1e-9)


def test_nothing_planted_nothing_claimed() -> None:
    """12 markets without an effect: the model never beats the prior blend with its whole 95 % interval.

    With a true rate of 2.5 % one of 12 would by chance in a quarter of all draws; a model that fits noise is
    in truth a little worse than the prior, so that the rate is lower still.
    """
    claims = [judge(make_rows(seed, effect=0.0)).difference.high < 0 for seed in NULL_SEEDS]

    assert sum(claims) == 0, f"{sum(claims)} of {len(claims)} markets"


def test_mutant_a_model_tested_on_its_own_training_rows_claims_something() -> None:
    rows = make_rows(100, effect=0.0)
    honest = walk_forward(rows, POLICY)
    fitted = BoostedBlend(fit_blender(rows.columns, rows.inputs, rows.outcome, POLICY.training))
    cheating = dataclasses.replace(honest, model=fitted.predict(rows.inputs[honest.rows]))

    assert measure_walk_forward(rows, cheating, POLICY).difference.high < 0


def test_figures_are_those_of_the_rows() -> None:
    rows = make_rows(1, effect=0.5)
    tests = walk_forward(rows, POLICY)
    found = measure_walk_forward(rows, tests, POLICY)

    outcome, sigma = rows.outcome[tests.rows] * rows.sigma[tests.rows], rows.sigma[tests.rows]
    by_hand = [
        [max(level * (y - q), (level - 1) * (y - q)) for level, q in zip(QUANTILE_LEVELS, spread, strict=True)]
        for y, spread in zip(outcome, tests.model * sigma[:, None], strict=True)
    ]
    assert found.model == pytest.approx(np.mean(by_hand), rel=1e-12)
    assert found.model == pytest.approx(
        np.average([f.model for f in tests.folds], weights=[f.rows for f in tests.folds])
    )
    assert found.prior == pytest.approx(
        np.average([f.prior for f in tests.folds], weights=[f.rows for f in tests.folds])
    )
    assert name_metrics(found)["tested_rows"] == sum(fold.rows for fold in tests.folds) == len(tests.rows)
    assert len(set(tests.rows.tolist())) == len(tests.rows)


def test_pinball_loss_equals_the_reference_implementation() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    generator = np.random.default_rng(1)
    outcome, spread = generator.normal(size=200), np.sort(generator.normal(size=(200, 5)), axis=1)
    losses = [
        metrics.mean_pinball_loss(outcome, spread[:, at], alpha=level) for at, level in enumerate(QUANTILE_LEVELS)
    ]
    assert pinball_loss(spread, outcome).mean() == pytest.approx(np.mean(losses), rel=1e-12)


def test_the_prior_blend_learns_its_residuals_from_training_rows_alone() -> None:
    rows, fold = make_rows(1, effect=0.0), split_sessions(900, POLICY.training)[0]
    train, test = rows.find_rows(fold.train), rows.find_rows(fold.test)
    changed = rows.outcome.copy()
    changed[rows.session >= fold.train.stop] = 9.0
    later = dataclasses.replace(rows, outcome=changed)

    said = predict_prior(rows, train, test, POLICY)

    assert said.tobytes() == predict_prior(later, train, test, POLICY).tobytes()
    latest = (rows.outcome - 0.8 * rows.prior)[train][-POLICY.blend.residual_window :]
    expected = 0.8 * rows.prior[test][:, None] + np.quantile(latest, QUANTILE_LEVELS)
    np.testing.assert_allclose(said, expected, rtol=1e-12)


def test_what_follows_a_fold_changes_no_prediction_in_it() -> None:
    rows, folds = make_rows(1, effect=0.5), split_sessions(900, POLICY.training)
    changed = rows.outcome.copy()
    changed[rows.session >= folds[1].train.stop] *= -3.0
    ours, theirs = (walk_forward(r, POLICY) for r in (rows, dataclasses.replace(rows, outcome=changed)))
    count = ours.folds[0].rows + ours.folds[1].rows

    assert ours.model[:count].tobytes() == theirs.model[:count].tobytes()
    assert ours.model[count:].tobytes() != theirs.model[count:].tobytes()


def test_equal_rows_give_equal_text_and_another_seed_of_data_another() -> None:
    rows, other = make_rows(1, effect=0.5), make_rows(2, effect=0.5)
    first, again, different = (
        fit_blender(r.columns, r.inputs, r.outcome, base_policy().training) for r in (rows, rows, other)
    )

    assert first.encode() == again.encode()
    assert first.encode() != different.encode()


def test_importance_names_what_was_planted() -> None:
    rows = make_rows(1, effect=0.5)
    shares = measure_importance(fit_blender(rows.columns, rows.inputs, rows.outcome, base_policy().training))

    assert shares.sum() == pytest.approx(1.0)
    assert shares[1] + shares[2] > 0.7 > shares[0]


def test_a_blender_without_splits_has_no_importance() -> None:
    rows = make_rows(1, effect=0.5, sessions=30)
    training = policy_with(training={"smallest_leaf": 60}).training
    stump = fit_blender(rows.columns, np.zeros_like(rows.inputs), rows.outcome, training)
    assert measure_importance(stump).tolist() == [0.0, 0.0, 0.0]


def test_too_few_rows_are_told() -> None:
    rows = make_rows(1, effect=0.5, sessions=10)
    with pytest.raises(LearningError, match="too few"):
        fit_blender(rows.columns, rows.inputs, rows.outcome, base_policy().training)


class TestTrainingRows:
    def test_the_data_version_knows_every_number(self) -> None:
        rows = make_rows(1, effect=0.5, sessions=20)
        known = {rows.data_version}
        for name in ("inputs", "prior", "sigma", "outcome"):
            values = getattr(rows, name).copy()
            values.flat[-1] = np.nextafter(np.nan_to_num(values.flat[-1]), 9.0)
            known.add(dataclasses.replace(rows, **{name: values}).data_version)
        known.add(dataclasses.replace(rows, sessions=rows.sessions[::-1]).data_version)
        known.add(dataclasses.replace(rows, instruments=rows.instruments[::-1]).data_version)
        assert len(known) == 7
        assert rows.data_version == make_rows(1, effect=0.5, sessions=20).data_version

    def test_rows_that_do_not_fit_or_have_no_outcome_are_refused(self) -> None:
        rows = make_rows(1, effect=0.5, sessions=20)
        with pytest.raises(LearningError, match="do not fit"):
            dataclasses.replace(rows, inputs=rows.inputs[:, :2])
        for name, value in (("outcome", np.nan), ("prior", np.nan), ("sigma", 0.0)):
            values = getattr(rows, name).copy()
            values[3] = value
            with pytest.raises(LearningError, match="finite"):
                dataclasses.replace(rows, **{name: values})
