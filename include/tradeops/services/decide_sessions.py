"""Settles and decides every undecided session of a book, in order."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from tradeops.domain.claims import InboxKey
from tradeops.domain.decisions import CycleRequest, Decision
from tradeops.domain.errors import DataError, OutOfOrderSession
from tradeops.domain.identifiers import BookId
from tradeops.domain.policy import TimePolicy, TradingPolicy
from tradeops.ports.cycle_runner import CycleOutcome, CycleRunner
from tradeops.ports.ledger import Ledger
from tradeops.ports.market_source import MarketSource
from tradeops.ports.trading_calendar import TradingCalendar


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionsDecided:
    """What one call did.

    Args:
        decided: Sessions settled and closed by this call.
        already_decided: 1 when the one session asked for was closed before.
        last: The book's newest closed session; None before the first.
    """

    decided: int
    already_decided: int
    last: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionDecider:
    """Everything that deciding a book's sessions needs.

    Args:
        opens_on: When the books that it decides open; none has a session before.
        settle: Settles one session of one book; harmless when repeated.
    """

    ledger: Ledger
    source: MarketSource
    calendar: TradingCalendar
    policy: TradingPolicy
    opens_on: date
    settle: Callable[[BookId, date], object]
    runner: CycleRunner

    def decide_sessions(
        self,
        book_id: BookId,
        *,
        until: date | None = None,
        only: date | None = None,
        on_progress: Callable[[CycleOutcome], None] = lambda outcome: None,
    ) -> SessionsDecided:
        """Decide every undecided session up to the market clock, or just the next one.

        Args:
            book_id: Whose sessions.
            until: No session after this one.
            only: This session, which must be the book's next, or closed already.
            on_progress: Called after each cycle.

        Raises:
            OutOfOrderSession: `only` is not the next session.
            DataError: No history is loaded.
        """
        last = self.ledger.last_closed_session(book_id)
        if only is not None and last is not None and only <= last:
            return SessionsDecided(decided=0, already_decided=1, last=last)
        decided = 0
        for session in self._list_due(last, until, only):
            outcome = self._decide(book_id, session)
            decided += not outcome.already_decided
            last = session
            on_progress(outcome)
        return SessionsDecided(decided=decided, already_decided=0, last=last)

    def answer_event(
        self,
        book_id: BookId,
        session: date,
        *,
        event: InboxKey,
        superseded: bool = False,
        on_progress: Callable[[CycleOutcome], None] = lambda outcome: None,
    ) -> None:
        """Decide the session that an event speaks of, and before it what is due; an event has its effect once.

        Args:
            book_id: Whose session.
            session: Which.
            event: Its effect is recorded with the decision. One that had its effect gets that cycle
                taken to its end, whatever the policy says of the time of decisions by now.
            superseded: Close the session as skipped: a newer one waits.
            on_progress: Called after each cycle.

        Raises:
            DataError: The market clock has not reached the session, or the exchange was closed.
        """
        cycle_id = self.ledger.find_effect(event)
        if cycle_id is not None:
            on_progress(self._finish(self.ledger.get_decision(cycle_id).decision))
            return
        self._check_loaded(session)
        for due in self._list_due(self.ledger.last_closed_session(book_id), session, None):
            asked = event if due == session else None
            on_progress(self._decide(book_id, due, asked_by=asked, superseded=superseded and due == session))

    def _check_loaded(self, session: date) -> None:
        self.calendar.closes_at(session)
        clock = self.ledger.market_clock()
        if clock is None or session > clock:
            raise DataError(f"{session} is not loaded, the market clock stands at {clock}", session=session)

    def _finish(self, decision: Decision) -> CycleOutcome:
        return self.runner.run_cycle(
            CycleRequest(
                book_id=decision.book_id,
                session=decision.session,
                as_of=decision.as_of,
                next_session=decision.next_session,
            )
        )

    def _list_due(self, last: date | None, until: date | None, only: date | None) -> Iterator[date]:
        clock = self.ledger.market_clock()
        if clock is None:
            raise DataError("no history is loaded; run backfill_history or ingest_market_data first")
        due = self.calendar.sessions(last or self.opens_on, min(until or clock, clock))
        ahead = (session for session in due if last is None or session > last)
        if only is None:
            yield from ahead
        elif (following := next(ahead, None)) == only:
            yield only
        else:
            raise OutOfOrderSession(
                f"{only} is not this book's next session, which is {following or 'not loaded yet'}",
                asked=only,
            )

    def _decide(
        self, book_id: BookId, session: date, *, asked_by: InboxKey | None = None, superseded: bool = False
    ) -> CycleOutcome:
        self.settle(book_id, session)
        following = self.calendar.next_session(session)
        return self.runner.run_cycle(
            CycleRequest(
                book_id=book_id,
                session=session,
                as_of=find_decision_time(session, self.calendar, self.policy.time),
                next_session=following if following <= self.source.last_session else None,
                asked_by=asked_by,
                superseded=superseded,
            )
        )


def find_decision_time(session: date, calendar: TradingCalendar, time: TimePolicy) -> datetime:
    """When a session is decided on: its close, the vendor's delay and ours."""
    minutes = time.vendor_delay_minutes + time.decision_delay_minutes
    return calendar.closes_at(session) + timedelta(minutes=minutes)
