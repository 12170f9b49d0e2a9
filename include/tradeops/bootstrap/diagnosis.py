"""Looks over an installation: each finding names what was looked at and what cures it."""

import platform
import shutil
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass

from tradeops.adapters.sqlite import SQLITE_VERSION
from tradeops.bootstrap.event_log import open_event_log
from tradeops.bootstrap.process import take_fingerprint
from tradeops.bootstrap.runtime import Runtime, open_runtime
from tradeops.domain.errors import DataError, TradeOpsError
from tradeops.domain.topics import FEATURES, RAW_TO_VALIDATED, SEALED
from tradeops.services import drain_events_once, ingest_events, seal_lake
from tradeops.services.dead_letters import OPEN, list_dead_letters
from tradeops.services.read_log import count_unread
from tradeops.settings import Settings

_GROUPS = {
    ingest_events.GROUP: tuple(RAW_TO_VALIDATED),
    seal_lake.GROUP: tuple(topic.name for topic in SEALED),
    drain_events_once.GROUP: (FEATURES.name,),
}

SAFE_SQLITE = (3, 51, 3)
SMALLEST_DISK = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing looked at."""

    name: str
    ok: bool
    detail: str


def diagnose(settings: Settings) -> list[Finding]:
    """Look at everything; a failure of one look hides none of the others."""
    findings = [_look("disk", lambda: _check_disk(settings)), _look("sqlite", _check_sqlite)]
    try:
        with open_runtime(settings) as runtime:
            looks = _list_looks(runtime)
            return findings + [_look(name, look) for name, look in looks.items()]
    except TradeOpsError as error:
        return [*findings, Finding(name="installation", ok=False, detail=error.message)]


def _list_looks(runtime: Runtime) -> Mapping[str, Callable[[], str]]:
    fingerprint = take_fingerprint()
    return {
        "python": platform.python_version,
        "numeric threads": lambda: f"{fingerprint['threads']} ({fingerprint['blas_kernel']})",
        "policy": lambda: f"version {runtime.policy.version[:12]}",
        "bundle": lambda: runtime.bundle.bundle_id[:12],
        "market source": lambda: f"{runtime.source.first_session} … {runtime.source.last_session}",
        "market clock": lambda: str(runtime.ledger.market_clock() or "not moved yet: run backfill_history"),
        "messages to read": lambda: describe_waiting(count_waiting(runtime.settings)),
        "dead letters": lambda: _count_dead_letters(runtime),
        "ledger chains": lambda: _check_chains(runtime),
        "kept values": lambda: _check_values(runtime),
    }


def _look(name: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(name=name, ok=True, detail=look())
    except TradeOpsError as error:
        return Finding(name=name, ok=False, detail=error.message)


def count_waiting(settings: Settings) -> Mapping[str, int]:
    """How many messages each consumer group has not read yet."""
    with closing(open_event_log(settings.event_log_url)) as log:
        return {name: sum(count_unread(log, name, topic) for topic in topics) for name, topics in _GROUPS.items()}


def describe_waiting(counts: Mapping[str, int]) -> str:
    """The counts on one line."""
    return ", ".join(f"{name} {count}" for name, count in counts.items())


def _count_dead_letters(runtime: Runtime) -> str:
    with closing(open_event_log(runtime.settings.event_log_url)) as log:
        count = len(list_dead_letters(log, wanted=OPEN))
    return f"{count} open: see tradeops dlq list" if count else "none open"


def _check_chains(runtime: Runtime) -> str:
    runtime.ledger.verify_chains()
    heads = runtime.ledger.chain_heads()
    return f"intact: {sum(head.sequence for head in heads)} entries in {len(heads)} streams"


def _check_values(runtime: Runtime) -> str:
    count = 0
    for record in runtime.ledger.list_decisions():
        decision = record.decision
        inputs = decision.inputs
        refs = [*decision.opinions.values(), inputs and inputs.view, decision.forecasts]
        count += sum(runtime.values.get(ref) is not None for ref in refs if ref)
    return f"{count} values of decisions read and equal to their names"


def _check_disk(settings: Settings) -> str:
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(settings.state_dir).free
    if free < SMALLEST_DISK:
        raise DataError(f"{free / 1e9:.1f} GB free in {settings.state_dir}; make room for 1 GB")
    return f"{free / 1e9:.0f} GB free"


def _check_sqlite() -> str:
    if tuple(int(part) for part in SQLITE_VERSION.split(".")) < SAFE_SQLITE:
        raise DataError(f"SQLite {SQLITE_VERSION} may corrupt a WAL under load; install pysqlite3")
    return SQLITE_VERSION
