"""The market clock moves forward, once a request, and never past what the source holds."""

from datetime import date

import pytest

from tests.fakes.ledger import InMemoryLedger
from tests.fakes.market_source import FakeMarketSource, make_bar
from tests.fakes.trading_calendar import FakeTradingCalendar, business_days
from tradeops.domain.errors import ConfigurationError, CycleConflict, SourceExhausted
from tradeops.services.move_market_clock import ClockMover

DAYS = business_days(date(2001, 3, 1), 30)


@pytest.fixture
def mover() -> ClockMover:
    calendar = FakeTradingCalendar(DAYS)
    source = FakeMarketSource(calendar, [make_bar("A", day, "10", "10") for day in DAYS[:25]])
    return ClockMover(ledger=InMemoryLedger(), source=source, calendar=calendar)


def test_first_load_closes_every_session_up_to_the_date(mover: ClockMover) -> None:
    move = mover.load_history(DAYS[9], requested_by="a")

    assert (move.before, move.after, move.sessions) == (None, DAYS[9], 10)
    assert mover.ledger.market_clock() == DAYS[9]


def test_load_up_to_a_day_without_session_ends_at_the_session_before(mover: ClockMover) -> None:
    saturday = date(2001, 3, 10)

    assert mover.load_history(saturday, requested_by="a").after == date(2001, 3, 9)


@pytest.mark.parametrize("until", [DAYS[9], DAYS[3]], ids=["same date", "earlier date"])
def test_load_of_what_is_loaded_moves_nothing(until: date, mover: ClockMover) -> None:
    mover.load_history(DAYS[9], requested_by="a")
    move = mover.load_history(until, requested_by="b")

    assert (move.before, move.after, move.sessions) == (DAYS[9], DAYS[9], 0)
    assert mover.ledger.find_clock_move("b") is None


def test_load_past_the_source_is_refused_before_anything_moves(mover: ClockMover) -> None:
    with pytest.raises(SourceExhausted, match="ends on"):
        mover.load_history(DAYS[27], requested_by="a")
    assert mover.ledger.market_clock() is None


def test_ingest_closes_the_next_sessions(mover: ClockMover) -> None:
    mover.load_history(DAYS[9], requested_by="a")
    move = mover.ingest_sessions(3, requested_by="b")

    assert (move.before, move.after, move.sessions) == (DAYS[9], DAYS[12], 3)


def test_same_request_again_moves_nothing_and_gives_the_first_answer(mover: ClockMover) -> None:
    first = mover.ingest_sessions(3, requested_by="b")
    mover.ingest_sessions(1, requested_by="c")

    assert mover.ingest_sessions(3, requested_by="b") == first
    assert mover.ledger.market_clock() == DAYS[3]


def test_last_ingest_closes_what_is_left_and_the_next_one_says_so(mover: ClockMover) -> None:
    mover.load_history(DAYS[22], requested_by="a")

    assert mover.ingest_sessions(20, requested_by="b").sessions == 2
    with pytest.raises(SourceExhausted, match="no session after"):
        mover.ingest_sessions(1, requested_by="c")


@pytest.mark.parametrize("count", [0, -1, 21])
def test_number_of_sessions_outside_one_to_twenty_is_refused(count: int, mover: ClockMover) -> None:
    with pytest.raises(ConfigurationError, match="1 to 20"):
        mover.ingest_sessions(count, requested_by="a")


def test_two_that_move_at_once_do_not_both_move(mover: ClockMover, monkeypatch: pytest.MonkeyPatch) -> None:
    mover.ingest_sessions(2, requested_by="a")
    monkeypatch.setattr(mover.ledger, "market_clock", iter([DAYS[0], DAYS[1]]).__next__)

    with pytest.raises(CycleConflict):
        mover.ingest_sessions(2, requested_by="b")
