"""Views, books and policies that unit tests build on."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from tests.fakes.trading_calendar import business_days
from tradeops.bootstrap.policy import load_policy
from tradeops.domain.books import Book, Position
from tradeops.domain.decisions import BookState
from tradeops.domain.identifiers import InstrumentId
from tradeops.domain.market import MarketView, Watermark
from tradeops.domain.policy import TradingPolicy
from tradeops.domain.verdicts import KillSwitch

NAMES = tuple(InstrumentId(name) for name in ("AAPL", "FB", "GOOG", "IBM", "MSFT"))
FIRST_DAY = date(2001, 3, 1)


@cache
def base_policy() -> TradingPolicy:
    return load_policy()


def policy_with(**parts: Mapping[str, Any]) -> TradingPolicy:
    """The shipped policy with some values of some parts changed."""
    policy = base_policy()
    return replace(policy, **{part: replace(getattr(policy, part), **values) for part, values in parts.items()})


def build_view(
    closes: npt.ArrayLike,
    *,
    volumes: npt.ArrayLike = 1e7,
    splits: npt.ArrayLike = 1.0,
    dividends: npt.ArrayLike = 0.0,
    names: Sequence[InstrumentId] | None = None,
    features: Mapping[str, npt.ArrayLike] | None = None,
) -> MarketView:
    """A view of (T, N) closes; the other columns and the features are spread to its shape."""
    close = np.array(closes, dtype=np.float64)
    sessions = business_days(FIRST_DAY, len(close))
    instruments = tuple(names or NAMES[: close.shape[1]])
    given = {"volume": volumes, "split": splits, "dividend": dividends}
    columns = {name: spread(values, close.shape) for name, values in given.items()}
    return MarketView(
        as_of=datetime.combine(sessions[-1], time(21, 30), UTC),
        watermark=Watermark(market=len(close), ledger=1),
        sessions=sessions,
        instruments=instruments,
        columns={"close": close, **columns},
        features={name: spread(values, close.shape[1:]) for name, values in (features or {}).items()},
        reference_prices={name: Decimal(repr(float(p))) for name, p in zip(instruments, close[-1], strict=True)},
    )


def spread(values: npt.ArrayLike, shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
    """A float64 array of its own, of that shape."""
    return np.broadcast_to(np.asarray(values, dtype=np.float64), shape).copy()


def random_closes(seed: int, rows: int, columns: int, volatility: float = 0.02) -> npt.NDArray[np.float64]:
    """(rows, columns) prices in whole cents, a geometric random walk."""
    steps = np.random.default_rng(seed).normal(0.0, volatility, (rows, columns))
    closes: npt.NDArray[np.float64] = np.round(100.0 * np.exp(np.cumsum(steps, axis=0)), 2)
    return closes


def build_state(
    view: MarketView,
    held: Mapping[str, int] | None = None,
    *,
    cash: str = "100000",
    peak: Decimal | None = None,
    selected: Mapping[str, date] | None = None,
    kill_switch: KillSwitch = KillSwitch.OFF,
) -> BookState:
    """A book at the closes of the view; its peak is its equity unless it is given."""
    prices = view.reference_prices
    shares = {InstrumentId(name): Decimal(q) for name, q in (held or {}).items() if q}
    positions = {name: Position(quantity=q, cost=q * prices.get(name, Decimal(50))) for name, q in shares.items()}
    equity = Decimal(cash) + sum((q * prices.get(name, Decimal(50)) for name, q in shares.items()), Decimal(0))
    return BookState(
        book=Book(cash=Decimal(cash), positions=positions),
        equity=equity,
        peak_equity=equity if peak is None else peak,
        last_selected={InstrumentId(name): day for name, day in (selected or {}).items()},
        kill_switch=kill_switch,
    )
