"""`tradeops migrate`, `backup`, `restore`, `reconcile`: the stores behind a run."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from tradeops.bootstrap.ledger import open_ledger_copies
from tradeops.bootstrap.migration import migrate_installation
from tradeops.entrypoints.command_line.opening import AsJson, open_installation, write_json, write_line
from tradeops.services.back_up_ledger import back_up_ledger, restore_ledger
from tradeops.services.reconcile_orders import reconcile_orders
from tradeops.settings import load_settings

DIFFERENT = 3

Folder = Annotated[Path, typer.Argument(help="Folder of one backup.")]


def migrate() -> None:
    """Bring every store to the present schema: once, before anything that uses them starts."""
    for name in migrate_installation(load_settings()):
        write_line(f"ready  {name}")


def backup(folder: Folder, as_json: AsJson = False) -> None:
    """Write the ledger, which may be in use, to a new folder."""
    made = back_up_ledger(open_ledger_copies(load_settings().ledger_url), folder, at=datetime.now(UTC))
    if as_json:
        write_json(made)
    else:
        write_line(f"{folder} holds {made.entries} entries in {len(made.heads)} chains of {made.kind}")


def restore(folder: Folder, as_json: AsJson = False) -> None:
    """Make the ledger, which must not be there yet, from a backup, and check its chains."""
    found = restore_ledger(open_ledger_copies(load_settings().ledger_url), folder)
    if as_json:
        write_json(found)
    else:
        write_line(f"restored {found.entries} entries in {len(found.heads)} chains, as of {found.taken_at:%F %T} UTC")
        write_line("now compare it with the broker: tradeops reconcile")


def reconcile(as_json: AsJson = False) -> None:
    """Compare the orders on record with those that the broker has; exit 3 when they differ."""
    with open_installation() as runtime:
        found = reconcile_orders(runtime.ledger, runtime.broker)
    if as_json:
        write_json(found)
    else:
        for one in found.differences:
            write_line(f"{one.client_order_id}  {one.difference}")
        write_line(
            f"{found.recorded} orders on record, {found.taken} at the broker, {len(found.differences)} differences"
        )
    if found.differences:
        raise typer.Exit(DIFFERENT)
