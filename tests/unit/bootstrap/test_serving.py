"""An event is answered on every book: the live one first, each under a name of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest

from tradeops.bootstrap.serving import answer_event
from tradeops.domain.errors import CorruptInput
from tradeops.domain.identifiers import BookId, Stage
from tradeops.domain.models import PRIOR_BLEND, ModelRef, open_stage_book
from tradeops.services.drain_events_once import SessionEvent

STAGED = SimpleNamespace(book_id=open_stage_book(Stage.SHADOW, 1), model=ModelRef("blender/b"))
EVENT = SessionEvent(session=date(2001, 3, 7), event_id="e", superseded=True)


@dataclass
class Remembering:
    """A runtime whose deciders write down what they are asked; the broken book's one fails."""

    asked: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    broken: BookId | None = None
    closed: int = 0

    def standing(self) -> SimpleNamespace:
        return SimpleNamespace(live=PRIOR_BLEND, staged=(STAGED,))

    @contextmanager
    def open_decider(self, book_id: BookId, model: ModelRef) -> Iterator[SimpleNamespace]:
        def answer(book: BookId, session: date, **named: Any) -> None:
            assert (book, session) == (book_id, EVENT.session)
            if book == self.broken:
                raise CorruptInput("its values were changed")
            self.asked.append((str(book), model, named))

        try:
            yield SimpleNamespace(answer_event=answer)
        finally:
            self.closed += 1


def test_live_is_answered_first_then_staged_books_each_with_its_model_and_key() -> None:
    runtime: Any = Remembering()
    answer_event(runtime, EVENT, print)

    assert [(book, model) for book, model, _ in runtime.asked] == [
        (str(BookId()), PRIOR_BLEND),
        (str(STAGED.book_id), STAGED.model),
    ]
    keys = [named["event"] for _, _, named in runtime.asked]
    assert [key.consumer for key in keys] == [BookId().stream, STAGED.book_id.stream]
    assert {(key.topic, key.event_id) for key in keys} == {("market.features", "e")}
    assert all(named["superseded"] and named["on_progress"] is print for _, _, named in runtime.asked)
    assert runtime.closed == 2


def test_live_is_decided_also_when_a_staged_book_is_broken() -> None:
    runtime: Any = Remembering(broken=STAGED.book_id)

    with pytest.raises(CorruptInput):
        answer_event(runtime, EVENT, print)
    assert [book for book, _, _ in runtime.asked] == [str(BookId())]
