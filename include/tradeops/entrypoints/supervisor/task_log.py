"""Makes the last lines of an Airflow task's log, which are JSON, readable at a terminal."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_TAIL = 15


def read_task_tail(log: Path, lines: int = _TAIL) -> str:
    """Return what a task said last: level, message and the chain of errors.

    Args:
        log: The log of one try.
        lines: How many lines at most.
    """
    text = log.read_text(errors="replace") if log.is_file() else "(no log)"
    shown = [line for raw in text.splitlines() for line in _render(raw)]
    return "\n".join(f"    {line}" for line in shown[-lines:])


def _render(raw: str) -> Iterator[str]:
    try:
        entry = json.loads(raw)
        event, level = str(entry["event"]), str(entry.get("level", ""))
    except (ValueError, TypeError, KeyError):
        yield raw
        return
    if event.startswith("::"):  # marks of the UI's folding
        return
    yield f"{level:8} {event}"
    for error in reversed(entry.get("error_detail") or []):
        yield from _render_error(error)


def _render_error(error: dict[str, Any]) -> Iterator[str]:
    yield f"         {error['exc_type']}: {error['exc_value']}"
    for frame in error.get("frames", [])[-1:]:
        yield f"           in {frame['name']} ({frame['filename']}:{frame['lineno']})"
