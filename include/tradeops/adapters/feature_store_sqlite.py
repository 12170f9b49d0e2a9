"""Features of the newest sessions in a SQLite file."""

import json
from datetime import date
from typing import Self

import numpy as np
from sqlalchemy import (
    Column,
    Connection,
    Date,
    Integer,
    LargeBinary,
    MetaData,
    Row,
    String,
    Table,
    delete,
    insert,
    select,
)

from tradeops.adapters.sqlite import HeldConnection, create_sqlite_engine
from tradeops.domain.errors import CorruptInput, CycleConflict, UnknownRecord
from tradeops.domain.features import FeatureRows
from tradeops.domain.identifiers import InstrumentId
from tradeops.ports.feature_store import ONLINE_SESSIONS

_METADATA = MetaData()
# `packed` is a line of JSON with the instruments and names, then the values: little-endian float64 by name.
_ROWS = Table(
    "features",
    _METADATA,
    Column("schema", String, primary_key=True),
    Column("session", Date, primary_key=True),
    Column("market", Integer, nullable=False),
    Column("packed", LargeBinary, nullable=False),
)


class SqliteFeatureStore:
    """`FeatureStore` in one file; one object serves one process, whose threads wait for each other.

    Args:
        url: `sqlite:///` and the path of the file, on a local disk.
        schema: Hash of the feature declarations that `read` asks for.
    """

    def __init__(self, url: str, schema: str) -> None:
        self._schema = schema
        self._held = HeldConnection(create_sqlite_engine(url))
        with self._held.write() as connection:
            _METADATA.create_all(connection)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the file back."""
        self._held.close()

    def read(self, session: date, *, market: int) -> FeatureRows:
        """Features of a session; see the port.

        Raises:
            CorruptInput: What is stored cannot be read.
        """
        with self._held.read() as connection:
            kept = _find(connection, self._schema, session)
        if kept is None or kept.market > market:
            raise UnknownRecord(
                f"the online store holds no features of {session} for market clock move {market}; "
                "run the DAG build_features",
                session=session,
                market=market,
            )
        return _unpack(kept)

    def write(self, rows: FeatureRows) -> None:
        """Keep rows; see the port."""
        packed = _pack(rows)
        with self._held.write() as connection:
            kept = _find(connection, rows.schema, rows.session)
            if kept is not None and kept.market == rows.market and kept.packed != packed:
                raise CycleConflict(
                    f"other features of {rows.session} are kept for move {rows.market} of the market clock",
                    session=rows.session,
                )
            if kept is None or kept.market < rows.market:
                _replace(connection, rows, packed)


def _find(connection: Connection, schema: str, session: date) -> Row[tuple[str, date, int, bytes]] | None:
    return connection.execute(select(_ROWS).where(_ROWS.c.schema == schema, _ROWS.c.session == session)).one_or_none()


def _replace(connection: Connection, rows: FeatureRows, packed: bytes) -> None:
    same_schema = _ROWS.c.schema == rows.schema
    connection.execute(delete(_ROWS).where(same_schema, _ROWS.c.session == rows.session))
    connection.execute(
        insert(_ROWS).values(schema=rows.schema, session=rows.session, market=rows.market, packed=packed)
    )
    newest = select(_ROWS.c.session).where(same_schema).order_by(_ROWS.c.session.desc()).limit(ONLINE_SESSIONS)
    connection.execute(delete(_ROWS).where(same_schema, _ROWS.c.session.not_in(newest)))


def _pack(rows: FeatureRows) -> bytes:
    header = json.dumps({"instruments": rows.instruments, "names": rows.names}, separators=(",", ":"))
    return header.encode() + b"\n" + rows.values.astype("<f8").tobytes()


def _unpack(kept: Row[tuple[str, date, int, bytes]]) -> FeatureRows:
    header, _, data = kept.packed.partition(b"\n")
    try:
        described = json.loads(header)
        shape = (len(described["names"]), len(described["instruments"]))
        values = np.frombuffer(data, dtype="<f8").astype(np.float64).reshape(shape)
    except (ValueError, KeyError) as error:
        raise CorruptInput(
            f"features of {kept.session} in the online store are damaged; delete the store's file and run the DAG "
            "build_features",
            session=kept.session,
        ) from error
    return FeatureRows(
        session=kept.session,
        market=kept.market,
        schema=kept.schema,
        instruments=tuple(InstrumentId(name) for name in described["instruments"]),
        names=tuple(described["names"]),
        values=values,
    )
