"""Joins the replay to the cycle that made the decisions; one process or several."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

from graphs.decision_cycle.run_cycle import DecisionCycleRunner
from tradeops.adapters.liveness import identify_process
from tradeops.bootstrap.process import MonotonicClock
from tradeops.bootstrap.runtime import Runtime, open_runtime
from tradeops.domain.decisions import DecisionRecord
from tradeops.domain.identifiers import CycleId
from tradeops.services.replay.compare import Difference
from tradeops.services.replay.overrides import Overrides
from tradeops.services.replay.replay_decisions import DecisionReplayer
from tradeops.settings import Settings

CHUNK = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayReport:
    """What a replay found.

    Args:
        replayed: Decisions executed again.
        different: Those whose inputs or outputs are not as recorded.
        other_code: Decisions that were made by other code than is installed.
    """

    replayed: int
    different: tuple[Difference, ...]
    other_code: int


def replay_one(runtime: Runtime, record: DecisionRecord, *, overrides: Overrides) -> ReplayReport:
    """Replay one decision."""
    return _report(runtime, [record], _replay(runtime, [record], overrides))


def replay_recorded(runtime: Runtime, *, overrides: Overrides, jobs: int = 1) -> ReplayReport:
    """Replay every decision that had inputs, `jobs` at a time; the answer does not depend on it."""
    records = [record for record in runtime.ledger.list_decisions() if record.decision.inputs]
    if jobs == 1:
        return _report(runtime, records, _replay(runtime, records, overrides))
    ids = [record.decision.cycle_id for record in records]
    chunks = [ids[at : at + CHUNK] for at in range(0, len(ids), CHUNK)]
    count = len(chunks)
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        parts = pool.map(replay_in_process, [runtime.settings] * count, chunks, [overrides] * count)
        return _report(runtime, records, (found for part in parts for found in part))


def replay_in_process(settings: Settings, cycle_ids: Sequence[CycleId], overrides: Overrides) -> list[Difference]:
    """Replay some decisions in a process of its own."""
    with open_runtime(settings) as runtime:
        records = [runtime.ledger.get_decision(cycle_id) for cycle_id in cycle_ids]
        return list(_replay(runtime, records, overrides))


def _replay(runtime: Runtime, records: Iterable[DecisionRecord], overrides: Overrides) -> Iterator[Difference]:
    with DecisionCycleRunner(runtime.cycle_ports(), owner=identify_process()) as runner:
        replayer = DecisionReplayer(
            ledger=runtime.ledger,
            values=runtime.values,
            run_cycle=runner.run_cycle,
            build_roster=runtime.build_roster,
            clock=MonotonicClock(),
            overrides=overrides,
        )
        yield from replayer.replay_all(record.decision for record in records)


def _report(runtime: Runtime, records: Sequence[DecisionRecord], found: Iterable[Difference]) -> ReplayReport:
    results = list(found)
    codes = [record.decision.inputs.bundle.code for record in records if record.decision.inputs]
    return ReplayReport(
        replayed=len(results),
        different=tuple(one for one in results if one.first_input or one.first_output),
        other_code=sum(code != runtime.bundle.code for code in codes),
    )
