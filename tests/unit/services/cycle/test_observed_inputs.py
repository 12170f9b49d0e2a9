"""What a cycle reads: the market and the features as they stood at the first claim, for the same names."""

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time

import numpy as np
import pytest

from tests.contract.examples import BOOK, IBM, request_claim, settlement_of
from tests.fakes.ledger import InMemoryLedger
from tests.fakes.market_source import FakeMarketSource, make_bar
from tests.fakes.trading_calendar import FakeTradingCalendar, business_days
from tests.unit.examples import base_policy
from tradeops.domain.decisions import CycleRequest
from tradeops.domain.errors import DataError, UnknownRecord
from tradeops.domain.features import FeatureRows
from tradeops.domain.identifiers import InstrumentId
from tradeops.domain.market import MarketView, Watermark
from tradeops.ports.market_source import MarketSource
from tradeops.services.cycle.observed_inputs import ObservedInputs, align_features

SESSIONS = business_days(date(2001, 2, 22), 6)
TODAY = SESSIONS[-1]
AAPL, MSFT = InstrumentId("AAPL"), InstrumentId("MSFT")
UNIVERSE = replace(base_policy().universe, names=(AAPL, IBM), minimum_bars=4, lookback=4)


def make_rows(session: date, market: int, *, instruments: tuple[InstrumentId, ...] = (AAPL, IBM)) -> FeatureRows:
    values = np.arange(2.0 * len(instruments)).reshape(2, -1) + 100 * market
    return FeatureRows(
        session=session, market=market, schema="s", instruments=instruments, names=("ret_1", "rsi_14"), values=values
    )


@dataclass
class GivenFeatures:
    """Built after two moves of the clock; answers with the newest that is not later."""

    asked: list[tuple[date, int]] = field(default_factory=list)

    def read(self, session: date, *, market: int) -> FeatureRows:
        self.asked.append((session, market))
        if session != TODAY:
            raise UnknownRecord(f"no features of {session}; build_features makes them")
        return make_rows(session, min(market, 2))


def make_source(last_close: str) -> MarketSource:
    closes = ["10", "10.5", "11", "10.2", "10.4", last_close]
    bars = [make_bar(n, day, "10", c) for n in ("AAPL", "IBM", "MSFT") for day, c in zip(SESSIONS, closes, strict=True)]
    return FakeMarketSource(FakeTradingCalendar(SESSIONS), bars)


HISTORIES = {1: make_source("10.6"), 2: make_source("10.7")}  # the second move corrected a close


def read_view(market: int, features: GivenFeatures, session: date = TODAY) -> MarketView:
    ledger = InMemoryLedger()
    claim = ledger.claim_cycle(request_claim())
    ledger.record_settlement(replace(settlement_of(0), session=session, learner_states={}), ())
    claim = replace(claim, watermark=Watermark(market=market, ledger=claim.watermark.ledger))
    inputs = ObservedInputs(
        ledger=ledger, histories=lambda market: HISTORIES[market], features=features, universe=UNIVERSE
    )
    return inputs.read(make_request(session), claim).view


def make_request(session: date) -> CycleRequest:
    as_of = datetime.combine(session, time(21, 30), UTC)
    return CycleRequest(book_id=BOOK, session=session, as_of=as_of, next_session=None)


def test_view_holds_the_features_of_its_session_for_its_names() -> None:
    features = GivenFeatures()
    view = read_view(1, features)

    assert features.asked == [(TODAY, 1)]
    assert view.instruments == (AAPL, IBM)
    assert {name: values.tolist() for name, values in view.features.items()} == {
        "ret_1": [100.0, 101.0],
        "rsi_14": [102.0, 103.0],
    }


def test_redo_sees_market_and_features_of_the_first_claim_and_a_later_cycle_the_correction() -> None:
    before, after = (read_view(market, GivenFeatures()) for market in (1, 2))

    assert before.value("close", AAPL, TODAY) == 10.6
    assert after.value("close", AAPL, TODAY) == 10.7
    assert (before.features["ret_1"][0], after.features["ret_1"][0]) == (100.0, 200.0)


def test_session_without_features_cannot_be_decided() -> None:
    with pytest.raises(UnknownRecord, match="build_features"):
        read_view(1, GivenFeatures(), SESSIONS[-2])


def test_session_in_which_no_name_has_enough_bars_cannot_be_decided() -> None:
    with pytest.raises(DataError, match="no name has 4 bars"):
        read_view(1, GivenFeatures(), SESSIONS[2])


def test_features_are_aligned_by_name_and_unknown_where_the_rows_lack_it() -> None:
    rows = make_rows(TODAY, 0, instruments=(AAPL, IBM, MSFT))
    aligned = align_features(rows, (InstrumentId("A"), AAPL, MSFT))

    assert np.array_equal(aligned["ret_1"], [np.nan, 0.0, 2.0], equal_nan=True)
    assert np.array_equal(aligned["rsi_14"], [np.nan, 3.0, 5.0], equal_nan=True)


def test_mutant_that_takes_the_rows_in_their_own_order_is_found() -> None:
    rows = make_rows(TODAY, 0, instruments=(AAPL, IBM, MSFT))
    unaligned = dict(zip(rows.names, rows.values[:, :2], strict=True))

    assert align_features(rows, (AAPL, MSFT))["ret_1"].tolist() != unaligned["ret_1"].tolist()
