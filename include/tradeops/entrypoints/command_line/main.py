"""The command line `tradeops`.

Exit codes: 0 done; 1 something failed, said in one line with its remedy; 2 the command's own words
are wrong; 3 a check ran and found a difference.
"""

import os
import sys

import typer

from tradeops.domain.errors import TradeOpsError
from tradeops.entrypoints.command_line import (
    airflow_commands,
    cycles,
    dead_letters,
    doctor,
    kill_switch,
    lake,
    models,
    performance,
    price,
    processes,
    replays,
    reports,
    stores,
    summary,
    surface,
    window,
)

FAILED = 1

app = typer.Typer(
    help=__doc__,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(cycles.app, name="cycle")
app.add_typer(kill_switch.app, name="kill-switch")
app.add_typer(dead_letters.app, name="dlq")
app.add_typer(models.app, name="models")
app.add_typer(lake.app, name="lake")
app.add_typer(window.app, name="window")
app.command("serve")(processes.serve)
app.command("seal")(processes.seal)
app.command("relay")(processes.relay)
app.command("health")(processes.health)
app.command("replay")(replays.replay)
app.command("performance")(performance.performance)
app.command("price")(price.price)
app.command("surface")(surface.surface)
app.command("report")(reports.report)
app.command("summary")(summary.summary)
app.command("doctor")(doctor.doctor)
app.command("migrate")(stores.migrate)
app.command("backup")(stores.backup)
app.command("restore")(stores.restore)
app.command("reconcile")(stores.reconcile)
app.command("airflow", context_settings=airflow_commands.EVERYTHING)(airflow_commands.airflow)


def main() -> None:
    """Run one command; a known error is one line on standard error, and what it writes is its owner's only."""
    before = os.umask(0o077)  # as that of `make run`
    try:
        app()
    except TradeOpsError as error:
        sys.stderr.write(f"tradeops: {error.message}\n")
        sys.exit(FAILED)
    except BrokenPipeError:
        # The reader of a pipe has left (`| head`); nothing more can be said to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    finally:
        os.umask(before)
