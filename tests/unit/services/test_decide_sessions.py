"""Every undecided session up to the market clock, in order, settled before it is decided."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from tests.contract.examples import BOOK, record_of, request_claim
from tests.fakes.ledger import InMemoryLedger
from tests.fakes.market_source import FakeMarketSource, make_bar
from tests.fakes.trading_calendar import FakeTradingCalendar, business_days
from tests.unit.examples import base_policy
from tradeops.domain.claims import ClockMove, InboxKey
from tradeops.domain.decisions import CycleRequest, Outcome
from tradeops.domain.errors import CycleHeld, DataError, OutOfOrderSession
from tradeops.domain.identifiers import BookId, CycleId, Stage
from tradeops.domain.models import open_stage_book
from tradeops.ports.cycle_runner import CycleOutcome
from tradeops.services.decide_sessions import SessionDecider

BEFORE = (date(2001, 2, 26), date(2001, 2, 27), date(2001, 2, 28))
DAYS = business_days(date(2001, 3, 1), 12)
LAST_OF_SOURCE = DAYS[10]


@dataclass
class Diary:
    """Settles and runs by writing down; a session that ran counts as closed."""

    ledger: InMemoryLedger = field(default_factory=InMemoryLedger)
    lines: list[str] = field(default_factory=list)
    requests: list[CycleRequest] = field(default_factory=list)
    held: date | None = None

    def settle(self, book_id: BookId, session: date) -> None:
        self.lines.append(f"settle {session}")

    def run_cycle(self, request: CycleRequest) -> CycleOutcome:
        if request.session == self.held:
            raise CycleHeld("somebody else")
        self.lines.append(f"decide {request.session}")
        self.requests.append(request)
        self.ledger.closed[request.book_id] = request.session
        return CycleOutcome(
            cycle_id=CycleId("c"), session=request.session, status=Outcome.DECIDED, orders=0, already_decided=False
        )


@pytest.fixture
def diary() -> Diary:
    return Diary()


@pytest.fixture
def decider(diary: Diary) -> SessionDecider:
    calendar = FakeTradingCalendar((*BEFORE, *DAYS))
    bars = [make_bar("A", day, "10", "10") for day in (*BEFORE, *DAYS) if day <= LAST_OF_SOURCE]
    runner: Any = diary
    return SessionDecider(
        ledger=diary.ledger,
        source=FakeMarketSource(calendar, bars),
        calendar=calendar,
        policy=base_policy(),
        opens_on=base_policy().account.opens_on,
        settle=diary.settle,
        runner=runner,
    )


def load(diary: Diary, until: date) -> None:
    before = diary.ledger.market_clock()
    diary.ledger.record_clock_move(ClockMove(before=before, after=until, sessions=1, requested_by=str(until)))


def test_every_session_from_the_account_s_first_to_the_clock_is_settled_then_decided(
    decider: SessionDecider, diary: Diary
) -> None:
    load(diary, DAYS[2])
    done = decider.decide_sessions(BOOK)

    assert diary.lines == [f"{what} {day}" for day in DAYS[:3] for what in ("settle", "decide")]
    assert (done.decided, done.already_decided, done.last) == (3, 0, DAYS[2])


def test_second_call_decides_nothing_until_the_clock_moves(decider: SessionDecider, diary: Diary) -> None:
    load(diary, DAYS[1])
    decider.decide_sessions(BOOK)
    diary.lines.clear()

    again = decider.decide_sessions(BOOK)
    assert (again.decided, again.last, diary.lines) == (0, DAYS[1], [])
    load(diary, DAYS[2])
    assert decider.decide_sessions(BOOK).decided == 1
    assert diary.lines == [f"settle {DAYS[2]}", f"decide {DAYS[2]}"]


@pytest.mark.parametrize(("until", "count"), [(DAYS[1], 2), (DAYS[8], 5), (BEFORE[0], 0)])
def test_no_session_after_until_or_after_the_clock_is_decided(
    until: date, count: int, decider: SessionDecider, diary: Diary
) -> None:
    load(diary, DAYS[4])

    assert decider.decide_sessions(BOOK, until=until).decided == count


def test_only_decides_the_next_session_and_no_other(decider: SessionDecider, diary: Diary) -> None:
    load(diary, DAYS[4])

    assert decider.decide_sessions(BOOK, only=DAYS[0]).decided == 1
    assert [request.session for request in diary.requests] == [DAYS[0]]


def test_only_says_that_a_closed_session_is_already_decided(decider: SessionDecider, diary: Diary) -> None:
    load(diary, DAYS[4])
    decider.decide_sessions(BOOK, until=DAYS[2])
    done = decider.decide_sessions(BOOK, only=DAYS[1])

    assert (done.decided, done.already_decided, done.last) == (0, 1, DAYS[2])
    assert len(diary.requests) == 3


@pytest.mark.parametrize("only", [BEFORE[1], DAYS[1], DAYS[6], date(2001, 3, 3)])
def test_only_refuses_any_session_but_the_next_one(only: date, decider: SessionDecider, diary: Diary) -> None:
    load(diary, DAYS[4])

    with pytest.raises(OutOfOrderSession, match=f"is not this book's next session, which is {DAYS[0]}"):
        decider.decide_sessions(BOOK, only=only)
    assert diary.lines == []


def test_only_refuses_a_session_that_is_not_loaded_yet(decider: SessionDecider, diary: Diary) -> None:
    load(diary, DAYS[0])
    decider.decide_sessions(BOOK)

    with pytest.raises(OutOfOrderSession, match="not loaded yet"):
        decider.decide_sessions(BOOK, only=DAYS[1])


def test_final_session_of_the_source_has_no_session_to_fill_in(decider: SessionDecider, diary: Diary) -> None:
    load(diary, LAST_OF_SOURCE)
    decider.decide_sessions(BOOK)

    assert [request.next_session for request in diary.requests] == [*DAYS[1:11], None]


def test_nothing_loaded_is_an_error_with_its_remedy(decider: SessionDecider) -> None:
    with pytest.raises(DataError, match="run backfill_history"):
        decider.decide_sessions(BOOK)


def test_held_cycle_stops_the_loop_after_what_is_decided(decider: SessionDecider, diary: Diary) -> None:
    load(diary, DAYS[4])
    diary.held = DAYS[2]

    with pytest.raises(CycleHeld):
        decider.decide_sessions(BOOK)
    assert diary.ledger.last_closed_session(BOOK) == DAYS[1]


def test_progress_is_told_after_each_session(decider: SessionDecider, diary: Diary) -> None:
    load(diary, DAYS[2])
    told: list[date] = []
    decider.decide_sessions(BOOK, on_progress=lambda outcome: told.append(outcome.session))

    assert told == list(DAYS[:3])


def test_books_are_decided_apart(decider: SessionDecider, diary: Diary) -> None:
    load(diary, DAYS[2])
    other = BookId(run="other")
    decider.decide_sessions(BOOK)

    assert decider.decide_sessions(other).decided == 3
    assert {request.book_id for request in diary.requests} == {BOOK, other}


def check_later_book_begins_with_its_first_session(
    decider: SessionDecider, diary: Diary, enter: Callable[[SessionDecider, date], SessionDecider]
) -> None:
    """A model that entered its stage in the fourth session decides that one first, beside the live book."""
    load(diary, DAYS[4])
    decider.decide_sessions(BOOK)
    diary.lines.clear()
    done = enter(decider, DAYS[3]).decide_sessions(open_stage_book(Stage.SHADOW, 1))

    assert (done.decided, done.last) == (2, DAYS[4])
    assert diary.lines == [f"{what} {day}" for day in DAYS[3:5] for what in ("settle", "decide")]
    assert decider.decide_sessions(BOOK).decided == 0


def test_a_book_that_opens_later_begins_with_its_first_session(decider: SessionDecider, diary: Diary) -> None:
    check_later_book_begins_with_its_first_session(decider, diary, lambda made, day: replace(made, opens_on=day))


def test_mutant_that_opens_every_book_with_the_account_is_found(decider: SessionDecider, diary: Diary) -> None:
    with pytest.raises(AssertionError):
        check_later_book_begins_with_its_first_session(decider, diary, lambda made, _day: made)


def test_decision_time_is_the_close_and_both_delays(decider: SessionDecider, diary: Diary) -> None:
    load(diary, DAYS[0])
    decider.decide_sessions(BOOK)

    assert diary.requests[0].as_of == datetime(2001, 3, 1, 21, 30, tzinfo=UTC)


def key(session: date, event_id: str = "e") -> InboxKey:
    return InboxKey(consumer=BOOK.stream, topic="market.features", event_id=f"{event_id} {session}")


def test_event_decides_its_session_under_its_key_and_before_it_what_is_due(
    decider: SessionDecider, diary: Diary
) -> None:
    load(diary, DAYS[4])
    decider.answer_event(BOOK, DAYS[2], event=key(DAYS[2]))

    assert diary.lines == [f"{what} {day}" for day in DAYS[:3] for what in ("settle", "decide")]
    assert [request.asked_by for request in diary.requests] == [None, None, key(DAYS[2])]
    assert not any(request.superseded for request in diary.requests)


def test_superseded_event_skips_its_own_session_only(decider: SessionDecider, diary: Diary) -> None:
    load(diary, DAYS[4])
    decider.answer_event(BOOK, DAYS[1], event=key(DAYS[1]), superseded=True)

    assert [(request.session, request.superseded) for request in diary.requests] == [(DAYS[0], False), (DAYS[1], True)]
    assert diary.lines[-2:] == [f"settle {DAYS[1]}", f"decide {DAYS[1]}"]


def test_event_of_a_session_that_is_closed_already_does_nothing(decider: SessionDecider, diary: Diary) -> None:
    load(diary, DAYS[4])
    decider.decide_sessions(BOOK, until=DAYS[3])
    diary.lines.clear()
    decider.answer_event(BOOK, DAYS[1], event=key(DAYS[1]))

    assert diary.lines == []


@pytest.mark.parametrize("session", [DAYS[5], date(2001, 3, 3)])
def test_event_of_a_session_that_is_not_loaded_or_never_was_is_refused(
    session: date, decider: SessionDecider, diary: Diary
) -> None:
    load(diary, DAYS[4])

    with pytest.raises(DataError):
        decider.answer_event(BOOK, session, event=key(session))
    assert diary.lines == []


def check_repeated_event_ends_the_cycle_that_it_began(decider: SessionDecider, diary: Diary) -> None:
    """Also when the policy decides a minute later by now: a cycle at another time would be a second decision."""
    load(diary, DAYS[0])
    claim = diary.ledger.claim_cycle(request_claim())
    record = record_of(claim)
    diary.ledger.record_decision(claim, record, key(DAYS[0]))
    later = replace(decider.policy, time=replace(decider.policy.time, decision_delay_minutes=16))
    replace(decider, policy=later).answer_event(BOOK, DAYS[0], event=key(DAYS[0]))

    assert [request.as_of for request in diary.requests] == [record.decision.as_of]
    assert "settle" not in "".join(diary.lines)


def test_repeated_event_ends_the_cycle_that_it_began(decider: SessionDecider, diary: Diary) -> None:
    check_repeated_event_ends_the_cycle_that_it_began(decider, diary)


def test_mutant_without_an_inbox_decides_again_at_another_time(
    decider: SessionDecider, diary: Diary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(InMemoryLedger, "find_effect", lambda *_: None)

    with pytest.raises(AssertionError):
        check_repeated_event_ends_the_cycle_that_it_began(decider, diary)
