"""The ledger's first schema: chained entries, typed rows, claims and stream heads."""

from typing import Final

import sqlalchemy as sa
from alembic import op

from tradeops.adapters.ledger_sqlalchemy.column_types import ByteText, ExactDecimal, UtcTime
from tradeops.domain.errors import ConfigurationError

revision: Final = "0001"
down_revision: Final = None
branch_labels: Final = None
depends_on: Final = None

_APPEND_ONLY = (
    "entries",
    "decisions",
    "orders",
    "order_states",
    "fills",
    "settlements",
    "inbox",
    "outbox",
)
_SQLITE = tuple(
    f"CREATE TRIGGER {table}_refuse_{change.lower()} BEFORE {change} ON {table} "
    f"BEGIN SELECT RAISE(ABORT, '{table} only grows'); END"
    for table in _APPEND_ONLY
    for change in ("UPDATE", "DELETE")
)
_POSTGRESQL = (
    "CREATE FUNCTION ledger_only_grows() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
    "RAISE EXCEPTION USING MESSAGE = TG_TABLE_NAME || ' only grows', ERRCODE = 'integrity_constraint_violation'; "
    "END $$",
    *(
        f"CREATE TRIGGER {table}_refuse_{change.lower()} BEFORE {change} ON {table} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION ledger_only_grows()"
        for table in _APPEND_ONLY
        for change in ("UPDATE", "DELETE", "TRUNCATE")
    ),
)


def upgrade() -> None:
    """Make the tables and the triggers that keep them append-only."""
    _create_entries()
    _create_streams()
    _create_claims()
    _create_decisions()
    _create_orders()
    _create_order_states()
    _create_fills()
    _create_settlements()
    _create_inbox()
    _create_outbox()
    for statement in _POSTGRESQL if op.get_bind().dialect.name == "postgresql" else _SQLITE:
        op.execute(statement)


def downgrade() -> None:
    """Refuse: the ledger only grows."""
    raise ConfigurationError("the ledger only grows; restore a backup instead")


