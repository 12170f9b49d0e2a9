"""`tradeops lake`: upkeep of the columnar history."""

from datetime import timedelta
from typing import Annotated

import typer

from tradeops.bootstrap.lake import open_lake
from tradeops.bootstrap.s3 import read_s3_access
from tradeops.domain.errors import ConfigurationError
from tradeops.domain.lake_tables import TABLES, LakeTable
from tradeops.entrypoints.command_line.opening import AsJson, write_json, write_line
from tradeops.ports.lake import LEAST_KEPT, LakeUpkeep
from tradeops.services.maintain_lake import compact_lake, vacuum_lake
from tradeops.settings import load_settings

app = typer.Typer(help="Keep the lake quick and small, while others read and seal.", no_args_is_help=True)

TableName = Annotated[str | None, typer.Option("--table", help="One table only, as bars.")]


@app.command("compact")
def compact(table: TableName = None, as_json: AsJson = False) -> None:
    """Rewrite many small files as few; the old ones stay until a vacuum."""
    done = compact_lake(_open(), _choose(table))
    if as_json:
        write_json({name: {"before": found.before, "after": found.after} for name, found in done.items()})
        return
    for name, found in done.items():
        write_line(f"{name:18} {f'{found.before} files became {found.after}' if found.before else 'nothing to do'}")


@app.command("vacuum")
def vacuum(
    table: TableName = None,
    days: Annotated[float, typer.Option(min=0, help="Keep files that were replaced in the last days.")] = (
        LEAST_KEPT.days
    ),
    forced: Annotated[bool, typer.Option("--force", help="Allow fewer days.")] = False,
    as_json: AsJson = False,
) -> None:
    """Delete files that were replaced, and those that a killed writer left behind."""
    done = vacuum_lake(_open(), _choose(table), kept=timedelta(days=days), forced=forced)
    if as_json:
        write_json(dict(done))
        return
    for name, count in done.items():
        write_line(f"{name:18} {count} files deleted")


def _open() -> LakeUpkeep:
    settings = load_settings()
    return open_lake(settings.lake_url, read_s3_access(settings))


def _choose(name: str | None) -> list[LakeTable]:
    if name is not None and name not in TABLES:
        raise ConfigurationError(f"the lake has no table {name!r}; it has {', '.join(TABLES)}")
    return [table for table in TABLES.values() if name in (None, table.name)]
