"""`tradeops doctor`: is this installation able to run, and is its record whole."""

import typer

from tradeops.bootstrap.diagnosis import diagnose
from tradeops.entrypoints.command_line.opening import AsJson, write_json, write_line
from tradeops.settings import load_settings

FAILED_CHECK = 3


def doctor(as_json: AsJson = False) -> None:
    """Check versions, threads, stores and the ledger's chains; exit 3 when something is wrong."""
    findings = diagnose(load_settings())
    if as_json:
        write_json(findings)
    else:
        for found in findings:
            write_line(f"{'ok   ' if found.ok else 'WRONG'}  {found.name:18} {found.detail}")
    if not all(found.ok for found in findings):
        raise typer.Exit(FAILED_CHECK)
