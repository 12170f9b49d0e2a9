"""Tables of the ledger: a hash-chained truth, typed rows that say the same, and three that may change."""

from typing import Final

from sqlalchemy import Column, Date, Float, ForeignKey, Index, Integer, MetaData, Table, UniqueConstraint

from tradeops.adapters.ledger_sqlalchemy.column_types import ByteText, ExactDecimal, UtcTime

HEAD_REVISION: Final = "0003"
METADATA: Final = MetaData(
    naming_convention={"ix": "ix_%(table_name)s_%(column_0_name)s", "uq": "uq_%(table_name)s_%(column_0_N_name)s"}
)
_APPEND_ONLY: Final = {"append_only": True}


def _entry(*, primary_key: bool = False) -> Column[int]:
    return Column(
        "entry_id", Integer, ForeignKey("entries.id"), nullable=False, primary_key=primary_key, autoincrement=False
    )


def _text(name: str, *, primary_key: bool = False) -> Column[str]:
    return Column(name, ByteText, nullable=False, primary_key=primary_key)


ENTRIES: Final = Table(
    "entries",
    METADATA,
    Column("id", Integer, primary_key=True),
    _text("stream"),
    Column("sequence", Integer, nullable=False),
    _text("kind"),
    _text("key"),
    _text("payload"),
    _text("previous_hash"),
    _text("hash"),
    Column("epoch", Integer, nullable=False),
    Column("recorded_at", UtcTime, nullable=False),
    UniqueConstraint("stream", "sequence"),
    UniqueConstraint("stream", "kind", "key"),
    info=_APPEND_ONLY,
)

DECISIONS: Final = Table(
    "decisions",
    METADATA,
    _entry(primary_key=True),
    Column("cycle_id", ByteText, nullable=False, unique=True),
    _text("stream"),
    Column("session", Date, nullable=False),
    Column("as_of", UtcTime, nullable=False),
    _text("digest"),
    _text("trace"),
    UniqueConstraint("stream", "as_of"),
    info=_APPEND_ONLY,
)

ORDERS: Final = Table(
    "orders",
    METADATA,
    _text("client_order_id", primary_key=True),
    _entry(),
    _text("cycle_id"),
    _text("stream"),
    _text("instrument"),
    _text("side"),
    Column("quantity", ExactDecimal, nullable=False),
    Column("reference_price", ExactDecimal, nullable=False),
    Column("decided_on", Date, nullable=False),
    Column("valid_on", Date, nullable=False),
    Column("package", ByteText, nullable=True),
    Index(None, "cycle_id"),
    Index(None, "stream"),
    info=_APPEND_ONLY,
)

ORDER_STATES: Final = Table(
    "order_states",
    METADATA,
    Column("id", Integer, primary_key=True),
    _entry(),
    Column("client_order_id", ByteText, ForeignKey("orders.client_order_id"), nullable=False),
    _text("state"),
    _text("reason"),
    UniqueConstraint("client_order_id", "state"),
    info=_APPEND_ONLY,
)

# Refers to no order: a name whose data end is sold without one.
FILLS: Final = Table(
    "fills",
    METADATA,
    Column("id", Integer, primary_key=True),
    _entry(),
    _text("client_order_id"),
    _text("stream"),
    _text("instrument"),
    Column("session", Date, nullable=False),
    Column("signed_quantity", ExactDecimal, nullable=False),
    Column("price", ExactDecimal, nullable=False),
    Column("fee", ExactDecimal, nullable=False),
    Index(None, "stream"),
    info=_APPEND_ONLY,
)

SETTLEMENTS: Final = Table(
    "settlements",
    METADATA,
    _entry(primary_key=True),
    _text("stream"),
    Column("session", Date, nullable=False),
    Column("cash", ExactDecimal, nullable=False),
    Column("equity", ExactDecimal, nullable=False),
    Column("peak_equity", ExactDecimal, nullable=False),
    Column("realised", ExactDecimal, nullable=False),
    UniqueConstraint("stream", "session"),
    info=_APPEND_ONLY,
)

INBOX: Final = Table(
    "inbox",
    METADATA,
    _text("consumer", primary_key=True),
    _text("topic", primary_key=True),
    _text("event_id", primary_key=True),
    _entry(),
    info=_APPEND_ONLY,
)

OUTBOX: Final = Table(
    "outbox",
    METADATA,
    Column("id", Integer, primary_key=True),
    _entry(),
    _text("topic"),
    _text("key"),
    Index(None, "entry_id"),
    info=_APPEND_ONLY,
)

# Up to where the outbox is told, by stream.
OUTBOX_CURSOR: Final = Table(
    "outbox_cursor",
    METADATA,
    _text("stream", primary_key=True),
    Column("sequence", Integer, nullable=False),
)

# The end of each chain, so that a chain cut short is seen too.
STREAMS: Final = Table(
    "streams",
    METADATA,
    _text("stream", primary_key=True),
    Column("sequence", Integer, nullable=False),
    _text("hash"),
)

CLAIMS: Final = Table(
    "claims",
    METADATA,
    _text("stream", primary_key=True),
    Column("as_of", UtcTime, primary_key=True, nullable=False),
    Column("cycle_id", ByteText, nullable=False, unique=True),
    Column("session", Date, nullable=False),
    _text("bundle"),
    _text("universe_version"),
    Column("watermark_market", Integer, nullable=False),
    Column("watermark_ledger", Integer, nullable=False),
    Column("epoch", Integer, nullable=False),
    _text("state"),
    _text("owner_host"),
    Column("owner_pid", Integer, nullable=False),
    Column("owner_started", Float, nullable=False),
    Column("ttl_seconds", Float, nullable=False),
    Column("expires_at", Float, nullable=False),
)

APPEND_ONLY_TABLES: Final = tuple(t for t in METADATA.sorted_tables if t.info.get("append_only"))