def _create_entries() -> None:
    op.create_table(
        "entries",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("stream", ByteText(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("kind", ByteText(), nullable=False),
        sa.Column("key", ByteText(), nullable=False),
        sa.Column("payload", ByteText(), nullable=False),
        sa.Column("previous_hash", ByteText(), nullable=False),
        sa.Column("hash", ByteText(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("recorded_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("stream", "kind", "key", name=op.f("uq_entries_stream_kind_key")),
        sa.UniqueConstraint("stream", "sequence", name=op.f("uq_entries_stream_sequence")),
    )


def _create_streams() -> None:
    op.create_table(
        "streams",
        sa.Column("stream", ByteText(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("hash", ByteText(), nullable=False),
        sa.PrimaryKeyConstraint("stream"),
    )


def _create_claims() -> None:
    op.create_table(
        "claims",
        sa.Column("stream", ByteText(), nullable=False),
        sa.Column("as_of", UtcTime(), nullable=False),
        sa.Column("cycle_id", ByteText(), nullable=False),
        sa.Column("session", sa.Date(), nullable=False),
        sa.Column("bundle", ByteText(), nullable=False),
        sa.Column("universe_version", ByteText(), nullable=False),
        sa.Column("watermark_market", sa.Integer(), nullable=False),
        sa.Column("watermark_ledger", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("state", ByteText(), nullable=False),
        sa.Column("owner_host", ByteText(), nullable=False),
        sa.Column("owner_pid", sa.Integer(), nullable=False),
        sa.Column("owner_started", sa.Float(), nullable=False),
        sa.Column("ttl_seconds", sa.Float(), nullable=False),
        sa.Column("expires_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("stream", "as_of"),
        sa.UniqueConstraint("cycle_id", name=op.f("uq_claims_cycle_id")),
    )


def _create_decisions() -> None:
    op.create_table(
        "decisions",
        sa.Column("entry_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("cycle_id", ByteText(), nullable=False),
        sa.Column("stream", ByteText(), nullable=False),
        sa.Column("session", sa.Date(), nullable=False),
        sa.Column("as_of", UtcTime(), nullable=False),
        sa.Column("digest", ByteText(), nullable=False),
        sa.Column("trace", ByteText(), nullable=False),
        sa.ForeignKeyConstraint(["entry_id"], ["entries.id"]),
        sa.PrimaryKeyConstraint("entry_id"),
        sa.UniqueConstraint("cycle_id", name=op.f("uq_decisions_cycle_id")),
        sa.UniqueConstraint("stream", "as_of", name=op.f("uq_decisions_stream_as_of")),
    )


def _create_orders() -> None:
    op.create_table(
        "orders",
        sa.Column("client_order_id", ByteText(), nullable=False),
        sa.Column("entry_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("cycle_id", ByteText(), nullable=False),
        sa.Column("stream", ByteText(), nullable=False),
        sa.Column("instrument", ByteText(), nullable=False),
        sa.Column("side", ByteText(), nullable=False),
        sa.Column("quantity", ExactDecimal(), nullable=False),
        sa.Column("reference_price", ExactDecimal(), nullable=False),
        sa.Column("decided_on", sa.Date(), nullable=False),
        sa.Column("valid_on", sa.Date(), nullable=False),
        sa.ForeignKeyConstraint(["entry_id"], ["entries.id"]),
        sa.PrimaryKeyConstraint("client_order_id"),
    )
    op.create_index(op.f("ix_orders_cycle_id"), "orders", ["cycle_id"], unique=False)
    op.create_index(op.f("ix_orders_stream"), "orders", ["stream"], unique=False)


def _create_order_states() -> None:
    op.create_table(
        "order_states",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("entry_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("client_order_id", ByteText(), nullable=False),
        sa.Column("state", ByteText(), nullable=False),
        sa.Column("reason", ByteText(), nullable=False),
        sa.ForeignKeyConstraint(["client_order_id"], ["orders.client_order_id"]),
        sa.ForeignKeyConstraint(["entry_id"], ["entries.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("client_order_id", "state", name=op.f("uq_order_states_client_order_id_state")),
    )


def _create_fills() -> None:
    op.create_table(
        "fills",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("entry_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("client_order_id", ByteText(), nullable=False),
        sa.Column("stream", ByteText(), nullable=False),
        sa.Column("instrument", ByteText(), nullable=False),
        sa.Column("session", sa.Date(), nullable=False),
        sa.Column("signed_quantity", ExactDecimal(), nullable=False),
        sa.Column("price", ExactDecimal(), nullable=False),
        sa.Column("fee", ExactDecimal(), nullable=False),
        sa.ForeignKeyConstraint(["entry_id"], ["entries.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_fills_stream"), "fills", ["stream"], unique=False)


def _create_settlements() -> None:
    op.create_table(
        "settlements",
        sa.Column("entry_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("stream", ByteText(), nullable=False),
        sa.Column("session", sa.Date(), nullable=False),
        sa.Column("cash", ExactDecimal(), nullable=False),
        sa.Column("equity", ExactDecimal(), nullable=False),
        sa.Column("peak_equity", ExactDecimal(), nullable=False),
        sa.Column("realised", ExactDecimal(), nullable=False),
        sa.ForeignKeyConstraint(["entry_id"], ["entries.id"]),
        sa.PrimaryKeyConstraint("entry_id"),
        sa.UniqueConstraint("stream", "session", name=op.f("uq_settlements_stream_session")),
    )


def _create_inbox() -> None:
    op.create_table(
        "inbox",
        sa.Column("consumer", ByteText(), nullable=False),
        sa.Column("topic", ByteText(), nullable=False),
        sa.Column("event_id", ByteText(), nullable=False),
        sa.Column("entry_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(["entry_id"], ["entries.id"]),
        sa.PrimaryKeyConstraint("consumer", "topic", "event_id"),
    )


def _create_outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("entry_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("topic", ByteText(), nullable=False),
        sa.Column("key", ByteText(), nullable=False),
        sa.ForeignKeyConstraint(["entry_id"], ["entries.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
