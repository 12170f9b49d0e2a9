"""The clock that all who share a log have in common."""

from sqlalchemy.engine.interfaces import DBAPICursor


def read_clock(cursor: DBAPICursor) -> float:
    """Seconds since 1970 by the database's clock."""
    (now,) = cursor.execute("SELECT unixepoch('subsec')").fetchone()
    return float(now)
