"""`tradeops summary`: what a run did, on one screen."""

from collections.abc import Iterator

import typer

from tradeops.bootstrap.runtime import Runtime
from tradeops.bootstrap.verification import Verification, verify_installation
from tradeops.domain.decisions import Outcome
from tradeops.domain.identifiers import BookId
from tradeops.entrypoints.command_line.opening import (
    AsJson,
    RunName,
    open_installation,
    write_json,
    write_line,
)
from tradeops.entrypoints.command_line.performance import describe_annual
from tradeops.services.summarize_run import RunSummary, summarize_run

DIFFERENT = 3
JOBS = 2


def summary(run: RunName = "live", as_json: AsJson = False) -> None:
    """Say what was decided, what it brought and what was checked; exit 3 when a check fails."""
    with open_installation() as runtime:
        found = summarize_run(runtime.ledger, runtime.values, BookId(run=run))
        checked = verify_installation(runtime, jobs=JOBS)
        if as_json:
            write_json({"summary": found, "checked": checked})
        else:
            for line in _describe(runtime, found, checked, run):
                write_line(line)
    if not checked.sound:
        raise typer.Exit(DIFFERENT)


def _describe(runtime: Runtime, found: RunSummary, checked: Verification, run: str) -> Iterator[str]:
    names = len(runtime.policy.universe.names)
    yield (
        f"tradeops · bundled data {found.first} … {found.last} · {names} stocks picked in hindsight: "
        "returns below are no evidence of skill"
    )
    yield f"  decided   {_describe_decided(runtime, found, run)}"
    yield f"  net P&L   {_describe_profit(runtime, run)}"
    yield from _describe_opinions(found)
    yield f"  checked   {_describe_checks(checked)}"
    if found.notable:
        yield f"  why       {found.notable.session} {found.notable.order}: {found.notable.because}"
        short = found.notable.cycle_id[:12]
        yield f"  next      tradeops cycle show {short}   ·   tradeops replay {short}   ·   tradeops performance"


def _describe_decided(runtime: Runtime, found: RunSummary, run: str) -> str:
    decided = found.outcomes.get(Outcome.DECIDED, 0) + found.outcomes.get(Outcome.NO_OPINION, 0)
    fills = len(runtime.ledger.list_fills(BookId(run=run)))
    final = ", then settled the final session" if Outcome.FINAL_SESSION in found.outcomes else ""
    return (
        f"{decided:,} sessions{final} (p50 {found.median_ms:.0f} ms, p95 {found.p95_ms:.0f} ms from claim to record)   "
        f"orders {found.orders:,}   fills {fills:,}   clamped {found.clamped:,} "
        f"(expected cost of clamps {found.clamp_cost:.2f} USD)"
    )


def _describe_profit(runtime: Runtime, run: str) -> str:
    report = runtime.measure_performance(BookId(run=run))
    return (
        f"{describe_annual(report.book)}   buy-and-hold {describe_annual(report.benchmark)}   "
        f"costs {report.book.costs_a_year:.2%} a year, {report.cost_basis}"
    )


def _describe_opinions(found: RunSummary) -> Iterator[str]:
    spoken = " · ".join(f"{agent} {count:,} opinions" for agent, count in found.opinions.items())
    silent = " · ".join(f"{reason} {count:,}×" for reason, count in found.abstentions.items())
    yield f"  agents    {spoken or 'none spoke'}   abstained: {silent or 'never'}"


def _describe_checks(checked: Verification) -> str:
    when = " (by an earlier summary, nothing has changed since)" if checked.earlier else ""
    code = f" ({checked.other_code:,} decided by other code than is installed)" if checked.other_code else ""
    return (
        f"ledger chains intact · replay {checked.identical:,}/{checked.replayed:,} identical{code} · "
        f"cash, positions and equity of {checked.recomputed:,} sessions recomputed from the fills, equal{when}"
    )
