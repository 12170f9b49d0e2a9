"""Training and test sessions in time order: expanding, purged, embargoed."""

from dataclasses import dataclass

from tradeops.domain.errors import LearningError
from tradeops.domain.policy import TrainingPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """Positions in the list of sessions: `train` begins with the first one, `test` comes later."""

    train: range
    test: range


def split_sessions(count: int, training: TrainingPolicy) -> tuple[Fold, ...]:
    """Split sessions into folds, oldest first (López de Prado 2018, chapter 7, walk-forward).

    An outcome of session s ends at the open of s + horizon + 1. With `purge` = horizon + 1 sessions
    between training and test, no training outcome touches a test session; with as many left out
    after each test (the embargo), no outcome of one test touches a session of the next.

    Args:
        count: Sessions, without a gap.
        training: Folds, purge, sessions before the first test.

    Raises:
        LearningError: There are too few sessions for a test of one session a fold.
    """
    first = training.minimum_sessions + training.purge
    step = (count - first + training.purge) // training.folds
    if step <= training.purge:
        raise LearningError(
            f"{count} sessions are too few for {training.folds} folds after {first}; load more history "
            "or lower minimum_sessions",
            sessions=count,
        )
    starts = [first + number * step for number in range(training.folds)]
    ends = [start + step - training.purge for start in starts[:-1]]
    return tuple(
        Fold(train=range(start - training.purge), test=range(start, end))
        for start, end in zip(starts, [*ends, count], strict=True)
    )
