"""Faults of servers, lines, clocks, disks and messages while processes serve: what was lost, and how long it took."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.evidence.figures import describe_rate, describe_times
from tests.evidence.store import Evidence, Part
from tests.evidence.table import Kind, Row, find_late
from tests.faults.real_servers.cases import MOST_FAULTS, Case, Verdict
from tests.faults.real_servers.faults import FAULTS
from tests.faults.real_servers.process import run_cases

NAME = "server_faults"
CASES = 4  # of each class, with three faults each
LEAST, LEAST_OF_CLASS = 100, 10
# What has to come back.
KINDS: Mapping[str, Kind] = {
    "process killed": "process",
    "broker stopped": "broker",
    "broker frozen": "broker",
    "broker killed": "broker",
    "rebalance": "broker",
    "redis gone": "store",
    "database cut": "store",
    "database restarted": "store",
    "repeated and reordered": "process",
    "clock jumps": "process",
    "disk full": "store",
    "slow dependency": "store",
    "poison": "process",
}


def gather(evidence: Evidence, cases: int = CASES) -> Iterator[str]:
    """Do the classes that are missing, save after each, and say what is done."""
    missing = [fault for fault in FAULTS if fault not in {part["fault"] for part in evidence.parts}]
    asked = [Case(fault, seed, MOST_FAULTS) for fault in missing for seed in range(1, cases + 1)]
    found: list[Verdict] = []
    for verdict in run_cases(asked) if asked else ():
        found.append(verdict)
        if len(found) == cases:
            yield _add(evidence, describe_part(found))
            found = []


def describe_part(verdicts: Sequence[Verdict]) -> Part:
    """The cases of one class."""
    return {
        "fault": verdicts[0].case.fault,
        "seeds": [verdict.case.seed for verdict in verdicts],
        "injected": sum(verdict.injected for verdict in verdicts),
        "lost": sum(verdict.effects.lost for verdict in verdicts),
        "duplicated": sum(verdict.effects.duplicated for verdict in verdicts),
        "recovery_ms": [round(1000 * seconds, 1) for verdict in verdicts for seconds in verdict.recoveries],
        "scheduled": sum(verdict.scheduled for verdict in verdicts),
        "completed": sum(verdict.in_time for verdict in verdicts),
        "held": sum(verdict.held for verdict in verdicts),
        "skipped": sum(verdict.skipped for verdict in verdicts),
        "unknown_orders": sum(verdict.unknown for verdict in verdicts),
        "processes_ended": dict(Counter(ended for verdict in verdicts for ended in verdict.ended).most_common()),
        "seconds": round(sum(verdict.seconds for verdict in verdicts), 1),
        "faulty": sum(bool(verdict.faults) for verdict in verdicts),
        "faults": [f"{verdict.case}: {fault}" for verdict in verdicts for fault in verdict.faults],
    }


def list_rows(parts: Sequence[Part]) -> list[Row]:
    """A row of the table a class."""
    return [
        Row(
            fault=part["fault"],
            kind=KINDS[part["fault"]],
            injected=part["injected"],
            lost=part["lost"],
            duplicated=part["duplicated"],
            recovery_ms=tuple(part["recovery_ms"]),
            scheduled=part["scheduled"],
            completed=part["completed"],
            seconds=part["seconds"],
        )
        for part in parts
    ]


def describe(parts: Sequence[Part]) -> dict[str, Any]:
    """Figures of all finished parts."""
    injected, seconds = _sum(parts, "injected"), _sum(parts, "seconds")
    return {
        "injected": injected,
        "effects_lost": _sum(parts, "lost"),
        "effects_duplicated": _sum(parts, "duplicated"),
        "cases_with_any_fault": describe_rate(_sum(parts, "faulty"), sum(len(part["seeds"]) for part in parts)),
        "cycles": _sum(parts, "scheduled"),
        "cycles_complete_in_time": _sum(parts, "completed"),
        "cycles_held": _sum(parts, "held"),
        "cycles_skipped": _sum(parts, "skipped"),
        "seconds_a_fault": round(seconds / injected, 1),
        "recovery_ms": {part["fault"]: describe_times(part["recovery_ms"]) for part in parts if part["recovery_ms"]},
    }


def find_failures(parts: Sequence[Part]) -> list[str]:
    """Every fault of any case, too few faults, and recoveries that took too long."""
    injected = dict.fromkeys(FAULTS, 0) | {part["fault"]: part["injected"] for part in parts}
    failures = [fault for part in parts for fault in part["faults"]]
    failures += [
        f"{fault}: only {injected.get(fault, 0)} faults" for fault in FAULTS if injected.get(fault, 0) < LEAST_OF_CLASS
    ]
    if sum(injected.values()) < LEAST:
        failures.append(f"only {sum(injected.values())} faults in all")
    return failures + list(find_late(list_rows(parts)))


def _add(evidence: Evidence, part: Part) -> str:
    evidence.parts.append({"commit": evidence.commit, **part})
    evidence.figures = describe(evidence.parts)
    evidence.save()
    return f"{part['fault']}: {part['injected']} faults in {part['seconds']} s, {part['faulty']} cases with a finding"


def _sum(parts: Sequence[Part], name: str) -> Any:
    return sum(part[name] for part in parts)
