"""What a run's summary says of its sessions."""

from tradeops.domain.decisions import Outcome
from tradeops.entrypoints.command_line.summary import describe_outcomes


def test_sessions_that_were_not_decided_are_named_by_what_became_of_them() -> None:
    outcomes = {Outcome.DECIDED: 1200, Outcome.NO_OPINION: 3, Outcome.SKIPPED: 2, Outcome.HELD: 1}
    told = describe_outcomes({**outcomes, Outcome.FINAL_SESSION: 1})
    assert told == (
        "1,203 sessions, 2 skipped for newer ones, 1 held while a store was away, then settled the final session"
    )


def test_a_book_of_decided_sessions_says_no_more() -> None:
    assert describe_outcomes({Outcome.DECIDED: 3}) == "3 sessions"
