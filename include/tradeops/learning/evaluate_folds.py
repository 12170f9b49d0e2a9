"""How well a blender forecasts what it was not trained on, beside the prior blend on the same rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np

from tradeops.coordination.boosted_blend import BoostedBlend
from tradeops.coordination.quantile_distribution import compute_probability_positive
from tradeops.domain.market import FloatArray
from tradeops.domain.policy import TradingPolicy
from tradeops.learning.block_bootstrap import BlockBootstrap, Estimate
from tradeops.learning.forecast_statistics import Reliability, measure_reliability, pinball_loss, sum_losses
from tradeops.learning.opinion_statistics import divide_sums
from tradeops.learning.residual_quantiles import PARAMETER_NAMES, extend_residuals, start_residual_quantiles
from tradeops.learning.train_quantiles import fit_blender
from tradeops.learning.training_rows import Positions, TrainingRows
from tradeops.learning.walk_forward import split_sessions


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldScore:
    """One test: its sessions, rows, and the mean pinball losses, as returns."""

    first: date
    last: date
    rows: int
    model: float
    prior: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WalkForward:
    """All tests together; Q rows were tested, once each.

    Args:
        folds: Oldest first.
        rows: (Q,) positions of the tested rows.
        model: (Q, 5) quantiles of the model that was trained before them, in deviations.
        prior: (Q, 5) those of the prior blend.
    """

    folds: tuple[FoldScore, ...]
    rows: Positions
    model: FloatArray
    prior: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WalkForwardFigures:
    """What the tests say.

    Args:
        model: Mean pinball loss over rows and levels, as a return.
        prior: That of the prior blend.
        difference: `model − prior` with its 95 % block-bootstrap interval; below 0 the model is better.
        reliability: Of the model's P(up).
    """

    model: float
    prior: float
    difference: Estimate
    reliability: Reliability


def walk_forward(rows: TrainingRows, policy: TradingPolicy) -> WalkForward:
    """Train on each fold's past and test on its future.

    The prior blend gets what it had by then, too: empirical residual quantiles of the latest
    `residual_window` training rows, normal ones below `residual_minimum`, as the live learner does.

    Raises:
        LearningError: There are too few sessions or rows.
    """
    folds = split_sessions(len(rows.sessions), policy.training)
    tests = [_test(rows, rows.find_rows(fold.train), rows.find_rows(fold.test), policy) for fold in folds]
    return WalkForward(
        folds=tuple(_score(rows, rows.find_rows(fold.test), *test) for fold, test in zip(folds, tests, strict=True)),
        rows=np.concatenate([rows.find_rows(fold.test) for fold in folds]),
        model=np.concatenate([model for model, _ in tests]),
        prior=np.concatenate([prior for _, prior in tests]),
    )


def measure_walk_forward(rows: TrainingRows, tests: WalkForward, policy: TradingPolicy) -> WalkForwardFigures:
    """Losses with the interval of their difference, and reliability, over sessions in blocks."""
    model, prior = (_losses(rows, tests.rows, spread) for spread in (tests.model, tests.prior))
    bootstrap = BlockBootstrap(
        seed=f"walk_forward:{rows.data_version}", block=policy.promotion.block, level=policy.promotion.level
    )
    difference = sum_losses(rows.spread_out(tests.rows, model - prior))
    tested = difference[:, 1] > 0
    probability = rows.spread_out(tests.rows, compute_probability_positive(tests.model))
    outcome = rows.spread_out(tests.rows, rows.outcome[tests.rows])
    return WalkForwardFigures(
        model=float(model.mean()),
        prior=float(prior.mean()),
        difference=bootstrap.estimate_sums(difference[tested], divide_sums),
        reliability=measure_reliability(probability[tested], outcome[tested], bootstrap),
    )


def name_metrics(found: WalkForwardFigures) -> Mapping[str, float]:
    """The figures by name, for the registry."""
    return {
        "pinball": found.model,
        "pinball_prior": found.prior,
        "pinball_difference": found.difference.value,
        "pinball_difference_low": found.difference.low,
        "pinball_difference_high": found.difference.high,
        "calibration_error": found.reliability.calibration_error,
        "tested_rows": float(found.reliability.outcomes),
    }


def predict_prior(rows: TrainingRows, train: Positions, test: Positions, policy: TradingPolicy) -> FloatArray:
    """(Q, 5) quantiles of the prior blend in deviations, with the residuals of the training rows."""
    mean = policy.blend.information * rows.prior
    residuals = (rows.outcome - mean)[train]
    learned = extend_residuals(start_residual_quantiles(), np.empty(0), residuals, policy.blend).parameters
    quantiles: FloatArray = mean[test][:, None] + np.array([learned[name] for name in PARAMETER_NAMES])
    return quantiles


def _test(
    rows: TrainingRows, train: Positions, test: Positions, policy: TradingPolicy
) -> tuple[FloatArray, FloatArray]:
    fitted = fit_blender(rows.columns, rows.inputs[train], rows.outcome[train], policy.training)
    return BoostedBlend(fitted).predict(rows.inputs[test]), predict_prior(rows, train, test, policy)


def _score(rows: TrainingRows, test: Positions, model: FloatArray, prior: FloatArray) -> FoldScore:
    return FoldScore(
        first=rows.sessions[rows.session[test[0]]],
        last=rows.sessions[rows.session[test[-1]]],
        rows=len(test),
        model=float(_losses(rows, test, model).mean()),
        prior=float(_losses(rows, test, prior).mean()),
    )


def _losses(rows: TrainingRows, test: Positions, spread: FloatArray) -> FloatArray:
    # The loss grows with the unit: in deviations times the deviation is the loss of the return.
    losses: FloatArray = pinball_loss(spread, rows.outcome[test]) * rows.sigma[test]
    return losses
