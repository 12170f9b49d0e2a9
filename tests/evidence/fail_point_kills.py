"""Processes killed at fail points: every place, in each durability and book, while serving and loading too."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.evidence.figures import describe_rate, describe_times
from tests.evidence.kills import Outcome
from tests.evidence.point_requests import Answer, Request, kill_at_points, tell_command
from tests.evidence.points import parse_point
from tests.evidence.store import Evidence, Part
from tests.evidence.table import Row, find_late

NAME = "fail_point_kills"
TOTAL = 900
PART = 150  # some two minutes on two quiet cores
SEED = 20260101
# Each place once in each setting; deciding takes what is left of the total.
WHOLE = ("load", "serve")
DECIDE = "decide"
CLASSES = {
    "load": "process killed while it loads the market",
    "serve": "process killed while it answers events",
    DECIDE: "process killed while it decides",
}
MISTAKES = (
    "no inbox",
    "offset committed first",
    "routed before recorded",
    "no epoch check",
    "new client_order_id on retry",
)


def gather(evidence: Evidence, total: int = TOTAL) -> Iterator[str]:
    """Do what is missing, save after each part, and say what is done."""
    for work in WHOLE:
        if work not in {part["work"] for part in evidence.parts}:
            yield _add(evidence, work, None)
    while (missing := total - sum(part["killed"] for part in _own(evidence.parts))) > 0:
        yield _add(evidence, DECIDE, min(PART, missing))


def _add(evidence: Evidence, work: str, most: int | None) -> str:
    before = [part for part in evidence.parts if part["work"] == work]
    done = frozenset(point for part in _own(before) for point in part["points"])
    answer = kill_at_points(Request(work, SEED, done, most, mistakes=not before))
    parts = describe_parts(work, answer)
    if not parts[0]["killed"]:
        raise RuntimeError(f"no place of {work} is left to be killed at: {parts[0]}")
    evidence.parts += parts
    evidence.figures = describe(evidence.parts)
    evidence.save()
    return f"{work}: {parts[0]['killed']} kills, {parts[0]['faulty']} with a fault"


def describe_parts(work: str, answer: Answer) -> list[Part]:
    """The product's own part first, then one a mistake."""
    own = {"mutant": "none", "work": work, "points": list(answer.points), **_count(list(answer.points.values()))}
    own["faults"] = list(_list_faults(answer.points))
    own["recovery_ms"] = [outcome.recovery for outcome in answer.points.values() if outcome.landed]
    mistaken = [{"mutant": name, "work": work, **_count([found])} for name, found in answer.mistakes.items()]
    return [own, *mistaken]


def _list_faults(outcomes: Mapping[str, Outcome]) -> Iterator[str]:
    for point, outcome in outcomes.items():
        effects = outcome.effects
        lost = [f"{effects.lost} lost, {effects.duplicated} duplicated"] * (effects.lost + effects.duplicated > 0)
        for fault in [*lost, *outcome.faults]:
            yield f"{point}: {fault}\n  repeat: {tell_command(point)}"


def _count(outcomes: Sequence[Outcome]) -> dict[str, int]:
    return {
        "killed": sum(bool(outcome.landed) for outcome in outcomes),
        "lost": sum(outcome.effects.lost for outcome in outcomes),
        "duplicated": sum(outcome.effects.duplicated for outcome in outcomes),
        "lost_in": sum(outcome.effects.lost > 0 for outcome in outcomes),
        "duplicated_in": sum(outcome.effects.duplicated > 0 for outcome in outcomes),
        "faulty": sum(bool(outcome.faults) for outcome in outcomes),
    }


def describe(parts: Sequence[Part]) -> dict[str, Any]:
    """Figures of all finished parts."""
    own = _own(parts)
    points = [parse_point(text) for part in own for text in part["points"]]
    return {
        "kills": sum(part["killed"] for part in own),
        "not_reached": len(points) - sum(part["killed"] for part in own),
        "distinct_places": len({(point.setting.split("-")[0], point.place) for point in points}),
        "distinct_points": len(set(points)),
        "settings": sorted({point.setting for point in points}),
        "seed": SEED,
        **{CLASSES[work]: _describe_work([part for part in own if part["work"] == work]) for work in _list_works(own)},
        "mutants_seen": {
            part["mutant"]: {"lost": part["lost"], "duplicated": part["duplicated"]}
            for part in parts
            if part["mutant"] != "none"
        },
    }


def _describe_work(parts: Sequence[Part]) -> dict[str, Any]:
    killed = sum(part["killed"] for part in parts)
    rates = {"effects_lost": "lost_in", "effects_duplicated": "duplicated_in", "any_fault": "faulty"}
    return {
        "kills": killed,
        **{name: describe_rate(sum(part[key] for part in parts), killed) for name, key in rates.items()},
        "recovery_ms": describe_times([time for part in parts for time in part["recovery_ms"]]),
    }


def list_rows(parts: Sequence[Part]) -> list[Row]:
    """Rows of the table of all faults."""
    own = _own(parts)
    return [
        Row(
            fault=CLASSES[work],
            kind="process",
            injected=sum(part["killed"] for part in own if part["work"] == work),
            lost=sum(part["lost"] for part in own if part["work"] == work),
            duplicated=sum(part["duplicated"] for part in own if part["work"] == work),
            recovery_ms=tuple(time for part in own if part["work"] == work for time in part["recovery_ms"]),
        )
        for work in _list_works(own)
    ]


def find_failures(parts: Sequence[Part]) -> list[str]:
    """Every fault of any kill, too few kills, slow recoveries, and mistakes put in that nothing saw."""
    own, seen = _own(parts), {part["mutant"] for part in parts if part["lost"] + part["duplicated"]}
    killed = sum(part["killed"] for part in own)
    return [
        *(fault for part in own for fault in part["faults"]),
        *([f"only {killed} kills"] if killed < TOTAL else []),
        *find_late(list_rows(parts)),
        *(f"mistake not seen: {name}" for name in MISTAKES if name not in seen),
    ]


def _own(parts: Sequence[Part]) -> list[Part]:
    return [part for part in parts if part["mutant"] == "none"]


def _list_works(own: Sequence[Part]) -> list[str]:
    return [work for work in CLASSES if any(part["work"] == work for part in own)]
