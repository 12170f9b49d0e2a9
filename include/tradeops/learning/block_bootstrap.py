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
    """A statistic with its interval, of 95 % where nothing else is said."""

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
        level: Of the interval; equal tails are left out.
    """

    seed: str
    block: int = 20
    draws: int = 1000
    level: float = 0.95

    def estimate(self, series: FloatArray, statistic: Statistic) -> Estimate:
        """The statistic and the interval of it over resampled series.

        Args:
            series: (T,) or (T, C); rows are sessions and stay together.
            statistic: From (..., T) or, for (T, C), from (..., T, C), to (...).

        Raises:
            LearningError: The series is shorter than a block.
        """
        self._check_length(series)
        resampled = statistic(series[self._draw_rows(len(series))])
        low, high = np.quantile(resampled, self._tails)
        return Estimate(value=float(statistic(series)), low=float(low), high=float(high))

    def estimate_sums(self, rows: FloatArray, statistic: Statistic) -> Estimate:
        """As `estimate`, for a statistic that needs no more than the sums over sessions of some columns.

        It draws the same blocks, adds them from running sums and holds no resampled series, so that
        thousands of sessions with several columns stay small. A draw without a value (NaN) is left out.

        Args:
            rows: (T, C) what each session adds.
            statistic: From (..., C) sums to (...).

        Raises:
            LearningError: Fewer sessions than a block, or no value at all.
        """
        self._check_length(rows)
        starts, length = self._draw_starts(len(rows)), len(rows)
        running = np.cumsum(np.concatenate([np.zeros_like(rows[:1]), rows, rows[: self.block]]), axis=0)
        last = length - (starts.shape[1] - 1) * self.block
        whole = running[starts[:, :-1] + self.block] - running[starts[:, :-1]]
        resampled = statistic(whole.sum(axis=1) + running[starts[:, -1] + last] - running[starts[:, -1]])
        value = float(statistic(rows.sum(axis=0)))
        found = resampled[np.isfinite(resampled)]
        if not np.isfinite(value) or found.size == 0:
            raise LearningError("the statistic has no value over these sessions")
        low, high = np.quantile(found, self._tails)
        return Estimate(value=value, low=float(low), high=float(high))

    @property
    def _tails(self) -> tuple[float, float]:
        # 1 − 0.95 is not 0.05 in binary; rounding gives the percentiles that are meant.
        return round((1 - self.level) / 2, 12), round((1 + self.level) / 2, 12)

    def _check_length(self, series: FloatArray) -> None:
        if len(series) < self.block:
            raise LearningError(f"{len(series)} sessions are fewer than a block of {self.block}")

    def _draw_starts(self, length: int) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
        digest = hashlib.sha256(encode_canonical([self.seed])).digest()
        generator = Generator(Philox(key=int.from_bytes(digest[:16], "little")))
        blocks = -(-length // self.block)
        return generator.integers(0, length, size=(self.draws, blocks))

    def _draw_rows(self, length: int) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
        rows = (self._draw_starts(length)[:, :, None] + np.arange(self.block)) % length
        return rows.reshape(self.draws, -1)[:, :length]
