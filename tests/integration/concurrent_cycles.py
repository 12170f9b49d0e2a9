"""Decision cycles of many universes, each in a book of its own: one after another, or all at once."""

import multiprocessing as mp
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import combinations
from typing import Any, Protocol

from tests.integration.patience import patient_agents, patient_connections
from tradeops.adapters.ledger_sqlalchemy import chain
from tradeops.bootstrap.ledger import open_ledger_by_url
from tradeops.bootstrap.policy import load_policy
from tradeops.bootstrap.runtime import Runtime, open_runtime
from tradeops.domain.errors import TradeOpsError
from tradeops.domain.identifiers import InstrumentId
from tradeops.domain.policy import TradingPolicy
from tradeops.settings import Settings

CODE = "c" * 64
SESSION = date(2001, 6, 5)  # one of few on which something is bought
NAMES = ("AAPL", "IBM", "MSFT")  # the others are not listed yet
MINIMUM_BARS = range(126, 141)
SPAWN = mp.get_context("spawn")
Decide = Callable[[Runtime], None]


class Meeting(Protocol):
    def wait(self) -> object: ...


@dataclass
class Told:
    """What became of cycles: seconds by book, and errors."""

    seconds: dict[str, float] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)

    def __add__(self, other: "Told") -> "Told":
        return Told(self.seconds | other.seconds, self.errors + other.errors)


def make_universes(count: int, session: date) -> Mapping[str, TradingPolicy]:
    """Policies by book, no two of which judge the same names by the same rule; every book opens on the session."""
    policy = load_policy()
    chosen = [names for size in (1, 2, 3) for names in combinations(NAMES, size)]
    rules = [(names, bars) for bars in MINIMUM_BARS for names in chosen][:count]
    assert len(rules) == count
    account = replace(policy.account, opens_on=session)
    return {
        f"universe{number:03d}": replace(
            policy,
            account=account,
            universe=replace(policy.universe, names=tuple(map(InstrumentId, names)), minimum_bars=bars),
        )
        for number, (names, bars) in enumerate(rules)
    }


def decide_serially(settings: Settings, universes: Mapping[str, TradingPolicy], session: date) -> Told:
    """One cycle after another, in this process."""
    told = Told()
    with patient_agents(), open_runtime(settings, durability="sync") as runtime:
        for run, policy in universes.items():
            _decide(runtime, run, policy, session, told, _Nobody())
    return told


def decide_at_once(
    settings: Settings, universes: Mapping[str, TradingPolicy], session: date, *, processes: int, locked: bool = True
) -> Told:
    """All cycles at the same moment: a thread each, with a ledger, a runner and checkpoints of its own."""
    meeting, answers = SPAWN.Barrier(len(universes)), SPAWN.Queue()
    runs = list(universes)
    shares = [{run: universes[run] for run in runs[at::processes]} for at in range(processes)]
    crowd = [
        SPAWN.Process(target=_decide_share, args=(settings, share, session, meeting, answers, locked))
        for share in shares
    ]
    for process in crowd:
        process.start()
    told = sum((answers.get(timeout=900) for _ in crowd), start=Told())
    for process in crowd:
        process.join()
    return told


def _decide_share(
    settings: Settings,
    share: Mapping[str, TradingPolicy],
    session: date,
    meeting: Meeting,
    answers: Any,
    locked: bool,
) -> None:
    if not locked:
        chain.take_lock = lambda _connection, _name: None
    told = Told()
    with patient_agents(), patient_connections(), open_runtime(settings, durability="sync") as runtime:
        assert runtime.source.instruments  # loaded before anybody's time runs
        crowd = [
            threading.Thread(target=_decide, args=(runtime, run, policy, session, told, meeting))
            for run, policy in share.items()
        ]
        for thread in crowd:
            thread.start()
        for thread in crowd:
            thread.join()
    answers.put(told)


def _decide(runtime: Runtime, run: str, policy: TradingPolicy, session: date, told: Told, meeting: Meeting) -> None:
    try:
        with open_ledger_by_url(runtime.settings.ledger_url) as ledger:
            # Somebody may change a source file before the last process has started.
            bundle = replace(runtime.bundle, policy=policy.version, code=CODE)
            own = replace(runtime, ledger=ledger, policy=policy, bundle=bundle)
            meeting.wait()
            started = time.perf_counter()
            own.decide_sessions(run=run, only=session)
            told.seconds[run] = time.perf_counter() - started
    except TradeOpsError as error:
        told.errors.append(f"{run}: {error!r}")


class _Nobody:
    def wait(self) -> None:
        pass


def percentile(seconds: Sequence[float], share: float) -> float:
    """The smallest of the values that at least this share do not exceed."""
    ascending = sorted(seconds)
    return ascending[min(len(ascending) - 1, int(share * len(ascending)))]
