"""The decision that the next one goes on from."""

from datetime import date, timedelta

from tradeops.domain.decisions import Decision, Outcome
from tradeops.domain.identifiers import BookId
from tradeops.ports.ledger import DecisionLog

LONGEST_CLOSURE_DAYS = 14


def find_previous_decision(ledger: DecisionLog, book_id: BookId, session: date) -> Decision | None:
    """The newest decision before a session that was really taken: a skipped or held one knows nothing of the slate."""
    last = ledger.last_closed_session(book_id)
    if last is None or last >= session:
        return None
    decision = _find(ledger, book_id, last)
    while decision is not None and decision.outcome in (Outcome.SKIPPED, Outcome.HELD):
        decision = _find_before(ledger, book_id, decision.session)
    return decision


def _find_before(ledger: DecisionLog, book_id: BookId, session: date) -> Decision | None:
    days = (session - timedelta(days=days) for days in range(1, LONGEST_CLOSURE_DAYS + 1))
    return next((found for day in days if (found := _find(ledger, book_id, day)) is not None), None)


def _find(ledger: DecisionLog, book_id: BookId, session: date) -> Decision | None:
    record = ledger.find_decision(book_id, session)
    return None if record is None else record.decision
