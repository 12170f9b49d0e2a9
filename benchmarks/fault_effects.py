"""Effects lost or doubled by injected faults: counted by `make evidence`, which takes too long to be repeated here."""

from benchmarks.measuring import Measured
from tests.evidence.all_faults import read_rows
from tests.evidence.store import FOLDER

LEAST = 1000


def measure() -> dict[str, Measured]:
    """Of all faults that are in `docs/evidence`."""
    rows = list(read_rows(FOLDER))
    injected, wrong = sum(row.injected for row in rows), sum(row.lost + row.duplicated for row in rows)
    note = f"{injected:,} faults in docs/evidence, where make evidence put them"
    return {"effects_lost_or_doubled": Measured(float(wrong) if injected >= LEAST else None, note)}
