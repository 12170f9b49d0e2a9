"""The table over every fault in `docs/evidence`."""

import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from tests.evidence import fail_point_kills, kafka_to_lake, random_kills, server_faults
from tests.evidence.table import Row

SOURCES: tuple[ModuleType, ...] = (fail_point_kills, random_kills, server_faults, kafka_to_lake)


def read_rows(folder: Path) -> Iterator[Row]:
    """Of the files that are there."""
    for source in SOURCES:
        path = folder / f"{source.NAME}.json"
        if path.exists():
            yield from source.list_rows(json.loads(path.read_text())["parts"])
