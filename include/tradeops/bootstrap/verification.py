"""Checks a whole installation, once for each state of its ledger and its code."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from tradeops.bootstrap.replaying import replay_recorded
from tradeops.bootstrap.runtime import Runtime
from tradeops.domain.identifiers import BookId, CycleId, content_hash
from tradeops.services.decide_sessions import find_decision_time
from tradeops.services.recompute_money import recompute_money
from tradeops.services.replay.overrides import NO_OVERRIDES

FILE = "verification.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What was checked, for one state of ledger and code.

    Args:
        state: Hash over chain heads and bundle.
        replayed: Decisions executed again.
        identical: Of them, bit for bit as recorded.
        other_code: Of the replayed, decided by other code than is installed.
        recomputed: Settlements whose cash, positions and equity follow from the fills.
        unlike_own: Decisions of the installed code that came out otherwise.
        earlier: True when found in a file and not checked again just now.
    """

    state: str
    replayed: int
    identical: int
    other_code: int
    recomputed: int
    unlike_own: int = 0
    earlier: bool = False

    @property
    def sound(self) -> bool:
        """False when installed code does not repeat its own decisions; other code may differ."""
        return self.unlike_own == 0


def verify_installation(runtime: Runtime, *, jobs: int) -> Verification:
    """Chains now; replay and money once per state, kept beside the ledger.

    Raises:
        CorruptInput: A chain or a stored value was changed.
        ExecutionError: Money does not follow from the fills.
    """
    runtime.ledger.verify_chains()
    state = content_hash([runtime.ledger.chain_heads(), runtime.bundle])
    path = runtime.settings.state_dir / FILE
    if known := _read(path, state):
        return known
    report = replay_recorded(runtime, overrides=NO_OVERRIDES, jobs=jobs)
    found = Verification(
        state=state,
        replayed=report.replayed,
        identical=report.replayed - len(report.different),
        other_code=report.other_code,
        recomputed=_recompute(runtime),
        unlike_own=sum(_is_own(runtime, one.cycle_id) for one in report.different),
    )
    path.write_text(json.dumps(asdict(found)))
    return found


def _is_own(runtime: Runtime, cycle_id: CycleId) -> bool:
    inputs = runtime.ledger.get_decision(cycle_id).decision.inputs
    return inputs is not None and inputs.bundle.code == runtime.bundle.code


def _recompute(runtime: Runtime) -> int:
    books = {record.decision.book_id for record in runtime.ledger.list_decisions()}
    return sum(_recompute_book(runtime, book_id) for book_id in sorted(books))


def _recompute_book(runtime: Runtime, book_id: BookId) -> int:
    clock = runtime.ledger.market_clock()
    if clock is None:
        return 0
    known_at = find_decision_time(clock, runtime.calendar, runtime.policy.time)
    return recompute_money(runtime.ledger.list_settlements(book_id), runtime.source, known_at=known_at)


def _read(path: Path, state: str) -> Verification | None:
    if not path.exists():
        return None
    content = json.loads(path.read_text())
    return Verification(**{**content, "earlier": True}) if content.get("state") == state else None
