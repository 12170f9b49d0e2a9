"""The schema: migrated in place, equal to what the code says, once by many."""

import os
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Column, MetaData, Text, inspect

from tests.contract.databases import beside, change
from tests.contract.examples import BOOK, learner_state, request_claim, settlement_of
from tests.servers.postgres import Databases
from tradeops.adapters.ledger_sqlalchemy import METADATA, SqlLedger, open_ledger
from tradeops.adapters.ledger_sqlalchemy.column_types import ExactDecimal, UtcTime
from tradeops.adapters.ledger_sqlalchemy.schema import MIGRATIONS
from tradeops.adapters.ledger_sqlalchemy.tables import HEAD_REVISION
from tradeops.adapters.postgres import PostgresConnection, create_postgres_engine
from tradeops.adapters.sqlite import SQLITE_VERSION, HeldConnection, create_sqlite_engine
from tradeops.domain.errors import ConfigurationError, DataError, ExternalServiceError

FIXED_WAL_RESET = (3, 51, 3)


def differences(url: str, metadata: MetaData) -> list[object]:
    with beside(url) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        found: list[object] = compare_metadata(context, metadata)
        columns = inspect(connection).get_columns
        for table in metadata.sorted_tables:
            stored = {column["name"]: column["nullable"] for column in columns(table.name)} if not found else {}
            said = {column.name: bool(column.nullable) for column in table.columns} if not found else {}
            found += [(table.name, stored, said)] if stored != said else []
    return found


def test_migrated_schema_equals_metadata(ledger_url: str) -> None:
    assert differences(ledger_url, METADATA) == []


def test_mutant_with_a_forgotten_column_is_found(ledger_url: str) -> None:
    changed = MetaData()
    for table in METADATA.sorted_tables:
        table.to_metadata(changed)
    changed.tables["fills"].append_column(Column("venue", Text))
    assert differences(ledger_url, changed)


def test_there_is_one_head_and_the_code_knows_it() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD_REVISION]


def test_opening_again_migrates_nothing(ledger_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    open_ledger(ledger_url).close()
    monkeypatch.setattr("tradeops.adapters.ledger_sqlalchemy.schema._upgrade", lambda _connection: pytest.fail())
    with open_ledger(ledger_url) as ledger:
        assert set(ledger.count_rows()) == set(METADATA.tables)


def test_a_newer_database_is_refused(ledger_url: str) -> None:
    with beside(ledger_url) as connection:
        change(connection, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(ConfigurationError, match="use the version that wrote it"):
        open_ledger(ledger_url)


NO_DATABASES = (
    "postgresql://host/db",
    "postgresql+psycopg2://host/db",
    "postgresql+psycopg://host",
    "sqlite://",
    "sqlite:///:memory:",
    "ledger.db",
    "",
)


@pytest.mark.parametrize("url", NO_DATABASES)
def test_other_urls_are_refused(url: str) -> None:
    with pytest.raises(ConfigurationError):
        open_ledger(url)


def test_a_path_that_is_no_database_is_an_external_fault(tmp_path: Path) -> None:
    (tmp_path / "folder.db").mkdir()
    with pytest.raises(ExternalServiceError):
        open_ledger(f"sqlite:///{tmp_path}/folder.db")


def test_sessions_of_postgresql_are_set_up(databases: Databases) -> None:
    wanted = {"timezone": "UTC", "lock_timeout": "30s", "synchronous_commit": "on", "application_name": "tradeops"}
    held = PostgresConnection(create_postgres_engine(databases.url("postgres")))
    with held.read() as connection:
        found = {name: connection.exec_driver_sql(f"SHOW {name}").scalar_one() for name in wanted}
    held.close()
    assert found == wanted


def test_every_connection_is_set_up(tmp_path: Path) -> None:
    held = HeldConnection(create_sqlite_engine(f"sqlite:///{tmp_path}/new/folder/x.db"))
    wanted = {
        "journal_mode": "wal",
        "synchronous": 2,
        "busy_timeout": 30000,
        "foreign_keys": 1,
        "recursive_triggers": 1,
    }
    with held.read() as connection:
        found = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in wanted}
    held.close()
    assert found == wanted
    assert tuple(int(part) for part in SQLITE_VERSION.split(".")) >= FIXED_WAL_RESET


def test_a_connection_is_refused_after_a_fork(sql_ledger: SqlLedger) -> None:
    pid = os.fork()
    if pid == 0:
        try:
            sql_ledger.claim_cycle(request_claim())
        except ConfigurationError:
            sql_ledger.close()
            os._exit(7)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
    assert sql_ledger.claim_cycle(request_claim()).epoch == 1


def test_a_lock_held_too_long_is_an_external_fault(open_sql: Callable[[], SqlLedger]) -> None:
    patient, holder = open_sql(), open_sql()
    with patient._connection.read() as connection:
        sqlite = connection.dialect.name == "sqlite"
        connection.exec_driver_sql("PRAGMA busy_timeout = 20" if sqlite else "SET lock_timeout = '20ms'")
    with holder._write(BOOK.stream), pytest.raises(ExternalServiceError, match="lock") as error:
        patient.claim_cycle(request_claim())
    assert error.value.retryable
    assert patient.claim_cycle(request_claim()).epoch == 1


def test_threads_take_turns(sql_ledger: SqlLedger) -> None:
    def settle(first: int) -> None:
        for day in range(first, first + 20):
            sql_ledger.record_settlement(settlement_of(day), [learner_state(day)])
            sql_ledger.find_settlement(BOOK, settlement_of(day).session)

    threads = [threading.Thread(target=settle, args=(first,)) for first in (0, 20, 40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sql_ledger.count_rows()["settlements"] == 60
    sql_ledger.verify_chains()


def test_decimals_are_numeric_on_postgresql() -> None:
    from sqlalchemy.dialects import postgresql, sqlite

    for column, names in ((ExactDecimal(), ("NUMERIC", "TEXT")), (UtcTime(), ("TIMESTAMP WITH TIME ZONE", "TEXT"))):
        compiled = [column.compile(dialect=dialect.dialect()) for dialect in (postgresql, sqlite)]
        assert tuple(compiled) == names


@pytest.mark.parametrize(
    ("column_type", "value"),
    [(ExactDecimal(), 0.1), (UtcTime(), datetime(2001, 3, 1))],  # noqa: DTZ001
)
def test_floats_and_naive_times_are_refused(column_type: ExactDecimal, value: object) -> None:
    from sqlalchemy.dialects import sqlite

    with pytest.raises(DataError):
        column_type.process_bind_param(value, sqlite.dialect())  # type: ignore[arg-type]


def test_times_come_back_aware() -> None:
    from sqlalchemy.dialects import postgresql, sqlite

    moment = datetime(2001, 3, 1, 21, 30, 0, 123456, UTC)
    for dialect in (sqlite.dialect(), postgresql.dialect()):  # type: ignore[no-untyped-call]
        bound = UtcTime().process_bind_param(moment, dialect)
        assert UtcTime().process_result_value(bound, dialect) == moment
        assert UtcTime().process_bind_param(None, dialect) is None
        assert UtcTime().process_result_value(None, dialect) is None
