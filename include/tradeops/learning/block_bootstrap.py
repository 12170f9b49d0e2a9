"""Intervals of statistics of a series whose neighbours depend on each other."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator, Philox

from tradeops.domain.canonical import encode_canonical
from tradeops.domain.errors import LearningError
from tradeops.domain.market import FloatArray

Statistic = Callable[[FloatArray], FloatArray]


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A statistic with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockBootstrap:
    """The circular block bootstrap (Politis and Romano 1992): blocks wrap round the end.

    Args:
        seed: A name; equal names draw equal blocks.
        block: Sessions a block.
        draws: Resampled series.
    """

    seed: str
    block: int = 20
    draws: int = 1000

    def estimate(self, series: FloatArray, statistic: Statistic) -> Estimate:
        """The statistic and its 2.5 % and 97.5 % percentiles over resampled series.

        Args:
            series: (T,) or (T, C); rows are sessions and stay together.
            statistic: From (..., T) or, for (T, C), from (..., T, C), to (...).

        Raises:
            LearningError: The series is shorter than a block.
        """
        if len(series) < self.block:
            raise LearningError(f"{len(series)} sessions are fewer than a block of {self.block}")
        resampled = statistic(series[self._draw_rows(len(series))])
        low, high = np.quantile(resampled, (0.025, 0.975))
        return Estimate(value=float(statistic(series)), low=float(low), high=float(high))

    def _draw_rows(self, length: int) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
        digest = hashlib.sha256(encode_canonical([self.seed])).digest()
        generator = Generator(Philox(key=int.from_bytes(digest[:16], "little")))
        blocks = -(-length // self.block)
        starts = generator.integers(0, length, size=(self.draws, blocks, 1))
        rows = (starts + np.arange(self.block)) % length
        return rows.reshape(self.draws, -1)[:, :length]
