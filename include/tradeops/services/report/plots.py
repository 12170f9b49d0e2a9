"""The plots of a report, each drawn once for a desk and once for a phone."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import accumulate

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

from tradeops.domain.market import FloatArray
from tradeops.learning.block_bootstrap import Estimate
from tradeops.services.report.figures import ReportFigures
from tradeops.services.report.formats import MINUS
from tradeops.services.report.plot_style import (
    CANVASES,
    GRID,
    INK,
    MUTED,
    PAPER,
    SERIES,
    Canvas,
    open_figure,
    write_svg,
)

STRIDE = 5  # weights are drawn at each fifth close
Draw = Callable[[ReportFigures, Canvas, str], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """One plot in every size, by name of the size."""

    pictures: Mapping[str, str]


def draw_plots(figures: ReportFigures) -> Mapping[str, Plot]:
    """All plots that the figures allow, by name."""
    drawn: dict[str, Draw] = {"equity": _draw_equity}
    if figures.weights.instruments:
        drawn["weights"] = _draw_weights
    if figures.reliability is not None:
        drawn["reliability"] = _draw_reliability
    if any(agent.information for agent in figures.agents):
        drawn["information"] = _draw_information
    if figures.agents:
        drawn["attribution"] = _draw_attribution
    return {
        name: Plot(pictures={canvas.name: draw(figures, canvas, f"{name}-{canvas.name}") for canvas in CANVASES})
        for name, draw in drawn.items()
    }


def _draw_equity(figures: ReportFigures, canvas: Canvas, name: str) -> str:
    curves = figures.curves
    figure, (money, fall) = open_figure(canvas, canvas.height(460, 380), rows=(3, 1))
    days = _days(curves.sessions)
    lines = (
        (curves.cash, SERIES[3], 1.0, (0, (1, 2))),
        (curves.holding, SERIES[1], 1.3, "-"),
        (curves.book, SERIES[0], 1.8, "-"),
        (curves.equal_weight, SERIES[2], 1.3, (0, (4, 3))),
    )
    for values, colour, width, style in lines:
        money.plot(days, values / 1000.0, color=colour, linewidth=width, linestyle=style)
    _scale_money(money)
    money.set_ylabel("thousand USD", color=MUTED, fontsize=_size(canvas))
    fall.fill_between(days, 100.0 * curves.drawdown, 0.0, color=SERIES[0], alpha=0.35, linewidth=0)
    fall.set_ylabel("fall, %", color=MUTED, fontsize=_size(canvas))
    fall.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0f}".replace("-", MINUS)))
    _mark_years(fall, curves.sessions, canvas)
    return write_svg(figure, name=name, title="Equity of the book and its benchmarks, with the book's drawdown")


def _draw_weights(figures: ReportFigures, canvas: Canvas, name: str) -> str:
    weights = figures.weights
    figure, (plot,) = open_figure(canvas, canvas.height(300, 240))
    rows = slice(None, None, STRIDE)
    columns = [100.0 * weights.weights[rows, at] for at in range(len(weights.instruments))]
    plot.stackplot(_days(weights.sessions[rows]), *columns, colors=_colours(len(columns)), linewidth=0)
    plot.set_ylim(0, max(20.0, 1.08 * float(100.0 * weights.weights.sum(axis=1).max())))
    plot.set_ylabel("% of equity", color=MUTED, fontsize=_size(canvas))
    _mark_years(plot, weights.sessions, canvas)
    return write_svg(figure, name=name, title="Share of equity in each name over time")


def _draw_reliability(figures: ReportFigures, canvas: Canvas, name: str) -> str:
    found = figures.reliability
    bins = found.bins if found else ()
    figure, (plot,) = open_figure(canvas, canvas.height(380, 300))
    said = np.array([100.0 * one.forecast for one in bins])
    values = [_scale(one.observed, 100.0) for one in bins]
    ends = np.array([float(said.min()), float(said.max())])
    plot.plot(ends, ends, color=MUTED, linewidth=1.0, linestyle=(0, (4, 3)))
    _draw_intervals(plot, said, values, SERIES[0])
    plot.set_xlabel("forecast probability of a rise, %", color=MUTED, fontsize=_size(canvas))
    plot.set_ylabel("rose, %", color=MUTED, fontsize=_size(canvas))
    return write_svg(figure, name=name, title="Forecast probability of a rise against how often it rose")


def _draw_information(figures: ReportFigures, canvas: Canvas, name: str) -> str:
    agents = [(agent.agent, agent.information) for agent in figures.agents if agent.information]
    figure, (plot,) = open_figure(canvas, 90 + 44 * len(agents))
    plot.grid(visible=False, axis="y")
    plot.grid(visible=True, axis="x", color=GRID, linewidth=0.8)
    plot.axvline(0.0, color=INK, linewidth=1.0)
    for row, (_, found) in enumerate(agents):
        plot.plot([found.low, found.high], [row, row], color=SERIES[0], linewidth=2.5, solid_capstyle="butt")
        plot.plot([found.value], [row], marker="o", markersize=6.5, color=SERIES[0], markeredgecolor=PAPER)
    widest = max(abs(edge) for _, found in agents for edge in (found.low, found.high))
    plot.set_xlim(-1.15 * max(widest, 0.02), 1.15 * max(widest, 0.02))
    plot.set_ylim(len(agents) - 0.4, -0.6)
    plot.set_yticks(range(len(agents)), [agent.replace("_", " ") for agent, _ in agents], parse_math=False)
    plot.set_xlabel("rank correlation with the next 5 sessions", color=MUTED, fontsize=_size(canvas))
    return write_svg(figure, name=name, title="Information coefficient of each agent with its 95 % interval")


def _draw_attribution(figures: ReportFigures, canvas: Canvas, name: str) -> str:
    figure, (plot,) = open_figure(canvas, canvas.height(300, 240))
    days = _days(figures.curves.sessions)
    history = figures.attribution.history.items()
    for (_, profits), colour in zip(history, _colours(len(history)), strict=True):
        plot.plot(days, [float(gained) / 1000.0 for gained in accumulate(profits)], color=colour, linewidth=1.5)
    plot.axhline(0.0, color=INK, linewidth=0.8)
    plot.set_ylabel("thousand USD", color=MUTED, fontsize=_size(canvas))
    _mark_years(plot, figures.curves.sessions, canvas)
    return write_svg(figure, name=name, title="Profit attributed to each agent, added up over time")


def _draw_intervals(plot: Axes, places: FloatArray, values: Sequence[Estimate], colour: str) -> None:
    for place, found in zip(places.tolist(), values, strict=True):
        plot.plot([place, place], [found.low, found.high], color=colour, linewidth=1.6, alpha=0.55)
        plot.plot([place], [found.value], marker="o", markersize=6, color=colour, markeredgecolor=PAPER)


def _scale(found: Estimate, factor: float) -> Estimate:
    return Estimate(value=factor * found.value, low=factor * found.low, high=factor * found.high)


def _scale_money(plot: Axes) -> None:
    """Logarithmic: equal distances are equal percentages."""
    plot.set_yscale("log")
    plot.yaxis.set_major_locator(LogLocator(base=10, subs=(1.0, 1.5, 2.0, 3.0, 5.0, 7.0)))
    plot.yaxis.set_minor_locator(NullLocator())
    plot.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    plot.yaxis.set_minor_formatter(NullFormatter())


def _mark_years(plot: Axes, sessions: Sequence[date], canvas: Canvas) -> None:
    first, last = sessions[0], sessions[-1]
    months = [date(year, month, 1) for year in range(first.year, last.year + 1) for month in range(1, 13)]
    within = [day for day in months if first <= day <= last]
    years = [day for day in within if day.month == 1]
    marks, digits = (years, 4) if len(years) > 1 else (within, 7)
    step = max(1, math.ceil(len(marks) / canvas.years))
    shown = marks[::step]
    plot.set_xticks(_days(shown).tolist(), [day.isoformat()[:digits] for day in shown])
    plot.margins(x=0.01)


def _days(sessions: Sequence[date]) -> FloatArray:
    """Days since 1970, which is how a time axis counts."""
    return np.array(sessions, dtype="datetime64[D]").astype(np.float64)


def _colours(count: int) -> list[str]:
    return [SERIES[at % len(SERIES)] for at in range(count)]


def _size(canvas: Canvas) -> float:
    return canvas.text * 0.72
