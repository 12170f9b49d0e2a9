"""Made-up markets of any width; they only have to be well formed."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import numpy as np

from tradeops.bootstrap.policy import load_policy
from tradeops.domain.books import Book
from tradeops.domain.decisions import BookState
from tradeops.domain.identifiers import AgentId, InstrumentId
from tradeops.domain.market import MarketView, Watermark
from tradeops.domain.opinions import Opinions
from tradeops.domain.policy import TradingPolicy
from tradeops.domain.verdicts import KillSwitch
from tradeops.features.declarations import FEATURE_NAMES

ROWS = 126
FIRST = date(2001, 3, 1)
AGENTS = tuple(AgentId(f"agent_{number:02d}") for number in range(12))


def make_view(width: int) -> MarketView:
    """A view of `width` names over 126 sessions."""
    rng = np.random.default_rng(width)
    steps = rng.normal(0.0, 0.015, (ROWS, width))
    close = np.round(60.0 * np.exp(np.cumsum(steps, axis=0)), 2)
    names = tuple(InstrumentId(f"N{number:05d}") for number in range(width))
    sessions = tuple(FIRST + timedelta(days=day) for day in range(ROWS))
    return MarketView(
        as_of=datetime.combine(sessions[-1], time(21, 30), UTC),
        watermark=Watermark(market=1, ledger=1),
        sessions=sessions,
        instruments=names,
        columns={
            "close": close,
            "volume": rng.integers(100_000, 100_000_000, close.shape).astype(np.float64),
            "split": np.ones_like(close),
            "dividend": np.zeros_like(close),
        },
        reference_prices={name: Decimal(repr(float(price))) for name, price in zip(names, close[-1], strict=True)},
        features={name: rng.uniform(0.0, 1.0, width) for name in FEATURE_NAMES},
    )


def make_state() -> BookState:
    """A book that holds only cash."""
    cash = Decimal(1_000_000)
    return BookState(book=Book(cash=cash), equity=cash, peak_equity=cash, last_selected={}, kill_switch=KillSwitch.OFF)


def make_policy(agents: Sequence[AgentId], slate_size: int) -> TradingPolicy:
    """The shipped policy with other agents and another slate."""
    policy = load_policy()
    roster = {agent: 1.0 + number for number, agent in enumerate(agents)}
    return replace(policy, roster=roster, slate=replace(policy.slate, size=slate_size))


def make_opinions(view: MarketView, agents: Sequence[AgentId]) -> list[Opinions]:
    """Opinions of every agent about every name."""
    rng = np.random.default_rng(7)
    width = len(view.instruments)
    return [
        Opinions(
            agent=agent,
            instruments=view.instruments,
            score=rng.uniform(-1, 1, width),
            confidence=rng.uniform(0, 0.2, width),
            abstention=np.zeros(width, dtype=np.int8),
        )
        for agent in agents
    ]
