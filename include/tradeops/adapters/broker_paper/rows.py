"""Reading and writing the paper broker's rows, within a transaction of the caller."""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from sqlalchemy import BindParameter, Connection, Row, bindparam, insert, or_, select, union_all

from tradeops.adapters.broker_paper.tables import ANSWERS, ENDINGS
from tradeops.domain.canonical import encode_canonical
from tradeops.domain.decoding import decode_canonical
from tradeops.domain.identifiers import BookId, ClientOrderId
from tradeops.domain.lifecycle import OrderState
from tradeops.domain.orders import Order, OrderChange
from tradeops.ports.broker import TakenOrder

AnyRow = Row[*tuple[Any, ...]]

PAGE = 500
_ASKED: BindParameter[Any] = bindparam("orders", expanding=True)
_INSERT_ANSWER = insert(ANSWERS)
_INSERT_ENDING = insert(ENDINGS)
_ANSWERS = union_all(
    select(ANSWERS.c.client_order_id, ANSWERS.c.state, ANSWERS.c.reason).where(ANSWERS.c.client_order_id.in_(_ASKED)),
    select(ENDINGS).where(ENDINGS.c.client_order_id.in_(_ASKED), ENDINGS.c.state == OrderState.CANCELLED.value),
)
_ENDINGS = select(ENDINGS).where(ENDINGS.c.client_order_id.in_(_ASKED))
_WITH_ENDING = ANSWERS.outerjoin(ENDINGS, ENDINGS.c.client_order_id == ANSWERS.c.client_order_id)
_PAGE_OF_ALL = (
    select(ANSWERS, ENDINGS.c.state.label("ended"))
    .select_from(_WITH_ENDING)
    .where(ANSWERS.c.client_order_id > bindparam("after"))
    .order_by(ANSWERS.c.client_order_id)
    .limit(bindparam("page"))
)
_ONE = select(ANSWERS).where(ANSWERS.c.client_order_id == bindparam("order"))
_OPEN = (
    select(ANSWERS.c.content)
    .select_from(_WITH_ENDING)
    .where(
        ANSWERS.c.book == bindparam("book"),
        ANSWERS.c.valid_on == bindparam("session"),
        ANSWERS.c.state == OrderState.SUBMITTED.value,
        or_(ENDINGS.c.state.is_(None), ENDINGS.c.state != OrderState.CANCELLED.value),
    )
    .order_by(ANSWERS.c.client_order_id)
)


def find_answers(connection: Connection, orders: Sequence[ClientOrderId]) -> dict[ClientOrderId, OrderChange]:
    """What was said of orders: the first answer, or that they were cancelled."""
    rows = connection.execute(_ANSWERS, {"orders": list(orders)})
    # False before True: a cancel has the last word.
    return {row.client_order_id: _read_change(row) for row in sorted(rows, key=_is_cancelled)}


def find_endings(connection: Connection, orders: Sequence[ClientOrderId]) -> dict[ClientOrderId, OrderChange]:
    """How orders ended, as far as that was kept."""
    rows = connection.execute(_ENDINGS, {"orders": list(orders)})
    return {row.client_order_id: _read_change(row) for row in rows}


def find_row(connection: Connection, order: ClientOrderId) -> AnyRow | None:
    """The row of an order that was handed over."""
    return connection.execute(_ONE, {"order": order}).one_or_none()


def read_page(connection: Connection, after: str, page: int) -> list[TakenOrder]:
    """Orders with ids behind one, ascending."""
    rows = connection.execute(_PAGE_OF_ALL, {"after": after, "page": page})
    return [
        TakenOrder(
            order=decode_canonical(Order, row.content),
            answer=_read_change(row),
            cancelled=row.ended == OrderState.CANCELLED,
        )
        for row in rows
    ]


def read_open(connection: Connection, book_id: BookId, session: date) -> list[Order]:
    """Orders of a book that were taken for a session and not cancelled, ascending by id."""
    contents = connection.execute(_OPEN, {"book": str(book_id), "session": session}).scalars().all()
    return [decode_canonical(Order, content) for content in contents]


def insert_answer(connection: Connection, book_id: BookId, order: Order, answer: OrderChange) -> None:
    """Keep an order with the first answer to it."""
    row = {"book": str(book_id), "valid_on": order.valid_on, "content": encode_canonical(order).decode()}
    connection.execute(_INSERT_ANSWER, {**row, **_change_row(answer)})


def insert_endings(connection: Connection, changes: Iterable[OrderChange]) -> None:
    """Keep how orders ended; each once."""
    rows = [_change_row(change) for change in changes]
    if rows:
        connection.execute(_INSERT_ENDING, rows)


def _read_change(row: AnyRow) -> OrderChange:
    return OrderChange(client_order_id=row.client_order_id, state=OrderState(row.state), reason=row.reason)


def _change_row(change: OrderChange) -> dict[str, object]:
    return {"client_order_id": change.client_order_id, "state": change.state.value, "reason": change.reason}


def _is_cancelled(row: AnyRow) -> bool:
    return bool(row.state == OrderState.CANCELLED)
