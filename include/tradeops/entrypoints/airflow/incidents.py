"""Counts how often the same cause has failed, so that one cause sends one message an hour."""

import fcntl
import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path

QUIET = timedelta(hours=1)
CLOSED = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One cause of failures.

    Args:
        key: Names the cause: which DAG, which task, which kind of error.
        since: First time it was seen, ISO with time zone; a day without a failure closes an incident.
        seen: Last time it was seen.
        mailed: Last time a message went out.
        count: Times seen since then, this one included.
        due: Whether a message is to go out now.
    """

    key: str
    since: str
    seen: str
    mailed: str
    count: int
    due: bool


def count_incident(folder: Path, parts: tuple[str, ...], now: datetime) -> Incident:
    """Note one more failure of a cause.

    Args:
        folder: Where incidents are kept; one small file a cause.
        parts: What makes two failures the same cause.
        now: Aware time of this failure.

    Returns:
        The incident; `due` unless a message about it went out within the last hour.
    """
    folder.mkdir(parents=True, exist_ok=True)
    key = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]
    with (folder / f"{key}.json").open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        incident = _add_one(key, file.read(), now)
        file.truncate(0)
        json.dump(asdict(incident), file)
    return incident


def _add_one(key: str, kept: str, now: datetime) -> Incident:
    stamp = now.isoformat(timespec="seconds")
    last = Incident(**json.loads(kept)) if kept else None
    if last is None or now - datetime.fromisoformat(last.seen) >= CLOSED:
        return Incident(key=key, since=stamp, seen=stamp, mailed=stamp, count=1, due=True)
    due = now - datetime.fromisoformat(last.mailed) >= QUIET
    mailed = stamp if due else last.mailed
    return Incident(key=key, since=last.since, seen=stamp, mailed=mailed, count=last.count + 1, due=due)
