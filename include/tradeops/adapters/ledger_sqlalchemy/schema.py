"""Bringing a database to the newest schema, in the process that opens it."""

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from tradeops.adapters.databases import Database, take_lock
from tradeops.adapters.ledger_sqlalchemy.tables import HEAD_REVISION
from tradeops.domain.errors import ConfigurationError

MIGRATIONS = Path(__file__).resolve().parents[1] / "migrations"


def migrate_if_behind(connection: Database) -> None:
    """Upgrade to the head; of several processes that try, one does it and the others wait.

    Raises:
        ConfigurationError: A newer version of this program wrote the database.
    """
    with connection.read() as reader:
        if read_revision(reader) == HEAD_REVISION:
            return
    with connection.write() as writer:
        take_lock(writer, "ledger schema")
        if read_revision(writer) != HEAD_REVISION:
            _upgrade(writer)


def read_revision(connection: Connection) -> str | None:
    """The revision of a database; None when it is empty."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    return revision


def _upgrade(connection: Connection) -> None:
    # Takes a third of a second to import, and almost no process needs it.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from alembic.util import CommandError  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise ConfigurationError(f"the ledger cannot be upgraded: {error}; use the version that wrote it") from error
