"""No outcome of the past reaches into what a model is tested on."""

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.examples import base_policy, policy_with
from tradeops.domain.errors import LearningError
from tradeops.learning.walk_forward import Fold, split_sessions

HORIZON = 5


def find_touching(folds: Sequence[Fold], horizon: int) -> list[tuple[int, int]]:
    """Training sessions whose outcome, from the decision to the exit's open, touches a test session; likewise of
    the sessions of one test and the next."""
    pairs = [(fold.train, fold.test) for fold in folds]
    pairs += [(before.test, after.test) for before, after in pairwise(folds)]
    return [
        (session, later.start)
        for earlier, later in pairs
        for session in earlier
        if session + horizon + 1 >= later.start
    ]


@given(
    count=st.integers(120, 3000),
    folds=st.integers(1, 12),
    minimum=st.integers(20, 600),
    horizon=st.integers(0, 10),
)
def test_no_outcome_of_training_touches_a_test(count: int, folds: int, minimum: int, horizon: int) -> None:
    policy = policy_with(training={"folds": folds, "minimum_sessions": minimum, "purge": horizon + 1})
    try:
        found = split_sessions(count, policy.training)
    except LearningError:
        assert (count - minimum) // folds <= 2 * (horizon + 1)
        return
    assert find_touching(found, horizon) == []
    assert len(found) == folds
    assert found[0].train == range(minimum)
    assert found[-1].test.stop == count
    assert all(fold.train.start == 0 and len(fold.test) >= 1 for fold in found)
    assert all(after.train.stop == before.test.stop for before, after in pairwise(found))


def test_mutant_without_purge_is_found() -> None:
    for purge in range(HORIZON + 1):
        folds = split_sessions(2000, policy_with(training={"purge": purge}).training)
        assert find_touching(folds, HORIZON) != []


def test_the_shipped_policy_purges_its_own_horizon() -> None:
    policy = base_policy()
    assert find_touching(split_sessions(2092, policy.training), policy.blend.horizon) == []


def test_too_little_history_is_told() -> None:
    with pytest.raises(LearningError, match="too few"):
        split_sessions(560, base_policy().training)
