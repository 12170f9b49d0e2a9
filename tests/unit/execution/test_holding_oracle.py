"""A hundred shares held from the first close to the last, through the product's own bookkeeping."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from tests.fakes.bundled_market import load_bundled_market
from tradeops.adapters.trading_calendar_exchange_calendars import ExchangeTradingCalendar
from tradeops.domain.books import Book, Position
from tradeops.domain.identifiers import InstrumentId
from tradeops.execution.corporate_actions import apply_actions

LATER = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "total", "price"),
    [("AAPL", "1245.78", "1221.37"), ("IBM", "122.19", "102.40"), ("MSFT", "-21.33", "-38.44")],
)
def test_a_hundred_shares_earn_what_is_known(text: str, total: str, price: str) -> None:
    calendar = ExchangeTradingCalendar()
    source, name = load_bundled_market(), InstrumentId(text)
    sessions = calendar.sessions(source.first_session, source.last_session)
    first = source.bar(name, sessions[0], known_at=LATER)
    last = source.bar(name, sessions[-1], known_at=LATER)
    assert first is not None and last is not None
    paid = 100 * first.close
    book = Book(cash=Decimal(0), positions={name: Position(quantity=Decimal(100), cost=paid)})
    for session in sessions[1:]:
        book = apply_actions(book, source.actions(session, known_at=LATER), {}).book
    assert book.positions[name].cost == paid
    worth = book.quantity(name) * last.close
    assert f"{100 * (worth + book.cash - paid) / paid:.2f}" == total
    assert f"{100 * (worth - paid) / paid:.2f}" == price
