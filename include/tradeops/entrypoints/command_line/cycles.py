"""`tradeops cycle`: decide the next session, and show why a decision was made."""

from typing import Annotated

import typer

from tradeops.domain.identifiers import parse_session
from tradeops.entrypoints.command_line.explanation import explain_decision
from tradeops.entrypoints.command_line.opening import (
    AsJson,
    RunName,
    open_installation,
    write_json,
    write_line,
)
from tradeops.ports.cycle_runner import CycleOutcome

app = typer.Typer(help="Decide, and show why.", no_args_is_help=True)


@app.command("run")
def run_cycle(
    session: Annotated[
        str | None, typer.Option(help="The book's next session, as 2013-02-28; else all that are due.")
    ] = None,
    run: RunName = "live",
    as_json: AsJson = False,
) -> None:
    """Settle and decide every undecided session up to the market clock, in order."""
    only = None if session is None else parse_session(session)
    outcomes: list[CycleOutcome] = []
    with open_installation() as runtime:
        done = runtime.decide_sessions(run=run, only=only, on_progress=outcomes.append)
    if as_json:
        write_json({"decided": done.decided, "last": done.last, "cycles": outcomes})
        return
    for outcome in outcomes:
        write_line(f"{outcome.session}  {outcome.status}  orders {outcome.orders}  {outcome.cycle_id}")
    if not outcomes:
        write_line(f"nothing is due; the newest closed session of {run} is {done.last}")


@app.command("show")
def show_cycle(
    cycle_id: Annotated[str, typer.Argument(help="Cycle id or its beginning, or a session as 2013-02-28.")],
    run: RunName = "live",
    as_json: AsJson = False,
) -> None:
    """Show what a decision saw, what followed, and why."""
    with open_installation() as runtime:
        record = runtime.find_record(cycle_id, run=run)
        if as_json:
            write_json({"decision": record.decision, "trace": record.trace, "digest": record.decision.digest})
            return
        for line in explain_decision(record, runtime):
            write_line(line)
