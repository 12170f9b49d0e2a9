"""Rows are what a decision would have seen, outcomes what followed, and nothing later is read."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import numpy as np
import pytest

from tests.unit.services.training_market import (
    FIRST_FEATURES,
    NAMES,
    UNTIL,
    SessionFeatures,
    WatchedMarket,
    calendar,
    lay_out_market,
    open_history,
)
from tradeops.domain.errors import LearningError, UnknownRecord
from tradeops.domain.market import Bar
from tradeops.features.declarations import FEATURE_NAMES
from tradeops.learning.training_rows import TrainingRows
from tradeops.services.gather_training_rows import VIEW_FEATURES, gather_training_rows
from tradeops.services.update_learners import realised_returns

SHORT = date(2001, 6, 29)


@pytest.fixture(scope="module")
def rows() -> TrainingRows:
    return gather_training_rows(open_history(), UNTIL)


def test_sessions_run_from_the_first_features_to_the_last_outcome(rows: TrainingRows) -> None:
    sessions = calendar().sessions(FIRST_FEATURES, UNTIL)
    assert rows.sessions == sessions[:-6]
    assert rows.instruments == NAMES
    assert list(rows.session) == sorted(rows.session)


def test_a_row_holds_the_scores_and_features_of_its_session(rows: TrainingRows) -> None:
    assert set(VIEW_FEATURES) <= set(FEATURE_NAMES)
    history = open_history()
    for at in (0, 700, len(rows.outcome) - 1):
        session, name = rows.sessions[rows.session[at]], rows.instrument[at]
        built = dict(zip(FEATURE_NAMES, SessionFeatures().read(session, market=1).values[:, name], strict=True))
        single = {key: np.array([value]) for key, value in built.items()}
        agents = {agent.specification.agent: agent for agent in history.roster}
        scores = [agents[agent].assess(single).score[0] for agent in rows.columns.agents]  # type: ignore[attr-defined]
        np.testing.assert_array_equal(rows.inputs[at], [*scores, *(built[key] for key in VIEW_FEATURES)])


def test_an_outcome_is_the_return_that_matures_over_the_horizon(rows: TrainingRows) -> None:
    sessions, market = calendar().sessions(FIRST_FEATURES, UNTIL), lay_out_market()
    for at in range(0, len(rows.outcome), 97):
        window = sessions[rows.session[at] + 1 : rows.session[at] + 7]
        name = rows.instruments[rows.instrument[at]]
        expected = realised_returns(market, [name], window, known_at=calendar().closes_at(date(2003, 1, 2)))
        assert rows.outcome[at] * rows.sigma[at] == pytest.approx(expected[name], rel=1e-12)


def test_no_price_after_the_end_is_read() -> None:
    history = open_history(source=WatchedMarket(lay_out_market(), SHORT))
    assert gather_training_rows(history, SHORT).sessions[-1] < SHORT


def test_mutant_reading_on_is_noticed() -> None:
    history = open_history(source=WatchedMarket(lay_out_market(), date(2001, 6, 20)))
    with pytest.raises(AssertionError):
        gather_training_rows(history, SHORT)


def test_what_happens_after_the_end_is_no_part_of_the_data() -> None:
    known = gather_training_rows(open_history(), SHORT).data_version
    later = open_history(source=lay_out_market(_double_after_the_end))
    earlier = open_history(source=lay_out_market(_double_before_the_end))

    assert gather_training_rows(later, SHORT).data_version == known
    assert gather_training_rows(earlier, SHORT).data_version != known


def test_a_hole_among_the_features_is_an_error_and_no_gap() -> None:
    with pytest.raises(UnknownRecord, match="build_features"):
        gather_training_rows(open_history(features=SessionFeatures(hole=date(2001, 5, 15))), SHORT)


def test_without_any_features_there_is_nothing_to_learn() -> None:
    with pytest.raises(LearningError, match="build_features"):
        gather_training_rows(open_history(features=SessionFeatures(first=date(2010, 1, 4))), SHORT)


def _double_after_the_end(bar: Bar) -> Bar:
    return _double(bar) if bar.session > SHORT else bar


def _double_before_the_end(bar: Bar) -> Bar:
    return _double(bar) if bar.session == date(2001, 6, 12) else bar


def _double(bar: Bar) -> Bar:
    two = Decimal(2)
    return replace(bar, open=two * bar.open, high=two * bar.high, low=two * bar.low, close=two * bar.close)
