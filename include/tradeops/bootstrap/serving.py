"""Joins what the long-running processes do, one unit at a time, to this installation."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime

from tradeops.adapters.trading_calendar_exchange_calendars import ExchangeTradingCalendar
from tradeops.bootstrap.dead_letters import tell_of_dead_letters
from tradeops.bootstrap.event_log import open_event_log
from tradeops.bootstrap.guarded_event_log import open_guarded_event_log
from tradeops.bootstrap.guarded_lake import open_guarded_lake
from tradeops.bootstrap.ledger import open_ledger_by_url
from tradeops.bootstrap.policy import load_policy
from tradeops.bootstrap.runtime import Runtime, Watch, open_runtime
from tradeops.domain.identifiers import BookId
from tradeops.ports.event_log import EventLog
from tradeops.services.announce_features import announce_features
from tradeops.services.drain_events_once import Attempts, DrainCounts, EventDrain, SessionEvent, open_decider
from tradeops.services.drain_in_window import WindowedDrain
from tradeops.services.relay_outbox_once import HOLD, OutboxRelay
from tradeops.services.seal_lake import SealCounts, open_sealer, seal_lake_once
from tradeops.settings import Settings

Unit = Callable[[], bool]
"""Does one unit; False when there was nothing to do."""


def announce_session_features(runtime: Runtime) -> tuple[date, ...]:
    """Say on the log that features of the sessions that were delivered last are there; once each."""
    with closing(open_event_log(runtime.settings.event_log_url)) as log:
        return announce_features(log, runtime.ledger, runtime.calendar, runtime.policy.time)


def answer_event(runtime: Runtime, event: SessionEvent, on_progress: Watch) -> None:
    """Decide what an event asks for: the live book first, then every model in shadow or canary."""
    standing = runtime.standing()
    books = [(BookId(), standing.live), *((staged.book_id, staged.model) for staged in standing.staged)]
    for book_id, model in books:
        with runtime.open_decider(book_id, model) as decider:
            decider.answer_event(
                book_id,
                event.session,
                event=event.name_for(book_id.stream),
                superseded=event.superseded,
                on_progress=on_progress,
            )


@contextmanager
def open_serving(
    settings: Settings, *, most_waiting: int, attempts: Attempts, on_progress: Watch, say: Callable[[str], None]
) -> Iterator[Unit]:
    """A member of the group that decides, while the trading window is open.

    Args:
        settings: Where things are.
        most_waiting: How many sessions, the newest, are decided when more of them wait.
        attempts: Failures so far, kept by the process from opening to opening.
        on_progress: Called after each cycle.
        say: Told what keeps events waiting.
    """
    # The log first: while it is away nothing else is opened in vain.
    with closing(open_guarded_event_log(settings)) as log, open_runtime(settings) as runtime:
        drain = EventDrain(
            answer=lambda event: answer_event(runtime, event, on_progress),
            tell_time=lambda: datetime.now(UTC),
            most_waiting=most_waiting,
            attempts=attempts,
        )
        with WindowedDrain(
            read_window=runtime.ledger.newest_window_change,
            join=lambda: open_decider(log),
            drain=drain.drain_events_once,
            say=say,
        ) as windowed:
            yield lambda: _report(settings, log, windowed.drain_once())


@contextmanager
def open_sealing(settings: Settings) -> Iterator[Unit]:
    """A member of the group that seals."""
    with (
        closing(open_guarded_event_log(settings)) as log,
        open_guarded_lake(settings) as lake,
        open_sealer(log) as consumer,
    ):
        yield lambda: _report(settings, log, seal_lake_once(consumer, lake, at=datetime.now(UTC)))


@contextmanager
def open_relaying(settings: Settings) -> Iterator[Unit]:
    """The one process that relays.

    Raises:
        LeaseHeld: Another one does (retryable).
    """
    with (
        closing(open_ledger_by_url(settings.ledger_url)) as ledger,
        closing(open_guarded_event_log(settings)) as log,
        log.hold(HOLD),
    ):
        relay = OutboxRelay(ledger=ledger, log=log, calendar=ExchangeTradingCalendar(), time=load_policy().time)
        yield lambda: relay.relay_outbox_once() > 0


def _report(settings: Settings, log: EventLog, counts: DrainCounts | SealCounts | None) -> bool:
    """Whether there was something to do; of what died, on-call hears."""
    if counts is None:
        return False
    if counts.dead:
        tell_of_dead_letters(settings, log)
    return True
