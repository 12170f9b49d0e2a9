"""What only PostgreSQL does: connections break, books are locked apart, languages sort otherwise, servers ask who."""

import asyncio
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Connection, make_url, text

from graphs import postgres_checkpoints
from graphs.checkpoints import open_saver, prepare_checkpoints
from tests.contract.conftest import FindStores, migrate
from tests.contract.databases import beside, query
from tests.contract.examples import BOOK, request_claim, session_after, settlement_of
from tests.contract.test_ledger_tampering import fill_ledger
from tests.servers.postgres import PASSWORD, Databases, PostgresServer, open_server
from tradeops.adapters.ledger_sqlalchemy import chain, open_ledger
from tradeops.adapters.postgres import hold_turn
from tradeops.bootstrap.ledger import open_ledger_copies
from tradeops.domain.errors import ConfigurationError, ExternalServiceError, UnknownRecord
from tradeops.domain.identifiers import BookId, CycleId
from tradeops.resilience import postgres_refusals
from tradeops.resilience.postgres_refusals import find_refusal
from tradeops.services.back_up_ledger import back_up_ledger, restore_ledger

OTHER = BookId(run="other")


@pytest.fixture
def url(find_stores: FindStores) -> Iterator[str]:
    stores, kept = find_stores("postgres")
    made = kept.copy(migrate)
    yield made
    stores.remove(made)


@pytest.fixture
def cut(databases: Databases, url: str) -> Callable[[], None]:
    """Cuts every connection to the database."""
    name = url.rsplit("/", 1)[1].partition("?")[0]
    return lambda: databases.disconnect_all(name)


def test_a_connection_that_broke_while_idle_is_replaced(url: str, cut: Callable[[], None]) -> None:
    with open_ledger(url) as ledger:
        for day in range(3):
            cut()
            ledger.record_settlement(settlement_of(day), [])
            cut()
            assert ledger.find_settlement(BOOK, session_after(day)) == settlement_of(day)
        assert ledger.count_rows()["settlements"] == 3


def check_nothing_is_done_twice(url: str, cut: Callable[[], None]) -> None:
    """A connection cut within a transaction fails it whole; asked again, it is done once."""
    with open_ledger(url) as ledger:
        with pytest.raises(ExternalServiceError) as failed, ledger._write(BOOK.stream) as connection:
            append(connection)
            cut()
        assert failed.value.retryable
        assert ledger.chain_heads() == ()
        with ledger._write(BOOK.stream) as connection:
            append(connection)
        assert [head.sequence for head in ledger.chain_heads()] == [1]
        ledger.verify_chains()


def append(connection: Connection) -> None:
    new = chain.NewEntry(stream=BOOK.stream, kind=chain.Kind.POLICY, key="one", payload="{}")
    chain.append_entry(connection, new)


def test_a_connection_that_breaks_within_a_transaction_fails_it(url: str, cut: Callable[[], None]) -> None:
    check_nothing_is_done_twice(url, cut)


