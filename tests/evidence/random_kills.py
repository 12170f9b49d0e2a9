"""Processes killed at random moments: what was lost, what happened twice, how long until it went on."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from tests.evidence.figures import describe_rate, describe_times
from tests.evidence.kill_process import run_trials
from tests.evidence.kills import Outcome, draw_trial
from tests.evidence.store import Evidence, Part
from tests.evidence.table import Row

NAME = "random_kills"
TOTAL = 300
PART = 100
# Mistakes that only a death shows, with the trials of each. How often random kills find them says what
# zero findings are worth.
MUTANTS = {"dead owners respected": 40, "record skipped by the heir": 40, "send without asking": 100}
# Only between sending and marking: too short to be hit for sure, and hit for sure at a fail point.
NARROW = "send without asking"
MUTANT_SEED = 500_000


def gather(evidence: Evidence, total: int = TOTAL) -> Iterator[str]:
    """Do what is missing, save after each part, and say what is done.

    Some moments come when the process is done already: a part is larger than what is missing.
    """
    for mutant, trials in MUTANTS.items():
        if mutant not in {part["mutant"] for part in evidence.parts}:
            yield _add(evidence, run_part(MUTANT_SEED, trials, mutant))
    while (missing := total - _count(evidence.parts, "killed")) > 0:
        first = 1 + _count(evidence.parts, "trials")
        part = run_part(first, min(PART, 5 + missing * 6 // 5), "none")
        if not part["killed"]:
            raise RuntimeError(f"no process was killed in time: {part}")
        yield _add(evidence, part)


def run_part(first_seed: int, trials: int, mutant: str) -> Part:
    return describe_part(first_seed, mutant, run_trials([draw_trial(first_seed + n, mutant) for n in range(trials)]))


def describe_part(first_seed: int, mutant: str, outcomes: Sequence[Outcome]) -> Part:
    """Trials whose kills all came too late are no sample of anything; what they found is kept."""
    struck = [outcome for outcome in outcomes if outcome.landed]
    landed = [place for outcome in struck for place in outcome.landed]
    return {
        "mutant": mutant,
        "first_seed": first_seed,
        "trials": len(outcomes),
        "killed": len(struck),
        "kills": len(landed),
        "lost_in": sum(outcome.effects.lost > 0 for outcome in struck),
        "duplicated_in": sum(outcome.effects.duplicated > 0 for outcome in struck),
        "faulty": sum(bool(outcome.faults) for outcome in struck),
        "faults": [] if mutant != "none" else [fault for outcome in outcomes for fault in outcome.faults],
        "places": sorted(set(landed)) if mutant == "none" else [],
        "rooms": dict(sorted(Counter(name_room(place) for place in landed).items())),
        "recovery_ms": [outcome.recovery for outcome in struck] if mutant == "none" else [],
    }


def name_room(place: str) -> str:
    """`before node size` happened among nodes, `within insert orders` in a transaction."""
    words = place.split()
    return "transaction" if words[0] == "within" else words[min(1, len(words) - 1)]


def describe(parts: Sequence[Part]) -> dict[str, Any]:
    """Figures of all finished parts."""
    own = [part for part in parts if part["mutant"] == "none"]
    figures: dict[str, Any] = {
        "mutants_seen": {
            part["mutant"]: {"seen_in": part["faulty"], "of": part["killed"]}
            for part in parts
            if part["mutant"] != "none"
        }
    }
    if not own:
        return figures
    killed, rooms = _count(own, "killed"), Counter[str]()
    for part in own:
        rooms.update(part["rooms"])
    return figures | {
        "kills": _count(own, "kills"),
        "installations_killed": killed,
        "killed_too_late": _count(own, "trials") - killed,
        "effects_lost": describe_rate(_count(own, "lost_in"), killed),
        "effects_duplicated": describe_rate(_count(own, "duplicated_in"), killed),
        "any_fault": describe_rate(_count(own, "faulty"), killed),
        "recovery_ms": describe_times([time for part in own for time in part["recovery_ms"]]),
        "landed_after": dict(rooms.most_common()),
        "distinct_places": len({place for part in own for place in part["places"]}),
        "seeds": [1, _count(own, "trials")],
    }


def list_rows(parts: Sequence[Part]) -> list[Row]:
    """The row of the table of all faults; an installation that lost several effects counts once."""
    own = [part for part in parts if part["mutant"] == "none"]
    times = tuple(time for part in own for time in part["recovery_ms"])
    counts = [_count(own, name) for name in ("killed", "lost_in", "duplicated_in")]
    return [Row("process killed at a random moment", "process", *counts, recovery_ms=times)] if own else []


def find_failures(parts: Sequence[Part]) -> list[str]:
    """Every fault of any trial, and mistakes put in that nothing saw."""
    unseen = [part["mutant"] for part in parts if part["mutant"] not in ("none", NARROW) and not part["faulty"]]
    return [fault for part in parts for fault in part["faults"]] + [f"mistake not seen: {name}" for name in unseen]


def _add(evidence: Evidence, part: Part) -> str:
    evidence.parts.append(part)
    evidence.figures = describe(evidence.parts)
    evidence.save()
    what = "" if part["mutant"] == "none" else f" with a mistake put in ({part['mutant']})"
    return f"{part['killed']} installations killed{what}: {part['faulty']} with a fault"


def _count(parts: Sequence[Part], name: str) -> int:
    return sum(part[name] for part in parts if part["mutant"] == "none")
