"""Column types that give back exactly what was put in."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import DateTime, Dialect, Numeric, Text
from sqlalchemy.types import TypeDecorator, TypeEngine

from tradeops.domain.canonical import decimal_text
from tradeops.domain.errors import DataError

_TIME_FORMAT = "%Y-%m-%dT%H:%M:%S.%fZ"


class ByteText(TypeDecorator[str]):
    """Text that sorts by its bytes, as SQLite's does, whatever language a PostgreSQL database speaks."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """With the collation C where there are others."""
        return dialect.type_descriptor(Text(collation="C") if dialect.name == "postgresql" else Text())


class ExactDecimal(TypeDecorator[Decimal]):
    """A decimal: canonical text on SQLite, whose numbers are floats, and NUMERIC on PostgreSQL."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """NUMERIC without bounds where it exists."""
        return dialect.type_descriptor(Numeric() if dialect.name == "postgresql" else Text())

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Decimal | str | None:
        """Refuse what has already been a float."""
        if value is None:
            return None
        if not isinstance(value, Decimal):
            raise DataError(f"{value!r} is no Decimal; money never becomes a float", value=value)
        return value if dialect.name == "postgresql" else decimal_text(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        """The decimal that was written."""
        return None if value is None else Decimal(value)


class UtcTime(TypeDecorator[datetime]):
    """An aware UTC time with microseconds: canonical text on SQLite, which also sorts."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """A time with zone where it exists."""
        return dialect.type_descriptor(DateTime(timezone=True) if dialect.name == "postgresql" else Text())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | str | None:
        """Refuse naive times."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise DataError(f"{value} has no time zone; times are aware UTC", value=value)
        return value if dialect.name == "postgresql" else value.astimezone(UTC).strftime(_TIME_FORMAT)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """The time that was written, in UTC."""
        if value is None or isinstance(value, datetime):
            return value.astimezone(UTC) if value else None
        return datetime.strptime(value, _TIME_FORMAT).replace(tzinfo=UTC)
