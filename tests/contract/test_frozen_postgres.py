"""A frozen PostgreSQL: its kernel confirms what it is sent, and no answer ever comes."""

from collections.abc import Iterator
from threading import Timer

import psycopg
import pytest
from sqlalchemy import Connection

from tests.contract.examples import BOOK
from tests.servers.postgres import PostgresServer, open_server
from tradeops.adapters import postgres
from tradeops.adapters.ledger_sqlalchemy import chain, open_ledger
from tradeops.domain.errors import ExternalServiceError


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with open_server() as opened:
        yield opened


def check_a_silent_server_is_given_up(server: PostgresServer) -> None:
    """The statement fails, and the same ledger goes on when the server does; nothing is done twice."""
    with open_ledger(server.databases.url(server.databases.create())) as ledger:
        freezing = ledger._write(BOOK.stream)
        with pytest.raises(ExternalServiceError, match="says nothing for 1 s") as failed, freezing as connection:
            append(connection)
            server.freeze()
            with pytest.MonkeyPatch.context() as patience:  # only now: a server at work may be slow
                patience.setattr(postgres, "SILENT_SECONDS", 1.0)
                append(connection, "two")
        server.thaw()
        assert failed.value.retryable
        assert ledger.chain_heads() == ()
        with ledger._write(BOOK.stream) as connection:
            append(connection)
        assert [head.sequence for head in ledger.chain_heads()] == [1]
        ledger.verify_chains()


def append(connection: Connection, key: str = "one") -> None:
    chain.append_entry(connection, chain.NewEntry(stream=BOOK.stream, kind=chain.Kind.POLICY, key=key, payload="{}"))


def test_a_frozen_server_is_given_up_and_used_again_when_it_is_back(server: PostgresServer) -> None:
    check_a_silent_server_is_given_up(server)


def test_mutant_with_the_driver_s_own_wait_waits_for_the_thaw(
    server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres.HeardConnection, "wait", psycopg.Connection.wait)
    freeze, thaw = server.freeze, Timer(3.0, server.thaw)

    def freeze_for_a_while() -> None:
        freeze()
        thaw.start()

    monkeypatch.setattr(server, "freeze", freeze_for_a_while)
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        check_a_silent_server_is_given_up(server)
    thaw.join()
