"""A hundred decision cycles at once on PostgreSQL, beside the same ones one after another."""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.evidence.store import Evidence, Part
from tests.fakes.loaded_market import copy_loaded_market
from tests.faults.conftest import SCRATCH
from tests.integration.concurrent_cycles import (
    SESSION,
    Told,
    decide_at_once,
    decide_serially,
    make_universes,
    percentile,
)
from tests.integration.cycles_on_postgres import install, read_records
from tests.servers.postgres import Databases, open_databases

NAME = "concurrent_cycles"
CYCLES, PROCESSES = 100, 4
SHARES = {"p50_ms": 0.5, "p95_ms": 0.95}


def gather(evidence: Evidence) -> Iterator[str]:
    """Measure once, and say what came of it."""
    if evidence.parts:
        return
    folder = Path(tempfile.mkdtemp(prefix="tradeops-cycles-", dir=SCRATCH))
    try:
        copy_loaded_market(folder)
        with open_databases() as databases:
            evidence.parts.append(run_part(databases, folder))
    finally:
        shutil.rmtree(folder)
    evidence.figures = describe(evidence.parts)
    evidence.save()
    yield f"{evidence.parts[0]['at_once']['completed']} of {CYCLES} cycles at once are complete"


def run_part(databases: Databases, loaded: Path) -> Part:
    universes = make_universes(CYCLES, SESSION)
    serial, concurrent = install(databases, loaded), install(databases, loaded)
    one_by_one = decide_serially(serial, universes, SESSION)
    at_once = decide_at_once(concurrent, universes, SESSION, processes=PROCESSES)
    records, again = (read_records(settings, universes, SESSION) for settings in (serial, concurrent))
    return {
        "cycles": CYCLES,
        "processes": PROCESSES,
        "serial": describe_told(one_by_one, len(records)),
        "at_once": describe_told(at_once, len(again)),
        "different": sorted(run for run in universes if records.get(run) != again.get(run)),
    }


def describe_told(told: Told, completed: int) -> dict[str, Any]:
    times = [round(1000 * seconds, 1) for seconds in told.seconds.values()]
    return {"completed": completed, "errors": told.errors, "ms": times}


def describe(parts: Sequence[Part]) -> dict[str, Any]:
    """Figures of all finished parts."""
    (part,) = parts
    return {
        "cycles": part["cycles"],
        "processes": part["processes"],
        **{how: _describe_times(part[how]) for how in ("serial", "at_once")},
        "different_records": len(part["different"]),
    }


def _describe_times(told: dict[str, Any]) -> dict[str, Any]:
    shares = {name: percentile(told["ms"], share) for name, share in SHARES.items()}
    return {"completed": told["completed"], **shares}


def find_failures(parts: Sequence[Part]) -> list[str]:
    """Cycles that failed or are not on record, and records that differ from those of the serial run."""
    (part,) = parts
    failures = [f"{how}: {error}" for how in ("serial", "at_once") for error in part[how]["errors"]]
    for how in ("serial", "at_once"):
        if part[how]["completed"] != part["cycles"]:
            failures.append(f"{how}: only {part[how]['completed']} of {part['cycles']} cycles are complete")
    if part["cycles"] < CYCLES:
        failures.append(f"only {part['cycles']} cycles")
    return failures + [f"the record of {run} differs from the serial run's" for run in part["different"]]
