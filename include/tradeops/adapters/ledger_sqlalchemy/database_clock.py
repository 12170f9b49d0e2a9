"""The one clock that all hosts share: the database's."""

from typing import Any

from sqlalchemy import Connection, Float, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class _Now(FunctionElement[float]):
    type = Float()
    inherit_cache = True


@compiles(_Now, "sqlite")
def _compile_sqlite(_element: _Now, _compiler: Any, **_options: Any) -> str:
    return "unixepoch('subsec')"


@compiles(_Now, "postgresql")
def _compile_postgresql(_element: _Now, _compiler: Any, **_options: Any) -> str:
    return "extract(epoch from clock_timestamp())"


_SELECT_NOW = select(_Now())


def read_clock(connection: Connection) -> float:
    """Seconds since 1970."""
    return float(connection.execute(_SELECT_NOW).scalar_one())
