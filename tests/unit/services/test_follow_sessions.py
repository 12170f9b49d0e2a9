"""The window opens after a session and closes before the next one, on days that have one."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from tests.fakes.ledger import InMemoryLedger
from tradeops.adapters.trading_calendar_exchange_calendars import ExchangeTradingCalendar
from tradeops.domain.trading_window import WindowChange, WindowState, is_open
from tradeops.services import follow_sessions as module
from tradeops.services.follow_sessions import follow_sessions

CALENDAR = ExchangeTradingCalendar("2026-11-16", "2026-12-04")
OPEN, CLOSED = WindowState.OPEN, WindowState.CLOSED


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-{text}").replace(tzinfo=ZoneInfo("America/New_York")).astimezone(UTC)


def ask(ledger: InMemoryLedger, state: WindowState, when: str) -> str:
    return follow_sessions(ledger, CALENDAR, state, now=at(when), requested_by=f"{state}/{when}")


def check_a_week_with_a_holiday(ledger: InMemoryLedger) -> None:
    """Thanksgiving is the 26th; the 27th closes at 13:00."""
    states = []
    for day in ("25", "26", "27", "30"):
        for state, hour in ((CLOSED, "09:00:02"), (OPEN, "16:05:01")):
            ask(ledger, state, f"11-{day}T{hour}")
            states.append(is_open(ledger.newest_window_change()))
    assert states == [False, True, True, True, False, True, False, True]
    assert [(change.state, change.reason) for change in ledger.list_window_changes()] == [
        (CLOSED, "the session of 2026-11-25 opens"),
        (OPEN, "the session of 2026-11-25 has closed"),
        (CLOSED, "the session of 2026-11-27 opens"),
        (OPEN, "the session of 2026-11-27 has closed"),
        (CLOSED, "the session of 2026-11-30 opens"),
        (OPEN, "the session of 2026-11-30 has closed"),
    ]


def test_window_is_open_from_a_close_to_the_next_open_over_holiday_and_weekend() -> None:
    check_a_week_with_a_holiday(InMemoryLedger())


def test_mutant_that_takes_the_date_of_another_zone_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EXCHANGE_ZONE", ZoneInfo("Pacific/Kiritimati"))
    with pytest.raises(AssertionError):
        check_a_week_with_a_holiday(InMemoryLedger())


@pytest.mark.parametrize(
    ("state", "when", "said"),
    [
        (OPEN, "11-26T16:05", "no session on 2026-11-26: the window stays as it is"),
        (CLOSED, "11-28T09:00", "no session on 2026-11-28: the window stays as it is"),
        (OPEN, "11-25T15:59", "the session of 2026-11-25 has not closed yet: the window stays as it is"),
        (CLOSED, "11-27T13:00", "the session of 2026-11-27 has closed: the window stays as it is"),
    ],
)
def test_runs_that_come_on_other_days_or_late_change_nothing_and_say_so(
    state: WindowState, when: str, said: str
) -> None:
    ledger = InMemoryLedger()
    assert ask(ledger, state, when) == said
    assert ledger.list_window_changes() == ()


def test_what_a_person_closed_stays_closed_and_the_note_says_by_whom() -> None:
    ledger = InMemoryLedger()
    stop = WindowChange(requested_by="1", state=CLOSED, person="ann", reason="bars look wrong", at=at("11-25T12:00"))
    ledger.record_window_change(stop)
    said = ask(ledger, OPEN, "11-25T16:05")
    assert said == f"{stop}; only a person opens it again: tradeops window open"
    assert ledger.newest_window_change() == stop


def test_cleared_run_undoes_nothing() -> None:
    ledger = InMemoryLedger()
    ask(ledger, OPEN, "11-25T16:05")
    ask(ledger, CLOSED, "11-27T09:00")
    ask(ledger, OPEN, "11-25T16:05")
    assert not is_open(ledger.newest_window_change())
