"""A few years of the bundled market with made-up features, for the services that train."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any

import numpy as np

from agents.roster import build_roster
from tests.fakes.bundled_market import FIRST_SESSION, LAST_SESSION, VENDOR_DELAY, find_bundled_file, read_facts
from tests.unit.examples import policy_with
from tradeops.adapters.trading_calendar_exchange_calendars import ExchangeTradingCalendar
from tradeops.domain.errors import UnknownRecord
from tradeops.domain.features import FeatureRows
from tradeops.domain.identifiers import InstrumentId
from tradeops.domain.market import Bar
from tradeops.features.declarations import FEATURE_NAMES, feature_schema
from tradeops.features.market_history import MarketHistory
from tradeops.features.versions import Version
from tradeops.services.gather_training_rows import TrainingHistory

UNTIL, LAST_LOADED = date(2002, 12, 31), date(2003, 2, 28)
FIRST_FEATURES = date(2001, 3, 1)
POLICY = policy_with(training={"folds": 2, "minimum_sessions": 200, "rounds": 10})
NAMES = tuple(InstrumentId(name) for name in ("AAPL", "IBM", "MSFT"))

ChangeBar = Callable[[Bar], Bar]


@cache
def calendar() -> ExchangeTradingCalendar:
    return ExchangeTradingCalendar()


@dataclass(frozen=True)
class SessionFeatures:
    """Numbers in 0..1 that depend on the session alone."""

    first: date = FIRST_FEATURES
    hole: date | None = None

    def read(self, session: date, *, market: int) -> FeatureRows:
        if session < self.first or session == self.hole:
            raise UnknownRecord(f"no features of {session}; run build_features")
        values = np.random.default_rng(session.toordinal()).uniform(0, 1, (len(FEATURE_NAMES), len(NAMES)))
        return FeatureRows(
            session=session,
            market=market,
            schema=feature_schema(),
            instruments=NAMES,
            names=FEATURE_NAMES,
            values=values,
        )


@cache
def lay_out_market(change: ChangeBar | None = None) -> MarketHistory:
    """Bars up to `LAST_LOADED`, each changed by a function of the test's."""
    bars, actions = read_facts(find_bundled_file())
    times = calendar()
    return MarketHistory(
        times,
        vendor_delay=VENDOR_DELAY,
        first_session=FIRST_SESSION,
        last_session=LAST_SESSION,
        bars=[
            Version(times.closes_at(bar.session) + VENDOR_DELAY, change(bar) if change else bar)
            for bar in bars
            if bar.session <= LAST_LOADED
        ],
        actions=[Version(times.opens_at(a.session), a) for a in actions if a.session <= LAST_LOADED],
    )


@dataclass(frozen=True)
class WatchedMarket:
    """Refuses every question about a session after `until`, or asked from a later time than its decision."""

    market: MarketHistory
    until: date

    def __getattr__(self, name: str) -> Any:
        return getattr(self.market, name)

    def bar(self, instrument: InstrumentId, session: date, *, known_at: datetime) -> Bar | None:
        self._watch(session, known_at)
        return self.market.bar(instrument, session, known_at=known_at)

    def actions(self, session: date, *, known_at: datetime) -> Any:
        self._watch(session, known_at)
        return self.market.actions(session, known_at=known_at)

    def read_window(self, names: Any, session: date, rows: int, *, known_at: datetime) -> Any:
        self._watch(session, known_at)
        return self.market.read_window(names, session, rows, known_at=known_at)

    def _watch(self, session: date, known_at: datetime) -> None:
        assert session <= self.until, f"{session} lies after {self.until}"
        assert known_at.date() <= self.until, f"asked at {known_at}"


def open_history(**changes: Any) -> TrainingHistory:
    history = TrainingHistory(
        source=lay_out_market(),
        features=SessionFeatures(),
        calendar=calendar(),
        policy=POLICY,
        roster=build_roster(POLICY),
        market=1,
    )
    return dataclasses.replace(history, **changes)
