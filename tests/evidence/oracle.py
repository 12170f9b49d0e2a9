"""Whether the pipeline can earn: an agent that is told the next return, over the whole history, net of costs."""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.evidence.store import Evidence, Part
from tests.fakes.loaded_market import copy_loaded_market
from tests.faults.conftest import SCRATCH
from tests.integration.test_oracle_earns import ToldAgent, daily_returns, look_ahead, policy_with_oracle, sharpe
from tradeops.bootstrap.runtime import Runtime, open_runtime
from tradeops.domain.identifiers import BookId
from tradeops.learning.block_bootstrap import Estimate
from tradeops.settings import Settings

NAME = "oracle"
TOLD = {"the truth": 1.0, "the opposite": -1.0}
GOAL = 5.0


def gather(evidence: Evidence) -> Iterator[str]:
    """Do what is missing, save after each part, and say what is done."""
    for told, sign in TOLD.items():
        if told not in {part["told"] for part in evidence.parts}:
            part = run_part(told, sign)
            evidence.parts.append(part)
            evidence.figures = describe(evidence.parts)
            evidence.save()
            yield f"told {told}: Sharpe {part['sharpe']} over {part['sessions']} sessions"


def run_part(told: str, sign: float) -> Part:
    folder = Path(tempfile.mkdtemp(prefix="tradeops-oracle-", dir=SCRATCH))
    try:
        copy_loaded_market(folder)
        with open_runtime(Settings(state_dir=folder), policy=policy_with_oracle()) as opened:
            opened.backfill_history(opened.source.last_session, requested_by=NAME)
            opened.build_features()
            returns = {key: sign * value for key, value in look_ahead(opened).items()}
            runtime = replace(opened, build_roster=lambda _: (ToldAgent(returns),))
            return {"told": told, **_decide_everything(runtime)}
    finally:
        shutil.rmtree(folder)


def _decide_everything(runtime: Runtime) -> Part:
    until = runtime.source.last_session
    decided = runtime.decide_sessions(until=until).decided
    report, own = runtime.report_sources().measure_performance(BookId()), sharpe(daily_returns(runtime))
    return {
        "sessions": decided,
        "until": until.isoformat(),
        "fills": report.book.fills,
        "sharpe": round(own, 3),
        "interval_95": _round(report.book.sharpe),
        "sharpe_of_product": round(report.book.sharpe.value, 3),
        "buy_and_hold": {
            "sharpe": round(report.benchmark.sharpe.value, 3),
            "interval_95": _round(report.benchmark.sharpe),
        },
        "costs_a_year": round(report.book.costs_a_year, 4),
        "method": report.interval,
        "cost_basis": report.cost_basis,
    }


def _round(estimate: Estimate) -> list[float]:
    return [round(estimate.low, 3), round(estimate.high, 3)]


def describe(parts: Sequence[Part]) -> dict[str, Any]:
    """Figures of all finished parts."""
    return {f"told {part['told']}": {name: part[name] for name in ("sharpe", "interval_95")} for part in parts}


def find_failures(parts: Sequence[Part]) -> list[str]:
    """Intervals, not points, must lie where they should."""
    found = {part["told"]: part for part in parts}
    wrong = [part["told"] for part in parts if part["sharpe"] != part["sharpe_of_product"]]
    failures = [f"told {told}: the product says another Sharpe" for told in wrong]
    if found["the truth"]["interval_95"][0] <= GOAL:
        failures.append(f"told the truth: the Sharpe may be {GOAL} or less")
    if found["the opposite"]["interval_95"][1] >= 0:
        failures.append("told the opposite: it may earn")
    return failures
