"""`tradeops kill-switch`: show it, set it, reset it."""

from typing import Annotated

import typer

from tradeops.domain.identifiers import BookId
from tradeops.domain.verdicts import KillSwitch
from tradeops.entrypoints.command_line.opening import RunName, open_installation, write_line

app = typer.Typer(help="Stop new risk, or everything.", no_args_is_help=True)


@app.command("show")
def show_level(run: RunName = "live") -> None:
    """Show the level in force."""
    with open_installation() as runtime:
        write_line(runtime.ledger.kill_switch(BookId(run=run)).value)


@app.command("set")
def set_level(
    level: Annotated[KillSwitch, typer.Argument(help="close_only: reducing orders only; freeze: nothing.")],
    person: Annotated[str, typer.Option(help="Who sets it; recorded.")],
    reason: Annotated[str, typer.Option(help="Why; recorded.")],
    run: RunName = "live",
) -> None:
    """Append a level to the ledger; it holds from the next decision on."""
    with open_installation() as runtime:
        runtime.ledger.set_kill_switch(BookId(run=run), level, person=person, reason=reason)
        write_line(f"kill switch of {run} is {level.value}")
