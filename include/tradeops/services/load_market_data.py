"""Loads the market: a source's records go through the log into the lake, then the market clock moves."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from tradeops.domain.claims import ClockMove
from tradeops.domain.errors import ConfigurationError, DataError, LeaseHeld, SourceExhausted
from tradeops.domain.lake_tables import SEALED_AS
from tradeops.domain.policy import TradingPolicy
from tradeops.domain.topics import RAW_TO_VALIDATED
from tradeops.execution.session_market import bar_known_at
from tradeops.ports.event_log import EventLog
from tradeops.ports.lake import Lake
from tradeops.ports.ledger import MarketClock
from tradeops.ports.raw_source import RawSource
from tradeops.ports.trading_calendar import TradingCalendar
from tradeops.services import ingest_events, seal_lake
from tradeops.services.announce_sessions import announce_sessions
from tradeops.services.dead_letters import list_dead_letters
from tradeops.services.publish_records import Publication, publish_records
from tradeops.services.read_log import is_read

HOLD = "market_data"
MOST_SESSIONS = 20
WINDOW_SESSIONS = 250  # published in one append
LOOK_SECONDS = 0.1
FORWARD = "forward"  # batch of everything that follows the clock

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Load:
    """What one request loads: records known after a time until the session `last`, and the sessions it closes."""

    batch: str
    before: date | None
    known_after: datetime | None
    last: date
    closed: tuple[date, ...] = ()

    @property
    def after_it(self) -> date:
        """Where the clock stands when it is done."""
        return self.closed[-1] if self.closed else self.before or self.last


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketLoader:
    """Loads ranges of a source, each request once, one process at a time.

    A process that dies anywhere goes on when the same request comes again: what is published, ingested
    or sealed already is not done twice, and the clock moves last.

    Args:
        log: Where raw records, events and dead letters go.
        lake: Where events are sealed.
        ledger: Holds the market clock.
        source: Where raw records come from.
        calendar: Sessions of the exchange.
        policy: The vendor's delay.
        at: Wall clock, aware UTC, for dead letters.
        wait_seconds: How long to wait for another process that loads, ingests or seals.
        pause: Sleeps so many seconds between two looks at records that another process has in hand;
            without it nobody waits for them. Where `tradeops seal` runs, it seals most of what is loaded.
    """

    log: EventLog
    lake: Lake
    ledger: MarketClock
    source: RawSource
    calendar: TradingCalendar
    policy: TradingPolicy
    at: datetime
    wait_seconds: float = 120.0
    pause: Callable[[float], None] | None = None

    def backfill_history(self, until: date, *, first: date | None = None, requested_by: str) -> ClockMove:
        """Load every session not after `until`; a range that is loaded already is read again.

        What is read again is dropped as duplicate, but for corrections and mended records; what is a
        dead letter already is left to a redrive. Then the move has no sessions.

        Args:
            until: Last day wanted.
            first: Load only from this session on; by default from the clock on, and if that is not
                before `until`, from the source's beginning.
            requested_by: Consumer and event id; the same again returns the move it caused.

        Raises:
            SourceExhausted: The source ends before `until`, or holds no session of the range.
            ConfigurationError: `first` leaves sessions out.
            LeaseHeld: Another process loads, ingests or seals (retryable).
        """
        if until > self.source.last_session:
            raise SourceExhausted(f"the source ends on {self.source.last_session}; ask for a date up to then")
        with self.log.hold(HOLD, wait_seconds=self.wait_seconds):
            if done := self.ledger.find_clock_move(requested_by):
                return done
            return self._load(self._plan_backfill(first, until, requested_by), requested_by)

    def ingest_sessions(self, sessions: int, *, requested_by: str) -> ClockMove:
        """Load up to `sessions` more; the same request again loads nothing.

        Raises:
            ConfigurationError: `sessions` is not in 1..20.
            SourceExhausted: No session is left.
            LeaseHeld: Another process loads, ingests or seals (retryable).
        """
        if not 1 <= sessions <= MOST_SESSIONS:
            raise ConfigurationError(f"sessions must be 1 to {MOST_SESSIONS}, not {sessions}")
        with self.log.hold(HOLD, wait_seconds=self.wait_seconds):
            if done := self.ledger.find_clock_move(requested_by):
                return done
            before = self.ledger.market_clock()
            start = self.source.first_session if before is None else before + _DAY
            closed = self.calendar.sessions(start, self.source.last_session)[:sessions]
            if not closed:
                raise SourceExhausted(f"the source holds no session after {before}", before=before)
            return self._load(self._plan_forward(before, closed), requested_by)

    def _plan_backfill(self, first: date | None, until: date, requested_by: str) -> _Load:
        before, start = self.ledger.market_clock(), max(first or date.min, self.source.first_session)
        wanted = self.calendar.sessions(start, until)
        if not wanted:
            raise SourceExhausted(f"the source holds no session from {start} to {until}", before=before)
        closed = tuple(session for session in wanted if before is None or session > before)
        if first is None and closed:
            return self._plan_forward(before, closed)
        if before is not None and closed:
            self._refuse_hole(before, start)
        known_after = self._known_before(start)
        return _Load(batch=requested_by, before=before, known_after=known_after, last=wanted[-1], closed=closed)

    def _plan_forward(self, before: date | None, closed: tuple[date, ...]) -> _Load:
        known = None if before is None else self._known(before)
        return _Load(batch=FORWARD, before=before, known_after=known, last=closed[-1], closed=closed)

    def _refuse_hole(self, before: date, first: date) -> None:
        left_out = self.calendar.sessions(before + _DAY, first - _DAY)
        if left_out:
            raise ConfigurationError(
                f"the clock stands at {before}: from {first} on would leave out {left_out[0]} … {left_out[-1]}; "
                f"begin at {left_out[0]} or before",
                before=before,
            )

    def _known(self, session: date) -> datetime:
        return bar_known_at(self.calendar, self.policy.time, session)

    def _known_before(self, first: date) -> datetime | None:
        """When the bar of the session before `first` was known; None at the source's beginning."""
        earlier = self.calendar.sessions(self.source.first_session, first - _DAY)
        return self._known(earlier[-1]) if earlier else None

    def _load(self, load: _Load, requested_by: str) -> ClockMove:
        published = publish_records(self.log, self.source, self._cut(load))
        wanted = self._end_offsets(RAW_TO_VALIDATED)
        ingested = ingest_events.ingest_events(self.log, is_session=self._is_session, at=self.at)
        self._check_reached(ingest_events.GROUP, wanted)
        wanted = self._end_offsets(SEALED_AS)
        sealed = seal_lake.seal_lake(self.log, self.lake, at=self.at)
        self._check_reached(seal_lake.GROUP, wanted)
        announce_sessions(self.log, self.calendar, self.policy.time, load.closed)
        move = ClockMove(
            before=load.before,
            after=load.after_it,
            sessions=len(load.closed),
            requested_by=requested_by,
            positions=seal_lake.sealed_positions(self.log),
            counts={
                "published": published,
                "validated": ingested.validated,
                "dead": ingested.dead + sealed.dead,
                "sealed": sealed.sealed,
                "duplicates": sealed.duplicates,
            },
        )
        self.ledger.record_clock_move(move)
        return move

    def _cut(self, load: _Load) -> Publication:
        sessions = self.calendar.sessions(self.source.first_session, load.last)
        ends = [self._known(session) for session in sessions[::-WINDOW_SESSIONS]]
        again = () if load.batch == FORWARD else list_dead_letters(self.log)
        dead = frozenset((letter.topic, letter.value) for letter in again)
        return Publication(batch=load.batch, after=load.known_after, ends=ends[::-1], left_out=dead)

    def _is_session(self, day: date) -> bool:
        try:
            return bool(self.calendar.closes_at(day))
        except DataError:
            return False

    def _end_offsets(self, topics: Iterable[str]) -> dict[str, Mapping[int, int]]:
        return {topic: self.log.end_offsets(topic) for topic in topics}

    def _check_reached(self, group: str, wanted: Mapping[str, Mapping[int, int]]) -> None:
        looks = int(self.wait_seconds / LOOK_SECONDS)
        for topic, ends in wanted.items():
            while not is_read(self.log, group, topic, until=ends):
                if self.pause and looks:
                    looks -= 1
                    self.pause(LOOK_SECONDS)
                    continue
                raise LeaseHeld(
                    f"another process of the group {group} still reads {topic}; try again when it is through",
                    topic=topic,
                )
