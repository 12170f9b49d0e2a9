"""A test market, not data: five made-up price series of which one kind can be forecast and the other cannot.

Made to see a model promoted and another one kept in shadow. Volatility changes between calm and wild spells of some
months and, with a bow to real markets, returns have fat tails. With `EFFECT` each name drifts back against its last
week while it is calm and runs on with it while it is wild: neither the agents' weighted sum nor a spread by `vol_60`
knows that, but a tree over `reversal_5` and `vol_20` does. Without it, and without spells, nothing can be known.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np

from tradeops.adapters.sources.json_lines import RANGE_FILE
from tradeops.adapters.trading_calendar_exchange_calendars import ExchangeTradingCalendar
from tradeops.domain.market import FloatArray
from tradeops.domain.topics import BARS_RAW

NAMES = ("AAPL", "FB", "GOOG", "IBM", "MSFT")
FIRST_SESSION, LAST_SESSION = date(1999, 1, 4), date(2003, 9, 30)
SEED, EFFECT = 19990104, 0.35
CALM, WILD, SPELL = 0.008, 0.026, 45.0  # a day; mean length in sessions
_DELAY = timedelta(minutes=15)
_VOLUME = "40000000"


@dataclass(frozen=True)
class Effect:
    """What is planted: a drift in deviations a day, and the daily deviations of the two spells."""

    drift: float
    calm: float
    wild: float


PLANTED = Effect(EFFECT, CALM, WILD)
NOTHING = Effect(0.0, 0.015, 0.015)


def write_planted_market(folder: Path, effect: Effect = PLANTED, *, seed: int = SEED) -> Path:
    """Write the folder of a `file:///` source.

    Args:
        folder: Made when missing.
        effect: What is planted in it; `NOTHING` for a market that nobody can forecast.
        seed: Of every draw.
    """
    folder.mkdir(parents=True, exist_ok=True)
    declared = {"first_session": FIRST_SESSION.isoformat(), "last_session": LAST_SESSION.isoformat()}
    (folder / RANGE_FILE).write_text(json.dumps(declared))
    (folder / f"{BARS_RAW.name}.jsonl").write_text("".join(f"{line}\n" for line in _list_bars(effect, seed)))
    return folder


def _list_bars(effect: Effect, seed: int) -> Iterator[str]:
    calendar = ExchangeTradingCalendar()
    sessions = calendar.sessions(FIRST_SESSION, LAST_SESSION)
    opens, highs, lows, closes = draw_prices(effect, seed, len(sessions))
    for at, session in enumerate(sessions):
        closed = calendar.closes_at(session)
        times = {"event_time": _write_time(closed), "known_time": _write_time(closed + _DELAY)}
        for column, name in enumerate(NAMES):
            prices = (f"{series[at, column]:.4f}" for series in (opens, highs, lows, closes))
            yield json.dumps(
                {
                    "schema_version": 1, "source": "planted", "sequence": f"planted:{name}:{session}",
                    "basis": "assumed", "instrument": name, "session": session.isoformat(), "volume": _VOLUME,
                    **times, **dict(zip(("open", "high", "low", "close"), prices, strict=True)),
                }
            )  # fmt: skip


def _write_time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def draw_prices(effect: Effect, seed: int, sessions: int) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """(T, N) open, high, low and close."""
    generator = np.random.default_rng(seed)
    shape = (sessions, len(NAMES))
    turns = generator.random(shape) < 1 / SPELL
    is_wild = (np.cumsum(turns, axis=0) + np.arange(len(NAMES))) % 2 == 1
    sigma = np.where(is_wild, effect.wild, effect.calm)
    shocks = generator.standard_t(5, shape) / np.sqrt(5 / 3)
    returns = np.zeros(shape)
    for at in range(sessions):
        week = returns[max(at - 5, 0) : at].sum(axis=0)
        against = np.where(is_wild[at], 1.0, -1.0) * np.sign(week)
        returns[at] = sigma[at] * (shocks[at] + effect.drift * against)
    returns = np.clip(returns, -0.25, 0.25)
    closes = 50.0 * np.exp(np.cumsum(returns - returns.mean(axis=0), axis=0))
    gaps = 0.3 * returns
    opens = np.round(np.vstack([closes[:1], closes[:-1] * np.exp(gaps[1:])]), 4)
    closes = np.round(closes, 4)
    spread = 1 + 0.3 * sigma * generator.random(shape)
    return opens, np.maximum(opens, closes) * spread, np.minimum(opens, closes) / spread, closes
