"""Copies of a whole ledger: SQLite's own backup, PostgreSQL's own programs."""

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pysqlite3
from sqlalchemy import inspect
from sqlalchemy.engine import URL, make_url

from tradeops.adapters.databases import open_database
from tradeops.adapters.ledger_sqlalchemy.ledger import open_ledger
from tradeops.adapters.ledger_sqlalchemy.verification import read_heads
from tradeops.adapters.postgres import PostgresConnection, create_postgres_engine
from tradeops.domain.errors import ConfigurationError, ExternalServiceError
from tradeops.ports.ledger import ChainHead

_INSTALLED = Path("/usr/lib/postgresql")


class SqliteCopies:
    """`LedgerCopies` of a ledger in a file; writers go on meanwhile."""

    kind = "sqlite"

    def __init__(self, url: str) -> None:
        self._url = url
        self._path = Path(str(make_url(url).database)).absolute()

    def take(self, file: Path) -> tuple[ChainHead, ...]:
        """Copy one state of the file; see the port."""
        if not self._path.exists():
            raise ConfigurationError(f"there is no ledger at {self._path}")
        source, target = pysqlite3.connect(self._path), pysqlite3.connect(file)
        try:
            source.backup(target)
        except pysqlite3.Error as error:
            raise ExternalServiceError(f"{self._path} cannot be copied to {file}: {error}") from error
        finally:
            source.close()
            target.close()
        with open_ledger(f"sqlite:///{file.absolute()}") as copy:
            copy.verify_chains()
            return copy.chain_heads()

    def bring_back(self, file: Path) -> tuple[ChainHead, ...]:
        """Put a copy in the ledger's place; see the port."""
        if self._path.exists():
            raise ConfigurationError(f"{self._path} is there already; move it away first")
        self._path.parent.mkdir(parents=True, exist_ok=True)
        unchecked = self._path.with_name(f"{self._path.name}.restoring")
        shutil.copyfile(file, unchecked)
        with open_ledger(f"sqlite:///{unchecked}") as ledger:
            ledger.verify_chains()
            heads = ledger.chain_heads()
        unchecked.rename(self._path)
        return heads


class PostgresCopies:
    """`LedgerCopies` of a ledger in a PostgreSQL database of its own, by pg_dump and pg_restore."""

    kind = "postgresql"

    def __init__(self, url: str) -> None:
        self._url = url
        self._address = make_url(url)

    def take(self, file: Path) -> tuple[ChainHead, ...]:
        """Dump the state of one snapshot; see the port."""
        connection = PostgresConnection(create_postgres_engine(self._url))
        try:
            with connection.read() as reader:
                if not inspect(reader).has_table("entries"):
                    raise ConfigurationError(f"there is no ledger in {self._address.database}")
                snapshot = reader.exec_driver_sql("SELECT pg_export_snapshot()").scalar_one()
                heads = read_heads(reader)
                self._run("pg_dump", ["--format=custom", f"--snapshot={snapshot}", f"--file={file}"])
        finally:
            connection.close()
        return heads

    def bring_back(self, file: Path) -> tuple[ChainHead, ...]:
        """Restore into an empty database, all or nothing; see the port."""
        connection = open_database(self._url)
        try:
            with connection.read() as reader:
                if inspect(reader).get_table_names():
                    raise ConfigurationError(f"{self._address.database} is not empty; name a new database")
        finally:
            connection.close()
        self._run("pg_restore", ["--no-owner", "--exit-on-error", "--single-transaction", str(file)])
        with open_ledger(self._url) as ledger:
            ledger.verify_chains()
            return ledger.chain_heads()

    def _run(self, program: str, words: Sequence[str]) -> None:
        with _name_target(self._address) as target:
            command = [find_program(program), "--no-password", f"--dbname={target}", *words]
            done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own words
        if done.returncode:
            raise ExternalServiceError(f"{program} failed: {done.stderr.strip()}", program=program)


def find_program(name: str) -> str:
    """A program of PostgreSQL; the newest installed one when none is on the path.

    Raises:
        ConfigurationError: It is not installed.
    """
    found = shutil.which(name) or max(map(str, _INSTALLED.glob(f"*/bin/{name}")), default=None)
    if found is None:
        raise ConfigurationError(f"{name} is not installed; Debian's package is postgresql-client")
    return found


@contextmanager
def _name_target(address: URL) -> Iterator[str]:
    """The address for another program: its password is in a file, for a command line is read by everybody."""
    plain = address.set(drivername="postgresql")._replace(password=None)
    if address.password is None:
        yield plain.render_as_string()
        return
    with TemporaryDirectory() as folder:
        file = Path(folder) / "pgpass"
        file.touch(mode=0o600)
        file.write_text(f"*:*:*:*:{_escape(str(address.password))}\n")
        yield plain.update_query_dict({"passfile": str(file)}).render_as_string()


def _escape(password: str) -> str:
    return password.replace("\\", "\\\\").replace(":", "\\:")
