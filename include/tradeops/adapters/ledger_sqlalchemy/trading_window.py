"""Who opened and closed the trading window."""

from sqlalchemy import Connection, select

from tradeops.adapters.ledger_sqlalchemy.chain import (
    WINDOW_STREAM,
    NewEntry,
    append_entry,
    find_payload,
    read_payloads,
)
from tradeops.adapters.ledger_sqlalchemy.part import LedgerPart
from tradeops.adapters.ledger_sqlalchemy.payloads import Kind, encode_payload
from tradeops.adapters.ledger_sqlalchemy.tables import ENTRIES
from tradeops.domain.decoding import decode_canonical
from tradeops.domain.trading_window import WindowChange, check_window_change

_NEWEST = (
    select(ENTRIES.c.payload).where(ENTRIES.c.stream == WINDOW_STREAM).order_by(ENTRIES.c.sequence.desc()).limit(1)
)


class SqlTradingWindow(LedgerPart):
    """`TradingWindow` on a database."""

    def record_window_change(self, change: WindowChange) -> None:
        """Append a change; see the port."""
        with self._write(WINDOW_STREAM) as connection:
            if find_payload(connection, WINDOW_STREAM, Kind.WINDOW_CHANGE, change.requested_by) is not None:
                return
            check_window_change(change, _read_newest(connection))
            append_entry(
                connection,
                NewEntry(
                    stream=WINDOW_STREAM,
                    kind=Kind.WINDOW_CHANGE,
                    key=change.requested_by,
                    payload=encode_payload(change),
                ),
            )

    def newest_window_change(self) -> WindowChange | None:
        """The change in force."""
        with self._connection.read() as connection:
            return _read_newest(connection)

    def list_window_changes(self) -> tuple[WindowChange, ...]:
        """All changes, oldest first."""
        with self._connection.read() as connection:
            payloads = read_payloads(connection, WINDOW_STREAM)
        return tuple(decode_canonical(WindowChange, payload) for payload in payloads)


def _read_newest(connection: Connection) -> WindowChange | None:
    payload = connection.execute(_NEWEST).scalar_one_or_none()
    return decode_canonical(WindowChange, payload) if payload else None
