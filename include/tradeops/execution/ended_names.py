"""A name whose data ended is sold at its last close: nobody will quote it again."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from tradeops.domain.identifiers import BookId, ClientOrderId, InstrumentId, content_hash
from tradeops.domain.orders import Fill, Side
from tradeops.domain.policy import CostSchedule
from tradeops.execution.costs import commission
from tradeops.execution.rounding import fill_price
from tradeops.execution.settlement import Prices


def close_ended_names(
    book_id: BookId,
    session: date,
    shares: Mapping[InstrumentId, Decimal],
    marks: Prices,
    costs: CostSchedule,
) -> tuple[Fill, ...]:
    """Fills that take the book out of names that trade no more, ascending by name.

    No order stands behind such a fill; its id is the hash of book, name and session. It costs a
    commission and no spread; the price is the last close, to the cent against us.

    Args:
        book_id: Whose book.
        session: First session without a bar.
        shares: Held of names whose data ended, not zero.
        marks: Last close of each, USD.
        costs: For the commission.
    """

    def close_out(name: InstrumentId, held: Decimal) -> Fill:
        identity = content_hash(["data_ended", str(book_id), name, session])[:32]
        return Fill(
            client_order_id=ClientOrderId(identity),
            instrument=name,
            session=session,
            signed_quantity=-held,
            price=fill_price(marks[name], Side.SELL if held > 0 else Side.BUY),
            fee=commission(costs, abs(held)),
        )

    return tuple(close_out(name, shares[name]) for name in sorted(shares))
