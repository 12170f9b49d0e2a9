"""The last session whose bars are loaded."""

from datetime import date

from sqlalchemy import Connection, select

from tradeops.adapters.ledger_sqlalchemy.chain import (
    MARKET_STREAM,
    NewEntry,
    append_entry,
    find_payload,
    find_payload_at,
    read_head,
)
from tradeops.adapters.ledger_sqlalchemy.part import LedgerPart
from tradeops.adapters.ledger_sqlalchemy.payloads import Kind, encode_payload
from tradeops.adapters.ledger_sqlalchemy.tables import ENTRIES
from tradeops.domain.claims import ClockMove
from tradeops.domain.decoding import decode_canonical
from tradeops.domain.errors import CycleConflict, UnknownRecord

_LAST_MOVE = (
    select(ENTRIES.c.payload).where(ENTRIES.c.stream == MARKET_STREAM).order_by(ENTRIES.c.sequence.desc()).limit(1)
)


class SqlMarketClock(LedgerPart):
    """`MarketClock` on a database."""

    def market_clock(self) -> date | None:
        """Where the clock stands; None before the first move."""
        with self._connection.read() as connection:
            return _read_clock(connection)

    def clock_move(self, market: int) -> ClockMove:
        """The move at that place of the market stream; see the port."""
        with self._connection.read() as connection:
            payload = find_payload_at(connection, MARKET_STREAM, market)
        if payload is None:
            raise UnknownRecord(f"the market clock has no move {market}; a watermark names 1 or later", market=market)
        return decode_canonical(ClockMove, payload)

    def market_sequence(self) -> int:
        """Sequence of the newest move; 0 before the first."""
        with self._connection.read() as connection:
            return read_head(connection, MARKET_STREAM).sequence

    def find_clock_move(self, requested_by: str) -> ClockMove | None:
        """The move that this event caused."""
        with self._connection.read() as connection:
            payload = find_payload(connection, MARKET_STREAM, Kind.CLOCK_MOVE, requested_by)
        return decode_canonical(ClockMove, payload) if payload else None

    def record_clock_move(self, move: ClockMove) -> None:
        """Move the clock; see the port."""
        with self._write(MARKET_STREAM) as connection:
            if find_payload(connection, MARKET_STREAM, Kind.CLOCK_MOVE, move.requested_by) is not None:
                return
            stands_at = _read_clock(connection)
            if stands_at != move.before:
                raise CycleConflict(
                    f"the market clock stands at {stands_at}, not at {move.before}; read it again", stands_at=stands_at
                )
            payload = encode_payload(move)
            append_entry(
                connection,
                NewEntry(stream=MARKET_STREAM, kind=Kind.CLOCK_MOVE, key=move.requested_by, payload=payload),
            )


def _read_clock(connection: Connection) -> date | None:
    payload = connection.execute(_LAST_MOVE).scalar_one_or_none()
    return decode_canonical(ClockMove, payload).after if payload else None
