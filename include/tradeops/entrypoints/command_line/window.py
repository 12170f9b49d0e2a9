"""`tradeops window`: whether `serve` decides, who said so, and saying otherwise."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from tradeops.bootstrap.window import list_window_changes, record_window_change
from tradeops.domain.errors import ConfigurationError
from tradeops.domain.trading_window import SCHEDULE, WindowChange, WindowState
from tradeops.entrypoints.command_line.opening import AsJson, write_json, write_line
from tradeops.settings import load_settings

app = typer.Typer(help="Let `tradeops serve` decide, or let events wait.", no_args_is_help=True)

NEVER = "window open: nobody ever closed it"
_SHOWN = 10

Person = Annotated[str, typer.Option(help="Who; recorded.")]
Reason = Annotated[str, typer.Option(help="Why; recorded.")]


@app.command("show")
def show(as_json: AsJson = False) -> None:
    """Show the state in force first, then the changes before it, newest first."""
    changes = list_window_changes(load_settings())[::-1][:_SHOWN]
    if as_json:
        write_json(changes)
        return
    for line in [str(change) for change in changes] or [NEVER]:
        write_line(line)


@app.command("open")
def open_window(person: Person, reason: Reason) -> None:
    """Let waiting events be answered: the newest session is decided, older ones are skipped."""
    _turn(WindowState.OPEN, person, reason)


@app.command("close")
def close_window(person: Person, reason: Reason) -> None:
    """Let events wait from the next poll on, until a person opens the window: the schedule does not."""
    _turn(WindowState.CLOSED, person, reason)


def _turn(state: WindowState, person: str, reason: str) -> None:
    if person == SCHEDULE:
        raise ConfigurationError(f"{SCHEDULE!r} stands for the exchange's sessions; name the person")
    now = datetime.now(UTC)
    change = WindowChange(requested_by=f"{person} {now.isoformat()}", state=state, person=person, reason=reason, at=now)
    record_window_change(load_settings(), change)
    write_line(str(change))
