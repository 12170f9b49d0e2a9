"""What every source of bars keeps: the history of the bundled file, and a market written down in a test."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest

from tests.fakes.bundled_market import load_bundled_market
from tests.fakes.lake import InMemoryLake
from tests.fakes.lake_rows import Told, seal_told
from tests.fakes.market_source import FakeMarketSource, make_bar
from tests.fakes.trading_calendar import FakeTradingCalendar, business_days
from tradeops.adapters.trading_calendar_exchange_calendars import ExchangeTradingCalendar
from tradeops.domain.errors import DataError, NotKnownYet, SourceExhausted
from tradeops.domain.identifiers import InstrumentId
from tradeops.domain.market import VIEW_COLUMNS, CorporateAction
from tradeops.ports.market_source import MarketSource
from tradeops.ports.trading_calendar import TradingCalendar
from tradeops.services.load_market_history import load_market_history

DELAY = timedelta(minutes=15)
LATER = datetime(2030, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Case:
    """A source with a split and a dividend, and a name that is listed later than the others."""

    source: MarketSource
    calendar: TradingCalendar
    split: tuple[InstrumentId, date, Decimal]
    dividend: tuple[InstrumentId, date, Decimal]
    late: tuple[InstrumentId, date]

    def known_at(self, session: date) -> datetime:
        return self.calendar.closes_at(session) + DELAY


def bundled_case() -> Case:
    calendar = ExchangeTradingCalendar()
    aapl, goog, ibm = (InstrumentId(name) for name in ("AAPL", "GOOG", "IBM"))
    return Case(
        source=load_bundled_market(calendar),
        calendar=calendar,
        split=(aapl, date(2005, 2, 28), Decimal(2)),
        dividend=(ibm, date(2005, 2, 8), Decimal("0.18")),
        late=(goog, date(2004, 8, 19)),
    )


def written_case() -> Case:
    days = business_days(date(2001, 3, 1), 40)
    calendar = FakeTradingCalendar(days)
    old, late = InstrumentId("OLD"), InstrumentId("LATE")
    bars = [make_bar("OLD", day, "10", "10.005", 1000 + row) for row, day in enumerate(days[:35])]
    bars += [make_bar("LATE", day, "20", "21") for day in days[20:35]]
    actions = (
        CorporateAction(instrument=old, session=days[25], ratio=Decimal(2)),
        CorporateAction(instrument=old, session=days[28], dividend=Decimal("0.18")),
    )
    source = FakeMarketSource(calendar, bars, actions)
    return Case(source, calendar, (old, days[25], Decimal(2)), (old, days[28], Decimal("0.18")), (late, days[20]))


def sealed_case() -> Case:
    """The written market, read back from a lake."""
    case = written_case()
    written, lake = case.source, InMemoryLake()
    assert isinstance(written, FakeMarketSource)
    told: list[Told] = [(bar, case.known_at(bar.session)) for bar in written._bars.values()]
    told += [(action, case.calendar.opens_at(action.session)) for action in written._actions.values()]
    seal_told(lake, told)
    history = load_market_history(
        lake,
        case.calendar,
        vendor_delay=DELAY,
        first_session=written.first_session,
        last_session=written.last_session,
    )
    return replace(case, source=history)


@pytest.fixture(scope="module", params=[bundled_case, written_case, sealed_case], ids=["bundled", "written", "sealed"])
def case(request: pytest.FixtureRequest) -> Iterator[Case]:
    yield request.param()


def test_a_bar_is_known_when_the_vendor_delivered_it_and_not_a_microsecond_before(case: Case) -> None:
    name, session, _ = case.split
    moment = case.known_at(session)
    bar = case.source.bar(name, session, known_at=moment)
    assert bar is not None and (bar.instrument, bar.session) == (name, session)
    assert all(isinstance(price, Decimal) for price in (bar.open, bar.high, bar.low, bar.close))
    early = moment - timedelta(microseconds=1)
    for ask in (case.source.bar, case.source.count_bars):
        with pytest.raises(NotKnownYet):
            ask(name, session, known_at=early)
    with pytest.raises(NotKnownYet):
        case.source.read_window((name,), session, 2, known_at=early)


def test_an_action_is_known_at_the_open_of_its_ex_date(case: Case) -> None:
    _, session, _ = case.split
    opens_at = case.calendar.opens_at(session)
    assert case.source.actions(session, known_at=opens_at)
    with pytest.raises(NotKnownYet):
        case.source.actions(session, known_at=opens_at - timedelta(microseconds=1))


def test_splits_and_dividends_are_told_on_their_ex_dates(case: Case) -> None:
    name, session, ratio = case.split
    assert case.source.actions(session, known_at=LATER) == (
        CorporateAction(instrument=name, session=session, ratio=ratio),
    )
    name, session, dividend = case.dividend
    assert case.source.actions(session, known_at=LATER) == (
        CorporateAction(instrument=name, session=session, dividend=dividend),
    )
    assert case.source.actions(case.calendar.next_session(session), known_at=LATER) == ()


def test_a_name_has_no_bar_before_it_is_listed(case: Case) -> None:
    name, listed = case.late
    before = case.calendar.sessions(listed - timedelta(days=7), listed)[-2]
    assert case.source.bar(name, before, known_at=LATER) is None
    assert case.source.count_bars(name, before, known_at=LATER) == 0
    assert case.source.count_bars(name, listed, known_at=LATER) == 1
    assert case.source.ended_on(name, known_at=LATER) is None


def test_a_window_holds_the_bars_and_actions_of_its_sessions(case: Case) -> None:
    name, session, ratio = case.split
    end = case.calendar.next_session(session)
    window = case.source.read_window((name,), end, 5, known_at=case.known_at(end))
    assert window.sessions == case.calendar.sessions(end - timedelta(days=20), end)[-5:]
    assert sorted(window.columns) == sorted(VIEW_COLUMNS)
    bars = [case.source.bar(name, day, known_at=LATER) for day in window.sessions]
    assert window.columns["close"][:, 0].tolist() == [float(bar.close) for bar in bars if bar]
    assert window.columns["volume"][:, 0].tolist() == [float(bar.volume) for bar in bars if bar]
    assert window.columns["split"][:, 0].tolist() == [1.0, 1.0, 1.0, float(ratio), 1.0]
    assert window.columns["dividend"][:, 0].tolist() == [0.0] * 5
    assert window.reference_prices == {name: bars[-1].close if bars[-1] else None}
    assert all(column.dtype == np.float64 and column.shape == (5, 1) for column in window.columns.values())


def test_a_window_cannot_be_written_into_the_source(case: Case) -> None:
    name, session, _ = case.split
    window = case.source.read_window((name,), session, 5, known_at=LATER)
    window.columns["close"][:] = 0.0
    again = case.source.read_window((name,), session, 5, known_at=LATER)
    assert (again.columns["close"] > 0).all()


def test_a_window_past_the_listing_or_the_range_is_refused(case: Case) -> None:
    name, listed = case.late
    case.source.read_window((name,), listed, 1, known_at=LATER)
    with pytest.raises(DataError):
        case.source.read_window((name,), listed, 2, known_at=LATER)
    with pytest.raises(DataError):
        case.source.read_window((case.split[0],), case.source.first_session, 2, known_at=LATER)


def test_what_does_not_exist_is_a_data_error(case: Case) -> None:
    name, session, _ = case.split
    with pytest.raises(DataError):
        case.source.bar(InstrumentId("NOBODY"), session, known_at=LATER)
    with pytest.raises(SourceExhausted):
        case.source.bar(name, case.source.last_session + timedelta(days=1), known_at=LATER)
    for closed in (case.source.first_session - timedelta(days=1), date(2001, 3, 3)):
        with pytest.raises(DataError):
            case.source.bar(name, closed, known_at=LATER)


def test_instruments_are_ascending_and_the_range_is_declared(case: Case) -> None:
    assert list(case.source.instruments) == sorted(case.source.instruments)
    first, last = case.source.first_session, case.source.last_session
    assert case.calendar.sessions(first, last)[0] == first
    assert case.calendar.sessions(first, last)[-1] == last


class Hasty(FakeMarketSource):
    """Knows everything at once."""

    def _check_known(self, moment: datetime, known_at: datetime) -> None:  # type: ignore[override]
        pass


class Forgetful(FakeMarketSource):
    """Tells splits a session late."""

    def actions(self, session: date, *, known_at: datetime) -> tuple[CorporateAction, ...]:
        before = self._calendar.sessions(session - timedelta(days=7), session)[-2]
        return super().actions(before, known_at=known_at)


@pytest.mark.parametrize(
    ("mutant", "check"),
    [
        (Hasty, test_a_bar_is_known_when_the_vendor_delivered_it_and_not_a_microsecond_before),
        (Hasty, test_an_action_is_known_at_the_open_of_its_ex_date),
        (Forgetful, test_splits_and_dividends_are_told_on_their_ex_dates),
    ],
)
def test_mutant_fails_the_suite(mutant: type[FakeMarketSource], check: Callable[[Case], None]) -> None:
    sound = written_case()
    assert isinstance(sound.source, FakeMarketSource)
    check(sound)
    broken = mutant(sound.calendar, sound.source._bars.values(), sound.source._actions.values())
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        check(replace(sound, source=broken))
