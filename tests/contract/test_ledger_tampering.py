"""What was written stays, and who changes it behind the ledger's back is found."""

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from tests.contract.databases import behind_its_back, beside, change, query
from tests.contract.examples import (
    AAPL,
    BOOK,
    BUNDLE,
    IBM,
    asked_by,
    change_of,
    fill_of,
    learner_state,
    order_of,
    record_of,
    request_claim,
    settlement_of,
)
from tradeops.adapters.ledger_sqlalchemy import SqlLedger, verification
from tradeops.adapters.ledger_sqlalchemy.chain import GENESIS, Head, NewEntry, hash_entry
from tradeops.adapters.ledger_sqlalchemy.payloads import Kind
from tradeops.adapters.ledger_sqlalchemy.tables import APPEND_ONLY_TABLES
from tradeops.domain.errors import CorruptInput
from tradeops.domain.lifecycle import OrderState
from tradeops.domain.verdicts import KillSwitch

TABLES = [table.name for table in APPEND_ONLY_TABLES]


@pytest.fixture
def database(ledger_url: str, sql_ledger: SqlLedger) -> str:
    """The address of a ledger with rows in every table."""
    fill_ledger(sql_ledger)
    return ledger_url


def fill_ledger(ledger: SqlLedger) -> None:
    ledger.record_bundle(BUNDLE)
    ledger.set_kill_switch(BOOK, KillSwitch.OFF, person="ann", reason="start")
    ledger.record_settlement(settlement_of(0), [learner_state(0)])
    claim = ledger.claim_cycle(request_claim())
    ledger.record_decision(claim, record_of(claim), asked_by(claim))
    orders = [order_of(claim, name) for name in (AAPL, IBM)]
    ledger.record_order_changes(claim, [change_of(order) for order in orders])
    ledger.close_cycle(claim)
    changes = tuple(change_of(order, OrderState.FILLED) for order in orders)
    fills = tuple(fill_of(order) for order in orders)
    ledger.record_settlement(settlement_of(1, fills=fills, changes=changes), [learner_state(1)])


CHANGES = {
    "sqlite": (
        "UPDATE {table} SET {column} = {column}",
        "DELETE FROM {table}",
        "INSERT OR REPLACE INTO {table} SELECT * FROM {table}",
    ),
    "postgresql": (
        "UPDATE {table} SET {column} = {column}",
        "DELETE FROM {table}",
        "TRUNCATE {table} CASCADE",
        "INSERT INTO {table} SELECT * FROM {table} ON CONFLICT ON CONSTRAINT {table}_pkey "
        "DO UPDATE SET {column} = EXCLUDED.{column}",
    ),
}
# A table that others refer to is not emptied without them.
TRUNCATED = [table for table in TABLES if table not in ("entries", "orders")]


def check_tables_only_grow(database: str) -> None:
    """Each append-only table has rows and refuses whatever would change or remove one."""
    with beside(database) as connection:
        if connection.dialect.name == "sqlite":
            change(connection, "PRAGMA recursive_triggers = ON")
        for table in APPEND_ONLY_TABLES:
            count = query(connection, f"SELECT count(*) FROM {table.name}")  # noqa: S608
            assert count[0] > 0, table
            for statement in CHANGES[connection.dialect.name]:
                with pytest.raises(IntegrityError, match="only grows"):
                    change(connection, statement.format(table=table.name, column=table.columns[0].name))
            assert query(connection, f"SELECT count(*) FROM {table.name}") == count  # noqa: S608


def test_tables_only_grow(database: str) -> None:
    assert set(TABLES) == {
        "entries",
        "decisions",
        "orders",
        "order_states",
        "fills",
        "settlements",
        "inbox",
        "outbox",
    }
    check_tables_only_grow(database)


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("refused", ["update", "delete", "truncate"])
def test_mutant_without_a_trigger_is_found(database: str, table: str, refused: str) -> None:
    if refused == "truncate" and (database.startswith("sqlite") or table not in TRUNCATED):
        return
    with beside(database) as connection:
        on = "" if connection.dialect.name == "sqlite" else f" ON {table}"
        change(connection, f"DROP TRIGGER {table}_refuse_{refused}{on}")
    with pytest.raises((pytest.fail.Exception, IntegrityError, AssertionError)):
        check_tables_only_grow(database)


def test_an_untouched_ledger_is_intact(sql_ledger: SqlLedger, database: str) -> None:
    sql_ledger.verify_chains()


