"""How plots look: vector graphics that take their colours from the page, light or dark."""

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

# Stand-ins that are replaced by the page's variables.
INK, MUTED, GRID, PAPER = "#0000f1", "#0000f2", "#0000f3", "#0000f4"
SERIES = tuple(f"#00f10{number}" for number in range(1, 7))
_VARIABLES = {INK: "ink", MUTED: "muted", GRID: "rule", PAPER: "paper"} | {
    colour: f"s{number}" for number, colour in enumerate(SERIES, start=1)
}
_IDENTIFIER = re.compile(
    r' id="(?:figure|axes|patch|line2d|text|matplotlib\.axis|xtick|ytick|[A-Za-z]+Collection)_\d+"'
)
POINTS_A_PIXEL = 0.72


@dataclass(frozen=True, slots=True, kw_only=True)
class Canvas:
    """One size that a plot is drawn in.

    Args:
        name: Part of the class that the page shows or hides.
        width: Pixels.
        text: Size of letters, pixels.
        years: Ticks of a time axis, at most.
    """

    name: str
    width: int
    text: int
    years: int

    def height(self, wide: int, narrow: int) -> int:
        """Pixels: one number for the desk, one for the phone."""
        return wide if self is WIDE else narrow


WIDE = Canvas(name="wide", width=960, text=13, years=14)
NARROW = Canvas(name="narrow", width=350, text=12, years=5)
CANVASES = (WIDE, NARROW)


def open_figure(canvas: Canvas, height: int, rows: Sequence[int] = (1,)) -> tuple[Figure, list[Axes]]:
    """A figure with one plot above the other on a shared horizontal axis.

    Args:
        canvas: Its width and letters.
        height: Pixels.
        rows: Relative heights.
    """
    figure = Figure(figsize=(canvas.width / 100, height / 100), dpi=100, layout="constrained")
    FigureCanvasSVG(figure)
    figure.set_facecolor("none")
    grid = figure.subplots(len(rows), 1, sharex=True, squeeze=False, height_ratios=list(rows))
    plots = [row[0] for row in grid]
    for plot in plots:
        _dress(plot, canvas)
    return figure, plots


def write_svg(figure: Figure, *, name: str, title: str) -> str:
    """The figure as one `<svg>` element; equal figures give equal text.

    Args:
        figure: What `open_figure` made.
        name: Distinguishes identifiers of several figures on one page.
        title: Read to those who cannot see it; a constant of ours.
    """
    stream = io.StringIO()
    with rc_context({"svg.hashsalt": name, "svg.fonttype": "none", "path.simplify": True}):
        figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = stream.getvalue()
    text = _IDENTIFIER.sub("", text[text.index("<svg") :])
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'(<svg[^>]*?) height="[^"]*"', rf'\1 role="img" aria-label="{title}"', text, count=1)
    for colour, variable in _VARIABLES.items():
        text = text.replace(colour, f"var(--{variable})")
    return re.sub(r"font: ([\d.]+)px [^;\"]*", r"font-size: \1px; font-family: inherit", text)


def _dress(plot: Axes, canvas: Canvas) -> None:
    size = canvas.text * POINTS_A_PIXEL
    plot.set_facecolor("none")
    plot.tick_params(colors=MUTED, labelsize=size, length=0, pad=5)
    plot.grid(visible=True, axis="y", color=GRID, linewidth=0.8)
    plot.set_axisbelow(True)
    for side, spine in plot.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(GRID)
