"""The report as one file that needs nothing else: no network, no script, no folder of pictures."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from tradeops.services.report.figures import ReportFigures
from tradeops.services.report.formats import FILTERS
from tradeops.services.report.plot_style import SERIES
from tradeops.services.report.plots import draw_plots
from tradeops.services.report.report_names import REPORT_FILE, name_report

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenReport:
    """Where a report is.

    Args:
        name: Of its book and last session; the same figures have the same name.
        session: Last session that it tells of.
        path: The file.
        files: Its content by file name, for whoever keeps a copy.
    """

    name: str
    session: date
    path: Path
    files: Mapping[str, bytes]


def render_report(figures: ReportFigures) -> Mapping[str, bytes]:
    """The report's files by name; equal figures give equal bytes. Everything is escaped but the plots."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(FILTERS)
    plots = {
        name: {size: Markup(svg) for size, svg in plot.pictures.items()}  # noqa: S704 - drawn and escaped by us
        for name, plot in draw_plots(figures).items()
    }
    page = environment.get_template("report.html.j2").render(f=figures, plots=plots, colours=len(SERIES))
    return {REPORT_FILE: page.encode()}


def write_report(figures: ReportFigures, folder: Path) -> WrittenReport:
    """Write a report below a folder; the same figures again write the same bytes to the same place.

    Whoever reads a file meanwhile reads the old one or the new one.

    Args:
        figures: What it shows.
        folder: Of all reports.
    """
    files, name = render_report(figures), name_report(figures.book_id, figures.performance.last)
    place = folder / name
    place.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".", dir=place) as unfinished:
        for file, content in files.items():
            written = Path(unfinished, file)
            written.write_bytes(content)
            written.replace(place / file)
    return WrittenReport(name=name, session=figures.performance.last, path=place / REPORT_FILE, files=files)