def test_mutant_that_commits_at_once_is_found(
    url: str, cut: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tradeops.adapters.postgres._WRITE", "SELECT 1")
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        check_nothing_is_done_twice(url, cut)


def check_books_are_locked_apart(url: str) -> None:
    """A book waits for its own writers, and for no other's."""
    with open_ledger(url) as one, open_ledger(url) as another, one._write(BOOK.stream):
        with another._connection.read() as connection:
            connection.exec_driver_sql("SET lock_timeout = '50ms'")
        another.record_settlement(settlement_of(book=OTHER), [])
        another.claim_cycle(request_claim(book=OTHER))
        for write in (
            lambda: another.record_settlement(settlement_of(), []),
            lambda: another.claim_cycle(request_claim()),
        ):
            with pytest.raises(ExternalServiceError, match="lock timeout"):
                write()


def test_books_are_locked_apart(url: str) -> None:
    check_books_are_locked_apart(url)


@pytest.mark.parametrize("lock", [lambda *_: None, lambda connection, _: chain.take_lock(connection, "all")])
def test_mutants_that_lock_nothing_or_everything_are_found(
    url: str, monkeypatch: pytest.MonkeyPatch, lock: Callable[[Connection, str], None]
) -> None:
    monkeypatch.setattr("tradeops.adapters.ledger_sqlalchemy.part.lock_stream", lock)
    with pytest.raises((ExternalServiceError, pytest.fail.Exception)):
        check_books_are_locked_apart(url)


def test_a_named_turn_is_one_holders_at_a_time_and_ends_with_it(url: str) -> None:
    order = []
    with hold_turn(url, "registry"):
        order.append("first")
        with beside(url) as connection:
            free = "SELECT pg_try_advisory_lock(hashtextextended('registry', 0))"
            assert query(connection, free) == [False]
    with pytest.raises(ZeroDivisionError), hold_turn(url, "registry"):
        order.append(1 // 0)
    with hold_turn(url, "registry"):
        order.append("last")
    assert order == ["first", "last"]


@pytest.fixture
def english(databases: Databases) -> Iterator[str]:
    """A database whose language sorts a tilde before letters, and small letters before large ones."""
    name = databases.create()
    databases.drop(name)
    databases.run(
        f'CREATE DATABASE "{name}" TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE "en-US" LOCALE "C.UTF-8"'
    )
    databases.made.append(name)
    yield databases.url(name)
    databases.drop(name)


def check_text_sorts_by_bytes(url: str) -> None:
    """Beginnings of identifiers are found, and streams are listed, as on SQLite."""
    with open_ledger(url) as ledger:
        fill_ledger(ledger)
        ledger.record_settlement(settlement_of(book=BookId(run="Other")), [])
        cycle = next(iter(ledger.list_decisions())).decision.cycle_id
        assert ledger.get_decision(CycleId(cycle[:8])).decision.cycle_id == cycle
        streams = [head.stream for head in ledger.chain_heads()]
        assert streams == sorted(streams)
        ledger.verify_chains()


def test_text_sorts_by_bytes_whatever_language_the_database_speaks(english: str) -> None:
    check_text_sorts_by_bytes(english)


def test_mutant_that_sorts_by_the_databases_language_is_found(english: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from tradeops.adapters.ledger_sqlalchemy.column_types import ByteText

    monkeypatch.setattr(ByteText, "load_dialect_impl", lambda _self, dialect: dialect.type_descriptor(ByteText.impl()))
    with pytest.raises((UnknownRecord, AssertionError)):
        check_text_sorts_by_bytes(english)


@pytest.fixture
def plain_account(databases: Databases) -> Iterator[list[str]]:
    """Two databases of an account that owns them and nothing else."""
    names = [databases.create() for _ in range(2)]
    role = f"plain_{names[0]}"
    databases.run(f"CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}'")
    for name in names:
        databases.run(f'ALTER DATABASE "{name}" OWNER TO {role}')
    address = databases.address.set(username=role, password=PASSWORD)
    yield [address.set(database=name).render_as_string(hide_password=False) for name in names]
    for name in names:
        databases.drop(name)
    databases.run(f"DROP ROLE {role}")


def test_an_account_without_privileges_keeps_a_ledger_and_restores_it(plain_account: list[str], tmp_path: Path) -> None:
    lost, restored = plain_account
    with open_ledger(lost) as ledger:
        fill_ledger(ledger)
    prepare_checkpoints(lost)
    backup = back_up_ledger(open_ledger_copies(lost), tmp_path / "backup", at=datetime(2013, 3, 1, tzinfo=UTC))

    assert restore_ledger(open_ledger_copies(restored), tmp_path / "backup") == backup


def open_checkpoints(url: str) -> None:
    async def open_once() -> None:
        async with open_saver(url):
            pass

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(postgres_checkpoints, "CONNECT_SECONDS", 1)
        asyncio.run(open_once())


def take_turn(url: str) -> None:
    with hold_turn(url, "registry"):
        pass


def check_a_refusal_is_a_setting(
    server: PostgresServer, name: str, wrong: dict[str, str], open_store: Callable[[str], object]
) -> None:
    """It names the address without the password, and what to do."""
    parts = make_url(server.databases.url(name)).set(**wrong)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match=r"correct user, password or database in the URL") as refused:
        open_store(parts.render_as_string(hide_password=False))
    assert not refused.value.retryable
    told = str(refused.value)
    assert f"@localhost:{server.port}/{parts.database} is refused: " in told
    assert f"//{parts.username}" in told
    assert f":{parts.password}@" not in told


@pytest.mark.parametrize("words", ["starting up", "shutting down", "in recovery mode"])
def test_a_server_that_does_not_answer_yet_is_not_refusing(words: str) -> None:
    refused = 'connection failed: FATAL:  role "x" does not exist'
    assert find_refusal(psycopg.OperationalError(refused), "postgresql+psycopg://x@h/d")
    away = f"{refused}\nconnection failed: FATAL:  the database system is {words}"
    assert find_refusal(psycopg.OperationalError(away), "postgresql+psycopg://x@h/d") is None


def test_the_state_of_an_error_is_believed_before_its_words() -> None:
    assert find_refusal(psycopg.errors.InvalidPassword("mot de passe"), "postgresql+psycopg://x@h/d")
    assert find_refusal(psycopg.errors.CannotConnectNow("no password supplied"), "postgresql+psycopg://x@h/d") is None


class TestServer:
    """A server of its own, which asks for TLS and a password."""

    @pytest.fixture(scope="class")
    def server(self) -> Iterator[PostgresServer]:
        with open_server(tls=True) as opened:
            yield opened

    @pytest.fixture(scope="class")
    def name(self, server: PostgresServer) -> str:
        return server.databases.create()

    def test_a_verified_server_is_used_over_tls_with_scram(self, server: PostgresServer, name: str) -> None:
        with open_ledger(server.databases.url(name)) as ledger:
            assert ledger.chain_heads() == ()
            with ledger._connection.read() as connection:
                version = connection.execute(text("SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()"))
                assert version.scalar_one() == "TLSv1.3"
                kept = connection.execute(text("SELECT rolpassword FROM pg_authid WHERE rolname = current_user"))
                assert kept.scalar_one().startswith("SCRAM-SHA-256$")

    @pytest.mark.parametrize(
        ("changes", "error", "refusal"),
        [
            ({"sslmode": "disable"}, ConfigurationError, "no encryption|pg_hba.conf rejects"),
            ({"sslrootcert": "system"}, ExternalServiceError, "certificate verify failed"),
        ],
    )
    def test_connections_that_are_not_verified_are_refused(
        self, server: PostgresServer, name: str, changes: dict[str, str], error: type[Exception], refusal: str
    ) -> None:
        with pytest.raises(error, match=refusal):
            open_ledger(server.databases.url(name, **changes))

    def test_mutant_server_of_another_name_is_refused(self, server: PostgresServer, name: str) -> None:
        url = server.databases.url(name).replace("@localhost:", "@127.0.0.2:")
        with pytest.raises(ExternalServiceError):
            open_ledger(url)

    def test_no_word_of_the_password_is_told(self, server: PostgresServer, name: str) -> None:
        for secret in (f"{PASSWORD}x", "secret%2Fword"):
            url = server.databases.url(name).replace(PASSWORD, secret)
            with pytest.raises(ConfigurationError) as refused:
                open_ledger(url)
            told = [str(refused.value), repr(refused.value), str(refused.value.context), str(refused.value.__cause__)]
            assert not any(secret in words or "secret/word" in words for words in told)
            assert "authentication failed" in told[0]

    @pytest.mark.parametrize("open_store", [open_ledger, open_checkpoints, prepare_checkpoints, take_turn])
    @pytest.mark.parametrize("wrong", [{"password": f"{PASSWORD}x"}, {"username": "nobody"}, {"database": "none"}])
    def test_what_no_second_try_cures_is_a_setting(
        self, server: PostgresServer, name: str, wrong: dict[str, str], open_store: Callable[[str], object]
    ) -> None:
        check_a_refusal_is_a_setting(server, name, wrong, open_store)

    @pytest.mark.parametrize("open_store", [open_ledger, open_checkpoints])
    def test_mutant_that_tells_no_refusal_is_found(
        self,
        server: PostgresServer,
        name: str,
        open_store: Callable[[str], object],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(postgres_refusals, "_REFUSES", re.compile("never said"))
        with pytest.raises(ExternalServiceError):
            check_a_refusal_is_a_setting(server, name, {"database": "none"}, open_store)

    def test_a_server_that_comes_back_is_used_again(self, server: PostgresServer, name: str) -> None:
        with open_ledger(server.databases.url(name)) as ledger:
            ledger.record_settlement(settlement_of(), [])
            for end in (server.stop, server.kill):
                end()
                with pytest.raises(ExternalServiceError):
                    ledger.latest_settlement(BOOK)
                server.start()
                assert ledger.latest_settlement(BOOK) == settlement_of()
