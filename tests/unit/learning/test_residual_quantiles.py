from statistics import NormalDist

import numpy as np
import pytest

from tests.unit.examples import policy_with
from tradeops.domain.errors import LearningError
from tradeops.domain.forecasts import Forecasts
from tradeops.domain.identifiers import InstrumentId, ValueRef
from tradeops.domain.learners import LearnerState
from tradeops.domain.policy import BlendPolicy
from tradeops.learning.residual_quantiles import (
    decode_samples,
    extend_residuals,
    normal_quantiles,
    standardise_residuals,
    start_residual_quantiles,
)

NONE = np.empty(0)


def blend(minimum: int = 4, window: int = 6) -> BlendPolicy:
    return policy_with(blend={"residual_minimum": minimum, "residual_window": window}).blend


def test_it_starts_from_the_normal_distribution() -> None:
    state = start_residual_quantiles()
    assert (state.matured, state.samples) == (0, None)
    assert state.parameters == {
        "q05": NormalDist().inv_cdf(0.05),
        "q25": NormalDist().inv_cdf(0.25),
        "q50": 0.0,
        "q75": NormalDist().inv_cdf(0.75),
        "q95": NormalDist().inv_cdf(0.95),
    }


def test_it_stays_normal_until_enough_have_matured() -> None:
    update = extend_residuals(start_residual_quantiles(), NONE, np.array([1.0, 2.0, 3.0]), blend(minimum=4))
    assert update.matured == 3 and dict(update.parameters) == normal_quantiles()


def test_then_it_is_empirical_over_the_latest_samples() -> None:
    first = extend_residuals(start_residual_quantiles(), NONE, np.array([9.0, 8.0, 1.0, 2.0]), blend())
    state = first.to_state(ValueRef("s" * 64))
    second = extend_residuals(state, first.samples, np.array([3.0, 4.0, 5.0, 6.0]), blend(window=6))
    assert second.matured == 8
    assert second.samples.tolist() == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    assert dict(second.parameters) == {"q05": 1.25, "q25": 2.25, "q50": 3.5, "q75": 4.75, "q95": 5.75}


def test_samples_come_back_bit_for_bit_and_states_are_named_by_content() -> None:
    update = extend_residuals(start_residual_quantiles(), NONE, np.array([0.1, 1 / 3]), blend())
    assert decode_samples(update.encode_samples()).tobytes() == update.samples.tobytes()
    one, other = (update.to_state(ValueRef(letter * 64)) for letter in "ab")
    assert one.state_id != other.state_id and isinstance(one, LearnerState)


@pytest.mark.parametrize("matured", [[], [np.nan], [np.inf]])
def test_nothing_or_nonsense_makes_no_state(matured: list[float]) -> None:
    with pytest.raises(LearningError):
        extend_residuals(start_residual_quantiles(), NONE, np.array(matured), blend())


def test_residuals_are_in_standard_deviations_and_censored_names_are_left_out() -> None:
    names = tuple(InstrumentId(name) for name in "ABC")
    forecasts = Forecasts(
        instruments=names,
        score=np.zeros(3),
        mean=np.array([0.01, 0.0, 0.02]),
        sigma=np.array([0.02, 0.05, 0.04]),
        quantiles=np.zeros((3, 5)),
        probability_up=np.full(3, 0.5),
    )
    found = standardise_residuals(forecasts, {names[2]: 0.0, names[0]: 0.05})
    assert found.tolist() == [(0.05 - 0.01) / 0.02, (0.0 - 0.02) / 0.04]
