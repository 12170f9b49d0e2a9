"""Decides which answers are recomputed, and which models are not to be trusted meanwhile."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from tradeops.domain.errors import ConfigurationError
from tradeops.pricing.option_columns import BoolArray
from tradeops.services.option_tasks import Answer, OptionTask
from tradeops.services.recompute_prices import choose_sample


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchLimits:
    """How closely answers are watched.

    Args:
        check_share: Of each batch's rows that is recomputed by the closed form, in [0, 1]; above 0 at least one row.
        tolerance: What an answer may be off, as a share of the terms it is the sum of, in (0, 1).
    """

    check_share: float = 0.001
    tolerance: float = 1e-10

    def __post_init__(self) -> None:
        if not (0 <= self.check_share <= 1 and 0 < self.tolerance < 1):
            raise ConfigurationError(
                f"pricing needs a check share in [0, 1] and a tolerance in (0, 1), got {self.check_share} and "
                f"{self.tolerance}"
            )


class Checked(NamedTuple):
    """How many rows were recomputed, and (N,) which of them differ."""

    rows: int
    differs: BoolArray


class PriceWatch:
    """Trusts a model until a recomputed row differs; then it recomputes every row, until enough of them agree.

    Enough are as many rows, in whole batches that agree, as the last batch with a difference had.

    Args:
        limits: How closely it looks.
    """

    def __init__(self, limits: WatchLimits) -> None:
        self._limits = limits
        self._owed: dict[str, int] = {}  # rows that must still agree, by model

    @property
    def trusts_all(self) -> bool:
        """Whether no model is under suspicion."""
        return not self._owed

    def distrust(self, task: OptionTask) -> None:
        """Recompute all of this model's rows from now on."""
        self._owed.setdefault(task.model_version, 1)

    def check(self, task: OptionTask, answer: Answer, good: BoolArray, request_id: str) -> Checked:
        """Recompute a sample of the rows that have numbers, or all of them."""
        whole = np.flatnonzero(good)
        sample = 1.0 if task.model_version in self._owed else self._limits.check_share
        places = choose_sample(request_id, good, sample)
        wrong = task.find_wrong(answer, places, self._limits.tolerance)
        if len(wrong):
            self._owed[task.model_version] = len(whole)
            others = np.setdiff1d(whole, places)
            wrong, places = np.append(wrong, task.find_wrong(answer, others, self._limits.tolerance)), whole
        elif len(places) and len(places) == len(whole):
            self._forgive(task.model_version, len(places))
        differs = np.zeros(len(good), dtype=np.bool_)
        differs[wrong] = True
        return Checked(len(places), differs)

    def _forgive(self, model: str, rows: int) -> None:
        owed = self._owed.pop(model, 0) - rows
        if owed > 0:
            self._owed[model] = owed
