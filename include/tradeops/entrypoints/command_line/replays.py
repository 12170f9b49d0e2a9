"""`tradeops replay`: execute recorded decisions again and compare."""

from typing import Annotated

import typer

from tradeops.bootstrap.replaying import ReplayReport, replay_one, replay_recorded
from tradeops.domain.errors import ConfigurationError
from tradeops.entrypoints.command_line.opening import (
    AsJson,
    RunName,
    open_installation,
    write_json,
    write_line,
)
from tradeops.services.replay.overrides import Overrides, parse_override

DIFFERENT = 3
SHOWN = 10


def replay(
    cycle_id: Annotated[
        str | None, typer.Argument(help="Cycle id or its beginning, or a session as 2013-02-28.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Every decision of every book.")] = False,
    override: Annotated[
        list[str] | None,
        typer.Option(help="What-if value, as close:AAPL:2005-02-25=+0.01; may be given again."),
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, max=8, help="Cycles at once, each in a process.")] = 1,
    run: RunName = "live",
    as_json: AsJson = False,
) -> None:
    """Execute decisions again from their recorded inputs; exit 3 when one differs. Writes nothing."""
    overrides = Overrides(tuple(parse_override(text) for text in override or ()))
    if cycle_id is None and not (every or overrides.items):
        raise ConfigurationError("name a cycle, or say --all")
    with open_installation() as runtime:
        if cycle_id is None:
            report = replay_recorded(runtime, overrides=overrides, jobs=jobs)
        else:
            report = replay_one(runtime, runtime.find_record(cycle_id, run=run), overrides=overrides)
    _write_report(report, overrides, as_json=as_json)
    if report.different:
        raise typer.Exit(DIFFERENT)


def _write_report(report: ReplayReport, overrides: Overrides, *, as_json: bool) -> None:
    if as_json:
        write_json(report)
        return
    if report.other_code:
        write_line(f"note: made by other code than is installed: {report.other_code}")
    if overrides.items and not any(found.first_input for found in report.different):
        write_line("note: no decision saw what --override changes; look at its names and dates")
    for found in report.different[:SHOWN]:
        write_line(f"{found.session}  {found.cycle_id[:12]}")
        write_line(f"  first input   {found.first_input or 'all as recorded'}")
        write_line(f"  first output  {found.first_output or 'all as recorded'}")
    if len(report.different) > SHOWN:
        write_line(f"and {len(report.different) - SHOWN} more")
    write_line(f"replayed {report.replayed}, identical {report.replayed - len(report.different)}")
