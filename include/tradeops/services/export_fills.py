"""What a book did, as two small files from which anybody can recompute its money."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence

from tradeops.domain.canonical import decimal_text
from tradeops.domain.errors import UnknownRecord
from tradeops.domain.identifiers import BookId
from tradeops.domain.settlements import Settlement
from tradeops.ports.ledger import BookKeeping

FILLS_FILE = "fills.csv"
SESSIONS_FILE = "sessions.csv"
FILL_COLUMNS = ("kind", "session", "instrument", "quantity", "price", "fee", "amount")
SESSION_COLUMNS = ("session", "cash", "equity", "positions")


def export_fills(ledger: BookKeeping, book_id: BookId) -> Mapping[str, str]:
    """Contents of the export's files, by file name.

    `fills.csv` holds the account's opening, every fill in the order executed, interest and borrow;
    `sessions.csv` what the ledger says of cash, positions and equity at each close. Splits and
    dividends are left out on purpose: whoever checks derives them from the market's data.

    Raises:
        UnknownRecord: The book was never settled.
    """
    settlements = list(ledger.list_settlements(book_id))
    if not settlements:
        raise UnknownRecord(f"the book {book_id} has no settlement to export", book=str(book_id))
    return {
        FILLS_FILE: _write_csv(FILL_COLUMNS, _movements(settlements)),
        SESSIONS_FILE: _write_csv(SESSION_COLUMNS, map(_session_row, settlements)),
    }


def _movements(settlements: Sequence[Settlement]) -> Iterator[Sequence[str]]:
    first = settlements[0]
    yield ("opening", first.session.isoformat(), "", "", "", "", decimal_text(first.opening.cash))
    for settlement in settlements:
        session = settlement.session.isoformat()
        for fill in settlement.fills:
            numbers = (decimal_text(value) for value in (fill.signed_quantity, fill.price, fill.fee))
            yield ("fill", session, fill.instrument, *numbers, "")
        if settlement.profit.interest:
            yield ("interest", session, "", "", "", "", decimal_text(settlement.profit.interest))
        if settlement.profit.borrow:
            yield ("borrow", session, "", "", "", "", decimal_text(-settlement.profit.borrow))


def _session_row(settlement: Settlement) -> Sequence[str]:
    held = settlement.closing.positions.items()
    positions = ";".join(f"{name}={decimal_text(position.quantity)}" for name, position in held)
    money = (decimal_text(settlement.closing.cash), decimal_text(settlement.equity))
    return (settlement.session.isoformat(), *money, positions)


def _write_csv(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()
