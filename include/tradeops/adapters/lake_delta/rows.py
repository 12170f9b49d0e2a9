"""Types of the columns in Delta, and rows that fit a table."""

from datetime import date

import polars as pl
from deltalake import Field, Schema
from deltalake.schema import ArrayType, PrimitiveType

from tradeops.domain.errors import DataError
from tradeops.domain.lake_tables import ColumnType, LakeTable
from tradeops.ports.lake import frame_schema

_TYPES: dict[ColumnType, PrimitiveType | ArrayType] = {
    ColumnType.TEXT: PrimitiveType("string"),
    ColumnType.DATE: PrimitiveType("date"),
    ColumnType.TIME: PrimitiveType("timestamp"),
    ColumnType.MONEY: PrimitiveType("decimal(20,8)"),
    ColumnType.FLOAT: PrimitiveType("double"),
    ColumnType.FLOATS: ArrayType(PrimitiveType("double"), contains_null=True),
    ColumnType.INTEGER: PrimitiveType("long"),
}


def make_schema(table: LakeTable) -> Schema:
    """The table's columns as Delta declares them."""
    return Schema([Field(name, _TYPES[kind]) for name, kind in table.columns.items()])


def check_rows(table: LakeTable, rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with the columns in the table's order.

    Raises:
        DataError: The rows do not have the table's columns, or lack a value.
    """
    schema = frame_schema(table)
    if dict(rows.schema) != schema:
        strange = sorted(set(rows.schema.items()) ^ set(schema.items()), key=str)
        raise DataError(f"rows for table {table.name} differ in columns {strange}; take frame_schema", table=table.name)
    empty = [column.name for column in rows if column.null_count()]
    if empty:
        raise DataError(f"rows for table {table.name} lack values of {', '.join(empty)}", table=table.name)
    return rows.select(list(schema))


def bound_sessions(first: date | None, last: date | None) -> list[pl.Expr]:
    """Conditions that hold for rows of a range of sessions, both ends included."""
    at_least = [] if first is None else [pl.col("session") >= first]
    return at_least if last is None else [*at_least, pl.col("session") <= last]
