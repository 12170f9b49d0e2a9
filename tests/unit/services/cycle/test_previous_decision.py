"""A decision goes on from the last one that was really taken."""

from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest

from tests.contract.examples import BOOK, asked_by, record_of, request_claim, session_after
from tests.fakes.ledger import InMemoryLedger
from tradeops.domain.decisions import Decision, Outcome
from tradeops.services.cycle import previous_decision
from tradeops.services.cycle.previous_decision import find_previous_decision


def close(ledger: InMemoryLedger, day: int, outcome: Outcome = Outcome.DECIDED) -> Decision:
    claim = ledger.claim_cycle(request_claim(day))
    record = record_of(claim)
    if outcome is not Outcome.DECIDED:
        empty = replace(
            record.decision, outcome=outcome, inputs=None, slate=None, orders=(), intents=(), forecasts=None
        )
        record = replace(record, decision=empty)
    ledger.record_decision(claim, record, asked_by(claim))
    ledger.close_cycle(claim)
    return record.decision


def test_nothing_was_decided_before() -> None:
    ledger = InMemoryLedger()
    assert find_previous_decision(ledger, BOOK, session_after(0)) is None
    close(ledger, 0)
    assert find_previous_decision(ledger, BOOK, session_after(0)) is None


def check_skipped_sessions_are_passed_over(ledger: InMemoryLedger) -> None:
    taken = close(ledger, 0)
    for day in (1, 2, 9):
        close(ledger, day, Outcome.SKIPPED)

    assert find_previous_decision(ledger, BOOK, session_after(10)) == taken


def test_skipped_sessions_are_passed_over() -> None:
    check_skipped_sessions_are_passed_over(InMemoryLedger())


def test_mutant_that_goes_on_from_the_skipped_one_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(previous_decision, "Outcome", SimpleNamespace(SKIPPED=None, HELD=None))

    with pytest.raises(AssertionError):
        check_skipped_sessions_are_passed_over(InMemoryLedger())


@pytest.mark.parametrize("outcome", [Outcome.SKIPPED, Outcome.HELD])
def test_a_book_whose_sessions_were_all_closed_without_inputs_has_none(outcome: Outcome) -> None:
    ledger = InMemoryLedger()
    close(ledger, 0, outcome)

    assert find_previous_decision(ledger, BOOK, session_after(0) + timedelta(days=1)) is None
