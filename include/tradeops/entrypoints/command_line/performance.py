"""`tradeops performance`: what a book and its agents were worth after costs, and the fills to recompute it from."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from tradeops.bootstrap.runtime import Runtime
from tradeops.domain.identifiers import BookId
from tradeops.entrypoints.command_line.opening import AsJson, open_installation, write_json, write_line
from tradeops.entrypoints.command_line.reports import BookName
from tradeops.learning.block_bootstrap import Estimate
from tradeops.services.export_fills import export_fills
from tradeops.services.find_book import find_book
from tradeops.services.measure_book import AgentReport, BookMeasures, measure_book, measure_book_agents
from tradeops.services.measure_performance import Performance, PerformanceReport
from tradeops.services.report.figures import DRAWDOWN_WANTED, WIN_RATE_WANTED, StagedFigures


def performance(
    export: Annotated[
        Path | None, typer.Option(help="Folder to write fills.csv and sessions.csv to, for recomputation.")
    ] = None,
    book: BookName = "live",
    agents: Annotated[bool, typer.Option("--agents", help="Say also what each agent was worth.")] = False,
    as_json: AsJson = False,
) -> None:
    """Returns net of costs with intervals, beside buy-and-hold of the same names and cash."""
    with open_installation() as runtime:
        book_id = find_book(book, runtime.standing())
        found = measure_book(runtime.report_sources(), book_id)
        judged = measure_book_agents(runtime.report_sources(), book_id) if agents else None
        if export is not None:
            _write_export(runtime, book_id, export)
    if as_json:
        write_json(_merge(found, judged))
        return
    for line in _describe(found, judged):
        write_line(line)


def describe_report(report: PerformanceReport) -> Iterator[str]:
    """The report in lines for a person."""
    yield (
        f"{report.first} … {report.last}, {report.sessions:,} sessions; costs {report.cost_basis}, not observed; "
        f"intervals: {report.interval}"
    )
    yield from _describe_book("book", report.book)
    yield from _describe_book("buy-and-hold", report.benchmark)
    yield f"{'cash alone':15} {report.cash:+.2%} in all"
    excess = report.excess
    yield (
        f"{'book less':15} buy-and-hold {excess.value:+.2%} a year [{excess.low:+.2%}, {excess.high:+.2%}]; "
        "five names picked in hindsight: no evidence of skill"
    )


def describe_annual(found: Performance) -> str:
    """Annual return with its interval, and the largest drawdown."""
    annual = found.annual_return
    return f"{annual.value:+.1%} [{annual.low:+.1%}, {annual.high:+.1%}] a year, max drawdown {found.max_drawdown:.1%}"


def describe_share(found: Estimate | None) -> str:
    """A share with its interval, or that there is none."""
    return "none yet" if found is None else f"{found.value:.1%} [{found.low:.1%}, {found.high:.1%}]"


def _describe(found: BookMeasures, judged: AgentReport | None) -> Iterator[str]:
    yield from describe_report(found.performance)
    yield from _describe_positions(found)
    costs = found.costs
    yield (
        f"{'costs':15} commission {costs.commission:,.2f}, half-spread {costs.half_spread:,.2f}, impact "
        f"{costs.impact:,.2f}, rounding {costs.rounding:,.2f}, borrow {costs.borrow:,.2f} USD; {costs.basis}"
    )
    if found.staged is not None:
        yield from _describe_staged(found.staged)
    if judged is not None:
        yield from _describe_agents(judged)


def _describe_positions(found: BookMeasures) -> Iterator[str]:
    held, fall = found.positions, found.performance.book.max_drawdown
    yield (
        f"{'positions':15} {held.closed:,} closed, won {describe_share(held.win_rate)}; sessions up "
        f"{describe_share(held.sessions_up)}; invested {held.exposure:.1%} of equity, {held.invested:.1%} of sessions"
    )
    wins = held.win_rate is not None and held.win_rate.value > WIN_RATE_WANTED
    yield (
        f"{'demanded':15} win rate above {WIN_RATE_WANTED:.0%}: {_say_met(wins)}; "
        f"drawdown below {-DRAWDOWN_WANTED:.0%}: {_say_met(fall > DRAWDOWN_WANTED)}"
    )


def _describe_agents(judged: AgentReport) -> Iterator[str]:
    for agent in judged.agents:
        found = agent.information
        correlation = f"{found.value:+.3f} [{found.low:+.3f}, {found.high:+.3f}]" if found else "none yet"
        yield (
            f"{agent.agent:15} IC {correlation}; right sign {describe_share(agent.hit_rate)}; spoke {agent.spoke:,} of "
            f"{agent.asked:,}; attributed {agent.profit:+,.2f} USD, max drawdown {agent.max_drawdown:.1%}"
        )
        wins = agent.hit_rate is not None and agent.hit_rate.value > WIN_RATE_WANTED
        silent = " · ".join(f"{reason} {count:,}×" for reason, count in agent.abstentions.items())
        yield (
            f"{'':15} win rate above {WIN_RATE_WANTED:.0%}: {_say_met(wins)}; drawdown below "
            f"{-DRAWDOWN_WANTED:.0%}: {_say_met(agent.max_drawdown > DRAWDOWN_WANTED)}; abstained: {silent or 'never'}"
        )
    split = judged.attribution
    yield f"{'unattributed':15} {split.unattributed:+,.2f} USD; all together {split.total:+,.2f} USD, as the book"


def _describe_staged(staged: StagedFigures) -> Iterator[str]:
    if staged.live is not None:
        yield from _describe_book("live beside", staged.live)
    yield f"{staged.state:15} blender v{staged.version}, {staged.evaluated:,} sessions with outcomes; {staged.ruling}"


def _describe_book(name: str, found: Performance) -> Iterator[str]:
    sharpe = found.sharpe
    yield f"{name:15} {found.net_return:+.2%} in all, {describe_annual(found)}"
    yield (
        f"{'':15} volatility {found.volatility:.1%}, Sharpe {sharpe.value:.2f} [{sharpe.low:.2f}, {sharpe.high:.2f}], "
        f"costs {found.costs_a_year:.2%} a year, turnover {found.turnover_a_year:.1f}× a year, fills {found.fills:,}"
    )


def _say_met(met: bool) -> str:
    return "met" if met else "not met"


def _merge(found: BookMeasures, judged: AgentReport | None) -> dict[str, object]:
    parts: dict[str, object] = {**asdict(found.performance), "positions": found.positions, "costs": found.costs}
    if found.staged is not None:
        parts["staged"] = found.staged
    if judged is not None:
        attribution = judged.attribution
        parts["agents"] = {agent.agent: agent for agent in judged.agents}
        parts["unattributed"], parts["profit"] = attribution.unattributed, attribution.total
    return parts


def _write_export(runtime: Runtime, book_id: BookId, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in export_fills(runtime.ledger, book_id).items():
        (folder / name).write_text(content)
