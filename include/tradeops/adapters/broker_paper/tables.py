"""The paper broker's book: first answers, and how legs of packages ended; both only grow."""

from typing import Final

from sqlalchemy import DDL, Column, Date, Index, MetaData, Table, Text, event


def _order_id() -> Column[str]:
    # Sorted by bytes, whatever language the database speaks.
    return Column(
        "client_order_id", Text().with_variant(Text(collation="C"), "postgresql"), primary_key=True, nullable=False
    )


METADATA: Final = MetaData()
ANSWERS: Final = Table(
    "answers",
    METADATA,
    _order_id(),
    Column("book", Text, nullable=False),
    Column("valid_on", Date, nullable=False),
    Column("content", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Index("ix_answers_book_valid_on", "book", "valid_on"),
)
# Refers to no answer: an order may be cancelled before it arrives.
ENDINGS: Final = Table(
    "endings",
    METADATA,
    _order_id(),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False),
)


def _list_triggers(table: str) -> dict[str, list[str]]:
    told = f"{table} are never changed"
    return {
        "sqlite": [
            f"CREATE TRIGGER {table}_refuse_{change.lower()} BEFORE {change} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{told}'); END"
            for change in ("UPDATE", "DELETE")
        ],
        "postgresql": [
            f"CREATE FUNCTION {table}_never_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION "
            f"USING MESSAGE = '{told}', ERRCODE = 'integrity_constraint_violation'; END $$",
            f"CREATE TRIGGER {table}_refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION {table}_never_change()",
        ],
    }


for _table in (ANSWERS, ENDINGS):
    for _dialect, _statements in _list_triggers(_table.name).items():
        for _statement in _statements:
            _trigger = DDL(_statement).execute_if(dialect=_dialect)  # type: ignore[no-untyped-call]
            event.listen(_table, "after_create", _trigger)
