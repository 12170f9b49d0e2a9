"""What a book held and for how long: exposure, weights, and what each closed position brought."""

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import numpy as np

from tradeops.domain.identifiers import InstrumentId
from tradeops.domain.market import FloatArray
from tradeops.domain.settlements import Settlement
from tradeops.learning.block_bootstrap import BlockBootstrap, Estimate
from tradeops.learning.opinion_statistics import divide_sums

NORMAL_95 = 1.959963984540054


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedPosition:
    """A name from the first share bought to the last one sold.

    Args:
        instrument: The name.
        opened: Session of the first fill.
        closed: Session of the last.
        profit: Sales less purchases and fees, with dividends, USD.
    """

    instrument: InstrumentId
    opened: date
    closed: date
    profit: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionMeasures:
    """Of one book.

    Args:
        closed: Positions that were closed.
        won: Of them, with a profit after all costs.
        win_rate: Their share, with a 95 % interval as if they were independent; None without any.
        sessions_up: Share of sessions with a profit among those in which equity changed, 95 % by
            blocks of sessions; None where it never changed.
        exposure: Mean share of equity that was invested.
        invested: Share of sessions with a position at the close.
    """

    closed: int
    won: int
    win_rate: Estimate | None
    sessions_up: Estimate | None
    exposure: float
    invested: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WeightHistory:
    """(T, N) share of equity in each name at each close; the rest is cash."""

    sessions: tuple[date, ...]
    instruments: tuple[InstrumentId, ...]
    weights: FloatArray


def measure_positions(settlements: Sequence[Settlement], bootstrap: BlockBootstrap) -> PositionMeasures:
    """Measure what a book held.

    Args:
        settlements: Oldest first, from the account's opening on.
        bootstrap: Resamples sessions.

    Raises:
        LearningError: Fewer sessions than a block.
    """
    closed = list(list_closed_positions(settlements))
    won = sum(position.profit > 0 for position in closed)
    invested = [_invested(settlement) for settlement in settlements]
    signs = np.array([[one.profit.total > 0, one.profit.total != 0] for one in settlements], dtype=np.float64)
    return PositionMeasures(
        closed=len(closed),
        won=won,
        win_rate=estimate_share(won, len(closed)) if closed else None,
        sessions_up=bootstrap.estimate_sums(signs, divide_sums) if signs[:, 1].any() else None,
        exposure=float(np.mean(invested)),
        invested=float(np.mean([bool(one.closing.positions) for one in settlements])),
    )


def list_closed_positions(settlements: Sequence[Settlement]) -> Iterator[ClosedPosition]:
    """Every position that was closed, in the order closed; a name held at the end is not among them."""
    cash: dict[InstrumentId, Decimal] = defaultdict(Decimal)
    opened: dict[InstrumentId, date] = {}
    for settlement in settlements:
        for effect in settlement.corporate:
            cash[effect.instrument] += effect.dividend + effect.fraction
        for fill in settlement.fills:
            cash[fill.instrument] += fill.cash
            opened.setdefault(fill.instrument, settlement.session)
        for name in sorted(opened.keys() - settlement.closing.positions.keys()):
            yield ClosedPosition(
                instrument=name, opened=opened.pop(name), closed=settlement.session, profit=cash.pop(name)
            )


def read_weights(settlements: Sequence[Settlement]) -> WeightHistory:
    """Weights at each close; equity is cash plus positions."""
    names = tuple(sorted({name for settlement in settlements for name in settlement.closing.positions}))
    weights = np.zeros((len(settlements), len(names)))
    for row, settlement in enumerate(settlements):
        for name, position in settlement.closing.positions.items():
            weights[row, names.index(name)] = float(position.quantity * settlement.marks[name] / settlement.equity)
    return WeightHistory(sessions=tuple(one.session for one in settlements), instruments=names, weights=weights)


def estimate_share(part: int, whole: int) -> Estimate:
    """A share of independent cases with its 95 % interval (Wilson 1927), `whole` > 0."""
    share, squared = part / whole, NORMAL_95**2
    centre = (share + squared / (2 * whole)) / (1 + squared / whole)
    spread = math.sqrt(share * (1 - share) / whole + squared / (4 * whole**2)) * NORMAL_95 / (1 + squared / whole)
    return Estimate(value=share, low=max(centre - spread, 0.0), high=min(centre + spread, 1.0))


def _invested(settlement: Settlement) -> float:
    return float(1 - settlement.closing.cash / settlement.equity)
