"""Breakers in a database that all processes share; by its clock, and outside the ledger's chain."""

from collections.abc import Callable
from typing import Final, Self

from sqlalchemy import Column, Connection, Float, Integer, MetaData, Table, Text, delete, insert, inspect, select, text

from tradeops.adapters.databases import Database, open_prepared, take_lock
from tradeops.domain.errors import CircuitOpen
from tradeops.ports.breaker_board import Opening
from tradeops.resilience.breaker import Breaker, BreakerPolicy, BreakerState

ReadClock = Callable[[Connection], float]
Change = Callable[[Breaker, float], Breaker]

POLICY: Final = BreakerPolicy(most_failures=5, rest_seconds=30.0)

_METADATA = MetaData()
_BREAKERS = Table(
    "breakers",
    _METADATA,
    Column("name", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("since", Float),
    Column("failing_since", Float),
)
_NOW: Final = {
    "sqlite": text("SELECT unixepoch('subsec')"),
    "postgresql": text("SELECT extract(epoch from clock_timestamp())"),
}


def read_clock(connection: Connection) -> float:
    """Seconds since 1970 by the database."""
    return float(connection.execute(_NOW[connection.dialect.name]).scalar_one())


class SqlBreakerBoard:
    """`BreakerBoard` on a database; a row is a breaker that is not closed, or counts failures.

    It holds one connection. Threads may share it and wait for each other; a forked process opens its
    own. Whoever opens it closes it.

    Args:
        url: Of the database, on SQLite or PostgreSQL.
        policy: When breakers open, and for how long; the same in all processes.
        clock: The time, as all processes see it.
    """

    def __init__(self, url: str, policy: BreakerPolicy = POLICY, clock: ReadClock = read_clock) -> None:
        self._policy = policy
        self._clock = clock
        self._database = _open(url)

    def admit(self, name: str) -> bool:
        """Let a call or a probe through; see the port."""
        with self._database.read() as connection:
            if self._find(connection, name) is None:
                return True
        refused: CircuitOpen | None = None
        with self._database.write() as connection:
            take_lock(connection, f"breaker/{name}")
            breaker = self._find(connection, name)
            if breaker is None:
                return True
            try:
                _keep(connection, breaker.admit(self._clock(connection)))
            except CircuitOpen as error:
                refused = error
        if refused is not None:
            raise refused
        return False

    def succeed(self, name: str) -> None:
        """A call came back."""
        self._change(name, lambda breaker, _now: breaker.succeed())

    def fail(self, name: str) -> Opening | None:
        """A call failed; see the port."""
        before, after = self._change(name, lambda breaker, now: breaker.fail(now))
        if after.state is not BreakerState.OPEN or before.state is BreakerState.OPEN or after.failing_since is None:
            return None
        return Opening(failures=after.failures, failing_since=after.failing_since)

    def close(self) -> None:
        """Give the connection back."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def _change(self, name: str, change: Change) -> tuple[Breaker, Breaker]:
        with self._database.write() as connection:
            take_lock(connection, f"breaker/{name}")
            before = self._find(connection, name) or Breaker(name=name, policy=self._policy)
            after = change(before, self._clock(connection))
            _keep(connection, after)
        return before, after

    def _find(self, connection: Connection, name: str) -> Breaker | None:
        row = connection.execute(select(_BREAKERS).where(_BREAKERS.c.name == name)).one_or_none()
        if row is None:
            return None
        return Breaker(
            name=name,
            policy=self._policy,
            state=BreakerState(row.state),
            failures=row.failures,
            since=row.since,
            failing_since=row.failing_since,
        )


def prepare_breakers(url: str) -> None:
    """Make the table, once for all who share it.

    Raises:
        ExternalServiceError: The database cannot be reached.
    """
    _open(url).close()


def _open(url: str) -> Database:
    return open_prepared(url, "breakers", _prepare)


def _prepare(connection: Connection) -> None:
    _METADATA.create_all(connection)
    _add_missing_column(connection)


def _add_missing_column(connection: Connection) -> None:
    """Tables that were made before have no `failing_since`."""
    if not any(column["name"] == "failing_since" for column in inspect(connection).get_columns("breakers")):
        connection.execute(text("ALTER TABLE breakers ADD COLUMN failing_since DOUBLE PRECISION"))


def _keep(connection: Connection, breaker: Breaker) -> None:
    connection.execute(delete(_BREAKERS).where(_BREAKERS.c.name == breaker.name))
    if breaker.failures:
        connection.execute(
            insert(_BREAKERS).values(
                name=breaker.name,
                state=breaker.state.value,
                failures=breaker.failures,
                since=breaker.since,
                failing_since=breaker.failing_since,
            )
        )
