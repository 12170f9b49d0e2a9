"""Pictures of a training: losses fold by fold, reliability, and what the model splits on."""

from collections.abc import Callable, Mapping, Sequence
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np

from tradeops.domain.market import FloatArray
from tradeops.learning.evaluate_folds import FoldScore
from tradeops.learning.forecast_statistics import Reliability

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MODEL, PRIOR, OUTLINE = "#1f6f8b", "#b8b8b8", "#444444"


def draw_training(
    folds: Sequence[FoldScore], reliability: Reliability, importance: Mapping[str, float]
) -> dict[str, bytes]:
    """PNG pictures by file name."""
    return {
        "plots/pinball_by_fold.png": _draw(lambda axes: _draw_folds(axes, folds)),
        "plots/reliability.png": _draw(lambda axes: _draw_reliability(axes, reliability)),
        "plots/feature_importance.png": _draw(lambda axes: _draw_importance(axes, importance)),
    }


def _draw(paint: Callable[["Axes"], None]) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - takes a second
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure, file = Figure(figsize=(8.0, 4.5), layout="constrained"), BytesIO()
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    paint(axes)
    figure.savefig(file, format="png", dpi=120, metadata={"Software": None})
    return file.getvalue()


def _draw_folds(axes: "Axes", folds: Sequence[FoldScore]) -> None:
    places = np.arange(len(folds))
    axes.bar(places - 0.2, [1e4 * fold.model for fold in folds], 0.4, color=MODEL, label="blender")
    axes.bar(places + 0.2, [1e4 * fold.prior for fold in folds], 0.4, color=PRIOR, label="prior blend")
    axes.set_xticks(places, [f"{fold.first:%Y-%m}" for fold in folds], rotation=45, ha="right")
    axes.set(ylabel="mean pinball loss, basis points of return", title="Loss on each fold's unseen sessions")
    axes.legend(frameon=False)


def _draw_reliability(axes: "Axes", found: Reliability) -> None:
    forecast = np.array([one.forecast for one in found.bins])
    observed = np.array([one.observed.value for one in found.bins])
    ends = np.array([[one.observed.low for one in found.bins], [one.observed.high for one in found.bins]])
    low, high = _limits(np.concatenate([forecast, ends.ravel()]))
    axes.plot([low, high], [low, high], color=PRIOR, label="perfect")
    errors = np.abs(ends - observed)
    axes.errorbar(forecast, observed, yerr=errors, fmt="o", color=MODEL, capsize=3, label="tenths, 95 % interval")
    axes.set(xlabel="forecast P(up)", ylabel="share that rose", xlim=(low, high), ylim=(low, high))
    axes.set_title(f"Reliability out of fold, {found.outcomes:,} outcomes")
    axes.legend(frameon=False)


def _limits(values: FloatArray) -> tuple[float, float]:
    return max(float(values.min()) - 0.02, 0.0), min(float(values.max()) + 0.02, 1.0)


def _draw_importance(axes: "Axes", importance: Mapping[str, float]) -> None:
    ordered = sorted(importance.items(), key=lambda item: (item[1], item[0]))
    axes.barh([name for name, _ in ordered], [100 * share for _, share in ordered], color=MODEL)
    axes.set(xlabel="share of the gain of all splits, %", title="What the model splits on")
