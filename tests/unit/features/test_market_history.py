"""What a reader sees is what had been told by his time, whatever was told later."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.lake_rows import Told
from tests.fakes.market_source import make_bar
from tests.fakes.trading_calendar import FakeTradingCalendar, business_days
from tradeops.domain.errors import DataError, NotKnownYet, SourceExhausted
from tradeops.domain.identifiers import InstrumentId
from tradeops.domain.market import Bar, CorporateAction
from tradeops.features.market_history import MarketHistory
from tradeops.features.versions import Version, Versions

DELAY = timedelta(minutes=15)
DAYS = business_days(date(2001, 3, 1), 12)
CALENDAR = FakeTradingCalendar(DAYS)
LATER = datetime(2030, 1, 1, tzinfo=UTC)
A, B = InstrumentId("A"), InstrumentId("B")


def due(session: date) -> datetime:
    return CALENDAR.closes_at(session) + DELAY


def lay_out(told: Sequence[Told]) -> MarketHistory:
    return MarketHistory(
        CALENDAR,
        vendor_delay=DELAY,
        first_session=DAYS[0],
        last_session=DAYS[-1],
        bars=[Version(known, fact) for fact, known in told if isinstance(fact, Bar)],
        actions=[Version(known, fact) for fact, known in told if isinstance(fact, CorporateAction)],
    )


def tell_bars(name: str, sessions: Sequence[date], close: str = "10") -> list[Told]:
    return [(make_bar(name, session, close, close), due(session)) for session in sessions]


WRONG, RIGHT = make_bar("A", DAYS[3], "10", "10"), make_bar("A", DAYS[3], "10", "11", 7)
CORRECTED_AT = due(DAYS[5]) - timedelta(minutes=1)


def check_correction(history: MarketHistory) -> None:
    """A bar corrected two sessions later is the old one until then, in every way of reading."""
    seen = []
    for known_at in (due(DAYS[3]), CORRECTED_AT - timedelta(microseconds=1), CORRECTED_AT, LATER):
        bar = history.bar(A, DAYS[3], known_at=known_at)
        window = history.read_window((B, A), DAYS[3], 2, known_at=known_at)
        assert bar is not None and window.reference_prices[A] == bar.close
        assert window.columns["close"][1].tolist() == [20.0, float(bar.close)]
        assert window.columns["volume"][1, 1] == bar.volume
        assert history.count_bars(A, DAYS[3], known_at=known_at) == 4
        seen.append(bar)
    assert seen == [WRONG, WRONG, RIGHT, RIGHT]


def corrected() -> MarketHistory:
    told = [*tell_bars("A", DAYS[:6]), *tell_bars("B", DAYS[:6], "20"), (RIGHT, CORRECTED_AT)]
    return lay_out(told)


def test_a_late_correction_is_invisible_until_it_is_told() -> None:
    check_correction(corrected())


def test_mutant_that_takes_the_newest_version_whatever_the_time_is_found() -> None:
    def newest(self: Versions[Bar], cell: tuple[InstrumentId, date], known_at: datetime) -> Bar | None:
        return versions[-1].fact if (versions := self.of(cell)) else None

    with patch.object(Versions, "newest", newest), pytest.raises(AssertionError):
        check_correction(corrected())


def test_the_newest_known_time_counts_wherever_its_message_lies() -> None:
    backdated = make_bar("A", DAYS[3], "10", "12")
    told = [*tell_bars("A", DAYS[:6]), (RIGHT, CORRECTED_AT), (backdated, due(DAYS[4]))]
    history = lay_out(told)
    seen = [history.bar(A, DAYS[3], known_at=moment) for moment in (due(DAYS[3]), due(DAYS[4]), CORRECTED_AT, LATER)]
    assert seen == [WRONG, backdated, RIGHT, RIGHT]


def test_of_two_versions_with_one_known_time_the_later_message_counts() -> None:
    history = lay_out([*tell_bars("A", DAYS[:4]), (RIGHT, due(DAYS[3]))])
    assert history.bar(A, DAYS[3], known_at=LATER) == RIGHT
    assert history.read_window((A,), DAYS[3], 1, known_at=due(DAYS[3])).columns["close"].item() == 11.0


def test_a_late_first_version_is_a_hole_until_it_is_told() -> None:
    history = lay_out([*tell_bars("A", DAYS[:3]), *tell_bars("B", DAYS[:6], "20"), (RIGHT, CORRECTED_AT)])
    assert history.bar(A, DAYS[3], known_at=due(DAYS[3])) is None
    assert history.count_bars(A, DAYS[3], known_at=due(DAYS[3])) == 3
    with pytest.raises(DataError):
        history.read_window((A,), DAYS[3], 2, known_at=due(DAYS[3]))
    assert history.count_bars(A, DAYS[3], known_at=CORRECTED_AT) == 4
    assert history.read_window((A,), DAYS[3], 2, known_at=CORRECTED_AT).columns["close"].tolist() == [[10.0], [11.0]]


def test_a_late_split_is_invisible_until_it_is_told() -> None:
    split = CorporateAction(instrument=A, session=DAYS[3], ratio=Decimal(2))
    history = lay_out([*tell_bars("A", DAYS[:6]), (split, CORRECTED_AT)])
    assert history.actions(DAYS[3], known_at=due(DAYS[4])) == ()
    assert history.read_window((A,), DAYS[4], 3, known_at=due(DAYS[4])).columns["split"].tolist() == [[1.0]] * 3
    assert history.actions(DAYS[3], known_at=CORRECTED_AT) == (split,)
    window = history.read_window((A,), DAYS[4], 3, known_at=CORRECTED_AT)
    assert window.columns["split"].tolist() == [[1.0], [2.0], [1.0]]


def test_what_is_declared_and_not_loaded_is_told_apart_from_what_does_not_exist() -> None:
    history = lay_out(tell_bars("A", DAYS[:4]))
    assert (history.first_session, history.last_session) == (DAYS[0], DAYS[-1])
    reads: list[Callable[[date], object]] = [
        lambda session: history.bar(A, session, known_at=LATER),
        lambda session: history.actions(session, known_at=LATER),
        lambda session: history.count_bars(A, session, known_at=LATER),
        lambda session: history.read_window((A,), session, 2, known_at=LATER),
    ]
    for read in reads:
        read(DAYS[3])
        with pytest.raises(SourceExhausted, match=r"not loaded \(newest bars: 2001-03-06\); run backfill_history"):
            read(DAYS[4])
    with pytest.raises(NotKnownYet):
        history.bar(A, DAYS[4], known_at=due(DAYS[3]))
    with pytest.raises(SourceExhausted, match="there are no bars"):
        lay_out([]).actions(DAYS[0], known_at=LATER)
    assert lay_out([]).instruments == ()


def test_a_history_that_is_merely_short_ends_no_name() -> None:
    history = lay_out([*tell_bars("A", DAYS[:4]), *tell_bars("B", DAYS[:3])])
    assert history.ended_on(A, known_at=LATER) is None
    assert history.ended_on(B, known_at=due(DAYS[3])) == DAYS[2]
    assert history.ended_on(B, known_at=due(DAYS[3]) - timedelta(microseconds=1)) is None


def test_a_hole_is_no_end_and_a_session_without_any_bar_is_no_evidence() -> None:
    history = lay_out([*tell_bars("A", [DAYS[0], DAYS[2]]), *tell_bars("B", [DAYS[0], DAYS[2]])])
    assert history.ended_on(A, known_at=LATER) is None
    assert history.bar(A, DAYS[1], known_at=LATER) is None


def test_a_day_outside_the_range_is_refused() -> None:
    strange = make_bar("A", DAYS[-1] + timedelta(days=20), "1", "1")
    with pytest.raises(DataError, match="no session of the market data"):
        lay_out([(strange, LATER)])


cells = st.tuples(st.sampled_from("AB"), st.integers(0, 5))
delays = st.sampled_from([timedelta(0), timedelta(0), timedelta(hours=1), timedelta(days=1), timedelta(days=2)])
closes = st.integers(1, 9)


@st.composite
def markets(draw: st.DrawFn) -> list[Told]:
    told: list[Told] = []
    for (name, row), delay, close in draw(st.lists(st.tuples(cells, delays, closes), max_size=20)):
        told.append((make_bar(name, DAYS[row], str(close), str(close)), due(DAYS[row]) + delay))
    for (name, row), delay, ratio in draw(st.lists(st.tuples(cells, delays, closes), max_size=6)):
        action = CorporateAction(instrument=InstrumentId(name), session=DAYS[row], ratio=Decimal(ratio))
        told.append((action, CALENDAR.opens_at(DAYS[row]) + delay))
    # So that every session is loaded and both names exist.
    return [*tell_bars("C", DAYS[:6]), *tell_bars("A", DAYS[:1]), *tell_bars("B", DAYS[:1]), *told]


def look(history: MarketHistory, session: date, known_at: datetime) -> list[object]:
    """Everything that can be read of a session."""
    seen: list[object] = [history.actions(session, known_at=known_at)]
    for name in (A, B):
        seen += [history.bar(name, session, known_at=known_at), history.count_bars(name, session, known_at=known_at)]
        for rows in (1, 3):
            try:
                window = history.read_window((name,), session, rows, known_at=known_at)
            except DataError as error:
                seen.append(str(error))
            else:
                seen += [np.concatenate([*window.columns.values()]).tolist(), window.reference_prices]
    return seen


@settings(max_examples=60, deadline=None)
@given(told=markets(), row=st.integers(0, 5), waited=delays)
def test_what_is_told_later_changes_nothing_that_was_seen(told: list[Told], row: int, waited: timedelta) -> None:
    """A reader's view of the full log equals his view of a log that ends at his time."""
    known_at = due(DAYS[row]) + waited
    before = [(fact, known) for fact, known in told if known <= known_at or fact.instrument == "C"]
    for session in DAYS[: row + 1]:
        assert look(lay_out(told), session, known_at) == look(lay_out(before), session, known_at)


@settings(max_examples=60, deadline=None)
@given(told=markets(), row=st.integers(0, 5), waited=delays)
def test_a_window_says_what_bars_and_actions_say(told: list[Told], row: int, waited: timedelta) -> None:
    history, known_at = lay_out(told), due(DAYS[row]) + waited
    for name in (A, B):
        bars = [history.bar(name, session, known_at=known_at) for session in DAYS[: row + 1]]
        assert history.count_bars(name, DAYS[row], known_at=known_at) == sum(bar is not None for bar in bars)
        if None in bars:
            continue
        window = history.read_window((name,), DAYS[row], row + 1, known_at=known_at)
        ratios = [
            next((action.ratio for action in history.actions(s, known_at=known_at) if action.instrument == name), 1)
            for s in DAYS[: row + 1]
        ]
        assert window.columns["close"][:, 0].tolist() == [float(bar.close) for bar in bars if bar]
        assert window.columns["split"][:, 0].tolist() == [float(ratio) for ratio in ratios]
