"""Timing of several things side by side."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median

ROUNDS = 7


@dataclass(frozen=True)
class Measured:
    """One figure.

    Args:
        value: In the unit of its goal; None where it cannot be measured on this machine, as the note says.
        note: What it was measured against, and what it holds.
    """

    value: float | None
    note: str = ""


def time_calls(call: Callable[[], object], count: int) -> list[float]:
    """Seconds of each of `count` calls."""
    clock, seconds = time.perf_counter, []
    for _ in range(count):
        started = clock()
        call()
        seconds.append(clock() - started)
    return seconds


def time_processor(call: Callable[[], object], count: int) -> list[float]:
    """Seconds of processor time of each of `count` calls: without what other processes take."""
    clock, seconds = time.thread_time, []
    for _ in range(count):
        started = clock()
        call()
        seconds.append(clock() - started)
    return seconds


def interleave(
    calls: Mapping[str, Callable[[], object]], count: int, rounds: int = ROUNDS
) -> dict[str, list[list[float]]]:
    """Seconds a call by name and round; every round runs every candidate, after one round to warm up."""
    found: dict[str, list[list[float]]] = {name: [] for name in calls}
    for number in range(rounds + 1):
        for name, call in calls.items():
            seconds = time_calls(call, count)
            if number:
                found[name].append(seconds)
    return found


def quantile(rounds: list[list[float]], level: float) -> float:
    """Median over the rounds of each round's quantile (nearest rank)."""
    return median(sorted(seconds)[min(len(seconds) - 1, int(level * len(seconds)))] for seconds in rounds)


def median_ratio(ours: list[list[float]], theirs: list[list[float]]) -> float:
    """Median over the rounds of the ratio of the rounds' medians."""
    return median(median(a) / median(b) for a, b in zip(ours, theirs, strict=True))
