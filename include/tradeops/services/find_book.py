"""Which book a person means."""

from tradeops.domain.errors import UnknownRecord
from tradeops.domain.identifiers import BookId, Stage
from tradeops.domain.models import ModelStanding


def find_book(text: str, standing: ModelStanding) -> BookId:
    """The book named `live`, `shadow` or `canary`, `account/stage/run`, or by its run at the live account.

    Args:
        text: What was asked for; a stage means its newest model's account.
        standing: Which models have accounts of their own.

    Raises:
        UnknownRecord: No model stands at that stage, or the stage does not exist.
    """
    if text in (Stage.SHADOW.value, Stage.CANARY.value):
        books = [staged.book_id for staged in standing.staged if staged.state.value == text]
        if not books:
            raise UnknownRecord(f"no model is in {text}; `tradeops models status` shows who stands where", book=text)
        return books[-1]
    parts = text.split("/")
    if len(parts) != len(("account", "stage", "run")):
        return BookId(run=text)
    if parts[1] not in [stage.value for stage in Stage]:
        raise UnknownRecord(f"{text!r} names no stage of {', '.join(stage.value for stage in Stage)}", book=text)
    return BookId(account=parts[0], stage=Stage(parts[1]), run=parts[2])
