"""A word for a book means one book, or an error that says what to do."""

from dataclasses import replace

import pytest

from tests.unit.services.test_evaluate_model import STAGED
from tradeops.domain.errors import UnknownRecord
from tradeops.domain.identifiers import BookId, Stage, ValueRef
from tradeops.domain.models import (
    PRIOR_BLEND,
    ModelStanding,
    ModelState,
    StagedModel,
    name_blender,
    open_stage_book,
)
from tradeops.services.find_book import find_book

NEWER = replace(STAGED, model=name_blender(ValueRef("b" * 64)), version=2, book_id=open_stage_book(Stage.SHADOW, 2))


def stand(*staged: StagedModel) -> ModelStanding:
    return ModelStanding(live=PRIOR_BLEND, live_version=0, staged=staged, states={})


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("live", BookId()),
        ("drill", BookId(run="drill")),
        ("shadow", NEWER.book_id),
        ("shadow/shadow/blender_v1", STAGED.book_id),
        ("live/live/live", BookId()),
    ],
)
def test_word_means_this_book(text: str, wanted: BookId) -> None:
    assert find_book(text, stand(STAGED, NEWER)) == wanted


def test_stage_means_only_models_that_stand_there() -> None:
    canary = replace(NEWER, state=ModelState.CANARY, book_id=open_stage_book(Stage.CANARY, 2))

    assert find_book("canary", stand(STAGED, canary)) == canary.book_id
    assert find_book("shadow", stand(STAGED, canary)) == STAGED.book_id


@pytest.mark.parametrize(
    ("text", "hint"), [("canary", "no model is in canary"), ("live/nowhere/live", "names no stage of .*shadow")]
)
def test_book_that_cannot_be_is_refused_with_what_there_is(text: str, hint: str) -> None:
    with pytest.raises(UnknownRecord, match=hint):
        find_book(text, stand(STAGED))
