"""Databases of each kind for the suites: fresh ones, copies, and a way to change them behind their adapter's back."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import pysqlite3
from sqlalchemy import Connection, NullPool, create_engine, make_url, text

from tests.servers.postgres import Databases


class Stores(Protocol):
    """Databases of one kind, each with the address that the product is given."""

    kind: str

    def empty(self) -> str:
        """A database with nothing in it."""
        ...

    def copy(self, url: str) -> str:
        """A database equal to another, which nobody may use meanwhile."""
        ...

    def remove(self, url: str) -> None: ...


class SqliteFiles:
    kind = "sqlite"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made = 0

    def empty(self) -> str:
        self._made += 1
        return f"sqlite:///{self._folder}/{self._made}/database.db"

    def copy(self, url: str) -> str:
        target = self.empty()
        shutil.copytree(_folder_of(url), _folder_of(target))
        return target

    def remove(self, url: str) -> None:
        shutil.rmtree(_folder_of(url))


class PostgresDatabases:
    kind = "postgres"

    def __init__(self, databases: Databases) -> None:
        self._databases = databases

    def empty(self) -> str:
        return self._databases.url(self._databases.create())

    def copy(self, url: str) -> str:
        # MLflow keeps its connections for as long as the process lives.
        self._databases.disconnect_all(_name_of(url))
        return self._databases.url(self._databases.create(_name_of(url)))

    def remove(self, url: str) -> None:
        self._databases.drop(_name_of(url))


class KeptDatabases:
    """Databases filled once by what they are for, copied for each test and removed after it."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self._filled: dict[Callable[[str], object], str] = {}

    def copy(self, fill: Callable[[str], object]) -> str:
        if fill not in self._filled:
            self._filled[fill] = self._stores.empty()
            fill(self._filled[fill])
        return self._stores.copy(self._filled[fill])


@contextmanager
def beside(url: str) -> Iterator[Connection]:
    """A connection beside the adapter's, which commits each statement."""
    module = {"module": pysqlite3} if url.startswith("sqlite") else {}
    engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT", **module)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


@contextmanager
def behind_its_back(url: str) -> Iterator[Connection]:
    """A connection that obeys neither foreign keys nor triggers."""
    with beside(url) as connection:
        if url.startswith("sqlite"):
            for name in query(connection, "SELECT name FROM sqlite_master WHERE type = 'trigger'"):
                change(connection, f"DROP TRIGGER {name}")
        else:
            change(connection, "SET session_replication_role = replica")
        yield connection


def change(connection: Connection, statement: str, parameters: Mapping[str, object] | None = None) -> int:
    """Rows that a statement changed."""
    return connection.execute(text(statement), parameters or {}).rowcount


def query(connection: Connection, statement: str) -> list[Any]:
    """The first column of a query."""
    return list(connection.execute(text(statement)).scalars())


def _folder_of(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///")).parent


def _name_of(url: str) -> str:
    return str(make_url(url).database)
