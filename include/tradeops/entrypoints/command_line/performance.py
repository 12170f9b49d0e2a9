"""`tradeops performance`: what a book earned after costs, and the fills to recompute it from."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from tradeops.bootstrap.runtime import Runtime
from tradeops.domain.identifiers import BookId
from tradeops.entrypoints.command_line.opening import (
    AsJson,
    RunName,
    open_installation,
    write_json,
    write_line,
)
from tradeops.services.export_fills import export_fills
from tradeops.services.measure_performance import Performance, PerformanceReport


def performance(
    export: Annotated[
        Path | None, typer.Option(help="Folder to write fills.csv and sessions.csv to, for recomputation.")
    ] = None,
    run: RunName = "live",
    as_json: AsJson = False,
) -> None:
    """Returns net of costs with intervals, beside buy-and-hold of the same names and cash."""
    book_id = BookId(run=run)
    with open_installation() as runtime:
        report = runtime.measure_performance(book_id)
        if export is not None:
            _write_export(runtime, book_id, export)
    if as_json:
        write_json(report)
        return
    for line in describe_report(report):
        write_line(line)


def describe_report(report: PerformanceReport) -> Iterator[str]:
    """The report in lines for a person."""
    yield (
        f"{report.first} … {report.last}, {report.sessions:,} sessions; costs {report.cost_basis}, not observed; "
        f"intervals: {report.interval}"
    )
    yield from _describe_book("book", report.book)
    yield from _describe_book("buy-and-hold", report.benchmark)
    yield f"{'cash alone':13} {report.cash:+.2%} in all"
    excess = report.excess
    yield (
        f"{'book less':13} buy-and-hold {excess.value:+.2%} a year [{excess.low:+.2%}, {excess.high:+.2%}]; "
        "five names picked in hindsight: no evidence of skill"
    )


def describe_annual(found: Performance) -> str:
    """Annual return with its interval, and the largest drawdown."""
    annual = found.annual_return
    return f"{annual.value:+.1%} [{annual.low:+.1%}, {annual.high:+.1%}] a year, max drawdown {found.max_drawdown:.1%}"


def _describe_book(name: str, found: Performance) -> Iterator[str]:
    sharpe = found.sharpe
    yield f"{name:13} {found.net_return:+.2%} in all, {describe_annual(found)}"
    yield (
        f"{'':13} volatility {found.volatility:.1%}, Sharpe {sharpe.value:.2f} [{sharpe.low:.2f}, {sharpe.high:.2f}], "
        f"costs {found.costs_a_year:.2%} a year, turnover {found.turnover_a_year:.1f}× a year, fills {found.fills:,}"
    )


def _write_export(runtime: Runtime, book_id: BookId, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in export_fills(runtime.ledger, book_id).items():
        (folder / name).write_text(content)