TAMPERINGS = {
    "payload": "UPDATE entries SET payload = replace(payload, '18.754', '18.755') WHERE kind = 'decision'",
    "key": "UPDATE entries SET key = key || '0' WHERE kind = 'settlement'",
    "kind": "UPDATE entries SET kind = 'policy' WHERE kind = 'bundle'",
    "epoch": "UPDATE entries SET epoch = epoch + 1 WHERE kind = 'decision'",
    "hash": "UPDATE entries SET hash = upper(hash) WHERE id = 4",
    "previous": "UPDATE entries SET previous_hash = hash WHERE id = 4",
    "stream": "UPDATE entries SET stream = 'elsewhere' WHERE kind = 'bundle'",
    "order swapped": "UPDATE entries SET sequence = -sequence WHERE stream LIKE 'book/%' AND sequence IN (2, 3)",
    "first removed": "DELETE FROM entries WHERE stream LIKE 'book/%' AND sequence = 1",
    "one removed": "DELETE FROM entries WHERE kind = 'decision'",
    "last removed": "DELETE FROM entries WHERE id = (SELECT max(id) FROM entries WHERE stream LIKE 'book/%')",
    "stream removed": "DELETE FROM entries WHERE stream = 'learners'",
    "head moved": "UPDATE streams SET sequence = sequence - 1 WHERE stream = 'learners'",
    "head removed": "DELETE FROM streams WHERE stream = 'learners'",
    "one put in": (
        "INSERT INTO entries (stream, sequence, kind, key, payload, previous_hash, hash, epoch, recorded_at) "
        "SELECT stream, 99, kind, 'new', payload, previous_hash, hash, epoch, recorded_at FROM entries WHERE id = 3"
    ),
    "order quantity": "UPDATE orders SET quantity = '41'",
    "order package": "UPDATE orders SET package = 'p'",
    "order removed": "DELETE FROM orders WHERE instrument = 'IBM'",
    "state changed": "UPDATE order_states SET state = 'cancelled' WHERE state = 'submitted'",
    "state removed": "DELETE FROM order_states WHERE state = 'filled'",
    "fill price": "UPDATE fills SET price = '18.81' WHERE instrument = 'AAPL'",
    "fill removed": "DELETE FROM fills WHERE instrument = 'AAPL'",
    "fill put in": (
        "INSERT INTO fills (entry_id, client_order_id, stream, instrument, session, signed_quantity, price, fee) "
        "SELECT entry_id, client_order_id, stream, instrument, session, signed_quantity, price, fee FROM fills"
    ),
    "fill of no entry": (
        "INSERT INTO fills (entry_id, client_order_id, stream, instrument, session, signed_quantity, price, fee) "
        "SELECT 999, client_order_id, stream, instrument, session, signed_quantity, price, fee FROM fills"
    ),
    "equity": "UPDATE settlements SET equity = '1'",
    "decision digest": "UPDATE decisions SET digest = 'x'",
    "inbox removed": "DELETE FROM inbox",
    "outbox removed": "DELETE FROM outbox WHERE topic = 'decisions'",
}


@pytest.mark.parametrize("what", TAMPERINGS)
def test_tampering_is_found(sql_ledger: SqlLedger, database: str, what: str) -> None:
    with behind_its_back(database) as connection:
        assert change(connection, TAMPERINGS[what]) > 0
    with pytest.raises(CorruptInput):
        sql_ledger.verify_chains()


def test_the_error_names_stream_and_sequence(sql_ledger: SqlLedger, database: str) -> None:
    with behind_its_back(database) as connection:
        change(connection, "UPDATE entries SET payload = payload || ' ' WHERE kind = 'decision'")
    with pytest.raises(CorruptInput, match=f"{BOOK.stream}.* 3 ") as error:
        sql_ledger.verify_chains()
    assert error.value.context == {"stream": BOOK.stream, "sequence": 3}


def test_the_wall_clock_is_not_hashed(sql_ledger: SqlLedger, database: str) -> None:
    with behind_its_back(database) as connection:
        change(connection, "UPDATE entries SET recorded_at = '2030-01-01T00:00:00.000000Z'")
    sql_ledger.verify_chains()


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_flipped_bit_of_an_entry_is_found(sql_ledger: SqlLedger, database: str, data: st.DataObject) -> None:
    column = data.draw(st.sampled_from(["payload", "hash", "previous_hash", "key", "kind", "stream"]))
    with behind_its_back(database) as connection:
        rows = connection.execute(text(f"SELECT id, {column} FROM entries ORDER BY id")).all()  # noqa: S608
        entry, content = data.draw(st.sampled_from(rows))
        place = data.draw(st.integers(0, len(content) - 1))
        bit = data.draw(st.integers(0, 6))
        flipped = content[:place] + chr(ord(content[place]) ^ (1 << bit)) + content[place + 1 :]
        assume("\0" not in flipped)  # PostgreSQL's text holds none
        write = f"UPDATE entries SET {column} = :text WHERE id = :entry"  # noqa: S608
        change(connection, write, {"text": flipped, "entry": entry})
        try:
            with pytest.raises(CorruptInput):
                sql_ledger.verify_chains()
        finally:
            change(connection, write, {"text": content, "entry": entry})
    sql_ledger.verify_chains()


def test_mutant_that_hashes_less_misses_a_change(
    sql_ledger: SqlLedger, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verification, "_verify_entry", lambda row, _before: row.hash)
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        test_tampering_is_found(sql_ledger, database, "epoch")


def test_mutant_without_typed_rows_misses_a_price(
    sql_ledger: SqlLedger, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verification, "_verify_typed_rows", lambda _connection: None)
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        test_tampering_is_found(sql_ledger, database, "fill price")


def test_golden_hash_of_an_entry() -> None:
    new = NewEntry(stream="market", kind=Kind.CLOCK_MOVE, key="é", payload='{"a":"1"}', epoch=3)
    assert hash_entry(new, Head(sequence=0, digest=GENESIS)) == GOLDEN_HASH


# printf '["market",1,"clock_move","é","{\\"a\\":\\"1\\"}","<64 zeros>",3]' | sha256sum
GOLDEN_HASH = "6b72e3f276c078028a16c46c1387cd499b8c954cbfdce3972677d3f8536d859e"  # pragma: allowlist secret
