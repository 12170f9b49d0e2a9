"""All faults of all evidence in one table: what was injected, what it cost, how long until work went on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from tests.evidence.figures import bound_rate, describe_times

Kind = Literal["process", "store", "broker"]
# Longest medians of recovery, and the longest recovery of all; milliseconds.
LONGEST_MEDIAN: dict[Kind, float] = {"process": 5_000, "store": 10_000, "broker": 30_000}
LONGEST = 300_000
HEAD = ("fault", "injected", "lost", "duplicated", "recovery median", "p99", "availability")


@dataclass(frozen=True)
class Row:
    """One class of faults.

    Args:
        kind: What recovers.
        injected: Faults.
        lost: Effects.
        duplicated: Effects.
        recovery_ms: One a fault; empty when it is not measured.
        scheduled: Decision cycles while faults were injected; 0 when they are not counted.
        completed: Those of them with a complete record within their deadline.
        seconds: That the faults were injected in; 0 when nothing was scheduled.
    """

    fault: str
    kind: Kind
    injected: int
    lost: int
    duplicated: int
    recovery_ms: tuple[float, ...] = ()
    scheduled: int = 0
    completed: int = 0
    seconds: float = 0.0


def lay_out_table(rows: Sequence[Row]) -> list[str]:
    """Lines of equal width; the last row is all of them."""
    cells = [HEAD, *(_write_cells(row) for row in [*rows, _sum_up(rows)])]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return ["  ".join(map(str.ljust, line, widths)).rstrip() for line in cells]


def _write_cells(row: Row) -> tuple[str, ...]:
    times = describe_times(row.recovery_ms) if row.recovery_ms else {}
    return (
        row.fault,
        str(row.injected),
        _write_rate(row.lost, row.injected),
        _write_rate(row.duplicated, row.injected),
        *(f"{times[name] / 1000:.2f} s" if times else "" for name in ("median", "p99")),
        _write_availability(row),
    )


def _write_rate(effects: int, injected: int) -> str:
    return str(effects) if effects else f"0 (≤ {100 * bound_rate(0, injected):.2g} %)"


def _write_availability(row: Row) -> str:
    if not row.scheduled:
        return ""
    every = f", a fault every {row.seconds / row.injected:.0f} s" if row.seconds and row.injected else ""
    return f"{row.completed} of {row.scheduled} cycles, {100 * row.completed / row.scheduled:.1f} %{every}"


def _sum_up(rows: Sequence[Row]) -> Row:
    return Row(
        fault="all",
        kind="process",
        injected=sum(row.injected for row in rows),
        lost=sum(row.lost for row in rows),
        duplicated=sum(row.duplicated for row in rows),
        recovery_ms=tuple(time for row in rows for time in row.recovery_ms),
        scheduled=sum(row.scheduled for row in rows),
        completed=sum(row.completed for row in rows),
        seconds=sum(row.seconds for row in rows),
    )


def find_losses(rows: Sequence[Row]) -> list[str]:
    """Classes in which an effect was lost or duplicated."""
    return [
        f"{row.fault}: {row.lost} effects lost, {row.duplicated} duplicated"
        for row in rows
        if row.lost or row.duplicated
    ]


def find_late(rows: Sequence[Row]) -> Iterator[str]:
    """Classes that recovered too slowly."""
    for row in rows:
        if row.recovery_ms and median(row.recovery_ms) > LONGEST_MEDIAN[row.kind]:
            yield f"{row.fault}: the median recovery takes {median(row.recovery_ms) / 1000:.1f} s"
        if row.recovery_ms and max(row.recovery_ms) > LONGEST:
            yield f"{row.fault}: a recovery took {max(row.recovery_ms) / 1000:.0f} s"
