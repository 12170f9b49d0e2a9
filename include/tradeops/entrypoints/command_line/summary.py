"""`tradeops summary`: what a run did, on one screen."""

from collections.abc import Iterator, Mapping

import typer

from tradeops.bootstrap.runtime import Runtime
from tradeops.bootstrap.verification import Verification, verify_installation
from tradeops.domain.decisions import Outcome
from tradeops.domain.identifiers import BookId
from tradeops.domain.models import StagedModel
from tradeops.entrypoints.command_line.opening import (
    AsJson,
    RunName,
    open_installation,
    write_json,
    write_line,
)
from tradeops.entrypoints.command_line.performance import describe_annual
from tradeops.services.evaluate_model import ModelEvaluator
from tradeops.services.measure_agents import AgentMeasures
from tradeops.services.measure_book import measure_book_agents
from tradeops.services.read_training import read_training
from tradeops.services.report.report_names import REPORT_FILE, name_report
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
            for line in list(_describe(runtime, found, checked, BookId(run=run))):  # all of it or an error
                write_line(line)
    if not checked.sound:
        raise typer.Exit(DIFFERENT)


def _describe(runtime: Runtime, found: RunSummary, checked: Verification, book_id: BookId) -> Iterator[str]:
    names = len(runtime.policy.universe.names)
    yield (
        f"tradeops · bundled data {found.first} … {found.last} · {names} stocks picked in hindsight: "
        "returns below are no evidence of skill"
    )
    yield f"  decided   {_describe_decided(runtime, found, book_id)}"
    yield f"  net P&L   {_describe_profit(runtime, book_id)}"
    yield f"  agents    {_describe_agents(runtime, book_id)}"
    for staged in runtime.standing().staged:
        yield f"  model     {_describe_model(runtime, staged)}"
    yield f"  checked   {_describe_checks(runtime, checked)}"
    if found.notable:
        yield f"  why       {found.notable.session} {found.notable.order}: {found.notable.because}"
        short = found.notable.cycle_id[:12]
        where = _find_report(runtime, found, book_id)
        yield f"  next      tradeops cycle show {short}   ·   tradeops replay {short}   ·   {where}"


def _describe_decided(runtime: Runtime, found: RunSummary, book_id: BookId) -> str:
    fills = len(runtime.ledger.list_fills(book_id))
    return (
        f"{describe_outcomes(found.outcomes)} "
        f"(p50 {found.median_ms:.0f} ms, p95 {found.p95_ms:.0f} ms from claim to record)   "
        f"orders {found.orders:,}   fills {fills:,}   clamped {found.clamped:,} "
        f"(expected cost of clamps {found.clamp_cost:.2f} USD)"
    )


def describe_outcomes(outcomes: Mapping[Outcome, int]) -> str:
    """How the sessions of a book ended, those that were not decided by name."""
    decided = outcomes.get(Outcome.DECIDED, 0) + outcomes.get(Outcome.NO_OPINION, 0)
    others = [(Outcome.SKIPPED, "skipped for newer ones"), (Outcome.HELD, "held while a store was away")]
    told = "".join(f", {outcomes[kind]:,} {why}" for kind, why in others if kind in outcomes)
    final = ", then settled the final session" if Outcome.FINAL_SESSION in outcomes else ""
    return f"{decided:,} sessions{told}{final}"


def _describe_profit(runtime: Runtime, book_id: BookId) -> str:
    report = runtime.report_sources().measure_performance(book_id)
    return (
        f"{describe_annual(report.book)}   buy-and-hold {describe_annual(report.benchmark)}   "
        f"costs {report.book.costs_a_year:.2%} a year, {report.cost_basis}"
    )


def _describe_agents(runtime: Runtime, book_id: BookId) -> str:
    agents = measure_book_agents(runtime.report_sources(), book_id).agents
    spoken = " · ".join(map(_describe_agent, agents))
    silent = " · ".join(
        f"{agent.agent} {reason.replace('_', ' ')} {count:,}×"
        for agent in agents
        for reason, count in agent.abstentions.items()
    )
    return f"{spoken or 'none spoke'}   abstained: {silent or 'never'}"


def _describe_agent(agent: AgentMeasures) -> str:
    found = agent.information
    if found is None:
        return f"{agent.agent} {agent.spoke:,} opinions"
    return f"{agent.agent} IC {found.value:+.3f} [{found.low:+.2f}, {found.high:+.2f}]"


def _describe_model(runtime: Runtime, staged: StagedModel) -> str:
    evaluator = ModelEvaluator(
        ledger=runtime.ledger,
        values=runtime.values,
        source=runtime.source,
        calendar=runtime.calendar,
        policy=runtime.policy,
    )
    trained = read_training(staged.model, runtime.ledger.list_promotions(), runtime.values)
    parts = [f"blender v{staged.version}:"]
    if {"pinball", "pinball_prior"} <= trained.keys():
        loss, prior = trained["pinball"], trained["pinball_prior"]
        folds = runtime.policy.training.folds
        parts.append(f"pinball {loss:.5f} vs {prior:.5f} of the prior blend, {folds} purged folds → {staged.state};")
    evidence = evaluator.gather_evidence(staged, incumbent=runtime.standing().live)
    if evidence.difference is None:
        parts.append(f"{evidence.sessions:,} sessions beside live with outcomes")
    else:
        found = evidence.difference
        parts.append(
            f"beside live {found.value:+.5f} [{found.low:+.5f}, {found.high:+.5f}] over {evidence.sessions:,} sessions"
        )
    return " ".join(parts)


def _describe_checks(runtime: Runtime, checked: Verification) -> str:
    when = " (by an earlier summary, nothing has changed since)" if checked.earlier else ""
    code = f" ({checked.other_code:,} decided by other code than is installed)" if checked.other_code else ""
    dead = sum(runtime.count_data().dead_letters.values())
    return (
        f"ledger chains intact · replay {checked.identical:,}/{checked.replayed:,} identical{code} · "
        f"cash, positions and equity of {checked.recomputed:,} sessions recomputed from the fills, equal{when} · "
        f"dead letters {dead:,}"
    )


def _find_report(runtime: Runtime, found: RunSummary, book_id: BookId) -> str:
    if found.last is not None:
        path = runtime.settings.reports_dir / name_report(book_id, found.last) / REPORT_FILE
        if path.exists():
            return f"report {path}"
    return "tradeops report"
