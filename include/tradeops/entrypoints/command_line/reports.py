"""`tradeops report`: one page with everything that a book's figures say."""

import webbrowser
from typing import Annotated

import typer

from tradeops.bootstrap.runtime import Runtime
from tradeops.entrypoints.command_line.opening import open_installation, write_line
from tradeops.services.find_book import find_book
from tradeops.services.report.gather_figures import gather_figures
from tradeops.services.report.write_report import WrittenReport, write_report

BookName = Annotated[
    str, typer.Option("--book", "--run", help="`live`, `shadow`, `canary`, the run of a separate book, or a/stage/run.")
]


def report(
    book: BookName = "live",
    show: Annotated[bool, typer.Option("--open", help="Show it in the browser.")] = False,
) -> None:
    """Write the HTML report of a book and say where it is."""
    with open_installation() as runtime:
        written = write_book_report(runtime, book)
    write_line(str(written.path))
    if show:
        webbrowser.open(written.path.as_uri())


def write_book_report(runtime: Runtime, book: str) -> WrittenReport:
    """Measure a book and write its report below the installation's folder of reports.

    Raises:
        UnknownRecord: There is no such book, or it was never settled.
    """
    book_id = find_book(book, runtime.standing())
    return write_report(gather_figures(runtime.report_sources(), book_id), runtime.settings.reports_dir)
