"""100,000 events over Kafka into the lake, 20 sealers killed, the lake compacted and vacuumed: each once."""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.evidence.store import Evidence, Part
from tests.evidence.table import Row
from tests.faults.conftest import SCRATCH
from tests.faults.kafka_to_lake import carry_events, seal_batches, seal_offsets_first
from tests.servers.kafka import lend_prefix, open_kafka

NAME = "kafka_to_lake"
EVENTS, KILLS, BATCH, SEED = 100_000, 20, 2000, 20260101
MUTANT_EVENTS = 5000
SEALERS = {"none": seal_batches, "offset committed before the lake": seal_offsets_first}


def gather(evidence: Evidence) -> Iterator[str]:
    """Do what is missing, save after each part, and say what is done."""
    for mutant in SEALERS:
        if mutant not in {part["mutant"] for part in evidence.parts}:
            part = run_part(mutant)
            evidence.parts.append(part)
            evidence.figures = describe(evidence.parts)
            evidence.save()
            yield f"mutant {mutant}: {part['lost']} lost, {part['doubled']} doubled of {part['events']}"


def run_part(mutant: str) -> Part:
    folder = Path(tempfile.mkdtemp(prefix="tradeops-carried-", dir=SCRATCH))
    events, kills = (EVENTS, KILLS) if mutant == "none" else (MUTANT_EVENTS, 1)
    try:
        with open_kafka() as server, lend_prefix(server) as url:
            carried = carry_events(
                url, folder / "lake", events=events, kills=kills, batch=BATCH, seed=SEED, first=SEALERS[mutant]
            )
    finally:
        shutil.rmtree(folder)
    return {"mutant": mutant, "seed": SEED, **asdict(carried)}


def describe(parts: Sequence[Part]) -> dict[str, Any]:
    """Figures of all finished parts."""
    names = ("events", "kills", "lost", "doubled", "compactions", "deleted", "seconds")
    return {f"mutant {part['mutant']}": {name: part[name] for name in names} for part in parts}


def list_rows(parts: Sequence[Part]) -> list[Row]:
    """The row of the table of all faults; how long a sealer is away is not measured."""
    return [
        Row("sealer killed between Kafka and the lake", "process", part["kills"], part["lost"], part["doubled"])
        for part in parts
        if part["mutant"] == "none"
    ]


def find_failures(parts: Sequence[Part]) -> list[str]:
    """Nothing may be lost or doubled, but by the mutant."""
    found = {part["mutant"]: part for part in parts}
    own, mutants = found["none"], [part for name, part in found.items() if name != "none"]
    failures = [f"{own[name]} of {own['events']} events {name}" for name in ("lost", "doubled") if own[name]]
    if own["events"] < EVENTS or own["kills"] < KILLS:
        failures.append(f"only {own['events']} events and {own['kills']} kills")
    if not own["compactions"] or not own["deleted"]:
        failures.append("the lake was not tidied up meanwhile")
    failures += [f"mutant {part['mutant']} is not found" for part in mutants if not part["lost"] + part["doubled"]]
    return failures
