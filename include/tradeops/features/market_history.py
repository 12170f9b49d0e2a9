"""Daily bars and corporate actions as any reader could have known them at his time."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta

import numpy as np

from tradeops.domain.errors import DataError, NotKnownYet, SourceExhausted
from tradeops.domain.identifiers import InstrumentId
from tradeops.domain.market import Bar, CorporateAction
from tradeops.features.market_columns import MarketColumns
from tradeops.features.versions import Version, Versions
from tradeops.ports.market_source import MarketWindow
from tradeops.ports.trading_calendar import TradingCalendar


class MarketHistory:
    """`MarketSource` over versions of bars and actions: the newest one known at the reader's time counts.

    Everything is laid out once; nothing changes afterwards, so threads and forked processes may share
    an object. It holds no connection.

    Args:
        calendar: When sessions open and close.
        vendor_delay: From a session's close until its bars are due; nobody reads them before.
        first_session: Begin of the source's declared range.
        last_session: End of the source's declared range; what is loaded may end before.
        bars: Versions within the range; those of a name and session in the order of the log.
        actions: Likewise.

    Raises:
        DataError: A bar or an action is of a day outside the range's sessions.
    """

    def __init__(  # noqa: PLR0913 -- by keyword: a range, a delay and two kinds of facts
        self,
        calendar: TradingCalendar,
        *,
        vendor_delay: timedelta,
        first_session: date,
        last_session: date,
        bars: Iterable[Version[Bar]],
        actions: Iterable[Version[CorporateAction]],
    ) -> None:
        self._first, self._last = first_session, last_session
        self._sessions = calendar.sessions(first_session, last_session)
        self._rows = {session: row for row, session in enumerate(self._sessions)}
        self._opens_at = {session: calendar.opens_at(session) for session in self._sessions}
        self._bars_known_at = {s: calendar.closes_at(s) + vendor_delay for s in self._sessions}
        self._bars, self._actions = Versions(bars), Versions(actions)
        self._check_days()
        self._finals: dict[InstrumentId, date] = {}
        for name, session in self._bars:
            self._finals[name] = max(session, self._finals.get(name, session))
        self._loaded = sorted({session for _, session in self._bars})
        self._names = tuple(sorted(self._finals))
        self._acting: dict[date, list[InstrumentId]] = {}
        for name, session in sorted(self._actions):
            self._acting.setdefault(session, []).append(name)
        self._columns = MarketColumns(self._sessions, self._names, self._bars_known_at, self._bars, self._actions)

    @property
    def first_session(self) -> date:
        """First session of the declared range."""
        return self._first

    @property
    def last_session(self) -> date:
        """Last session of the declared range, loaded or not."""
        return self._last

    @property
    def instruments(self) -> tuple[InstrumentId, ...]:
        """All names that have a bar, ascending."""
        return self._names

    def bar(self, instrument: InstrumentId, session: date, *, known_at: datetime) -> Bar | None:
        """The bar, or None if the name did not trade in that session or nobody had told by then."""
        self._check_known(self._bars_known_at, session, known_at)
        self._check_name(instrument)
        return self._bars.newest((instrument, session), known_at)

    def actions(self, session: date, *, known_at: datetime) -> tuple[CorporateAction, ...]:
        """Splits and dividends with that ex-date, ascending by instrument."""
        self._check_known(self._opens_at, session, known_at)
        found = (self._actions.newest((name, session), known_at) for name in self._acting.get(session, ()))
        return tuple(action for action in found if action is not None)

    def ended_on(self, instrument: InstrumentId, *, known_at: datetime) -> date | None:
        """Session of the name's final bar, once a loaded session without it is known."""
        self._check_name(instrument)
        final = self._finals[instrument]
        missing = next((session for session in self._loaded if session > final), None)
        return final if missing is not None and known_at >= self._bars_known_at[missing] else None

    def count_bars(self, instrument: InstrumentId, session: date, *, known_at: datetime) -> int:
        """How many bars the name has up to and including the session."""
        self._check_known(self._bars_known_at, session, known_at)
        self._check_name(instrument)
        return self._columns.count_bars(instrument, self._rows[session], known_at)

    def read_window(
        self, names: tuple[InstrumentId, ...], session: date, rows: int, *, known_at: datetime
    ) -> MarketWindow:
        """The last `rows` sessions up to `session` for names that traded in all of them."""
        self._check_known(self._bars_known_at, session, known_at)
        for name in names:
            self._check_name(name)
        end = self._rows[session] + 1
        window = self._columns.read(names, max(end - rows, 0), end, known_at)
        bars = {name: self._bars.newest((name, session), known_at) for name in names}
        if rows > end or np.isnan(window["close"]).any():
            raise DataError(f"not all of {', '.join(names)} traded in the {rows} sessions to {session}")
        closes = {name: bar.close for name, bar in bars.items() if bar is not None}
        return MarketWindow(sessions=self._sessions[end - rows : end], columns=window, reference_prices=closes)

    def _check_days(self) -> None:
        strange = next(
            (cell for cells in (self._bars, self._actions) for cell in cells if cell[1] not in self._rows), None
        )
        if strange is not None:
            raise DataError(
                f"{strange[0]} has a bar or an action of {strange[1]}, which is no session of the market data"
            )

    def _check_name(self, instrument: InstrumentId) -> None:
        if instrument not in self._finals:
            raise DataError(f"the market data hold no {instrument}", instrument=instrument)

    def _check_known(self, times: Mapping[date, datetime], session: date, known_at: datetime) -> None:
        if session > self._last:
            raise SourceExhausted(f"the market data end on {self._last}, before {session}")
        if session not in times:
            raise DataError(f"{session} is no session of the market data", session=session)
        if times[session] > known_at:
            raise NotKnownYet(
                f"{session} is known at {times[session].isoformat()}, not at {known_at.isoformat()}",
                at=known_at,
                session=session,
            )
        if not self._loaded or session > self._loaded[-1]:
            newest = f"newest bars: {self._loaded[-1]}" if self._loaded else "there are no bars"
            raise SourceExhausted(
                f"{session} is not loaded ({newest}); run backfill_history or ingest_market_data", session=session
            )
