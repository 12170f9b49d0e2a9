"""The task that sends dead letters again, and the look at whether they grow."""

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from tradeops.domain.dead_letters import FailureKind, LetterFilter
from tradeops.domain.topics import TOPICS, find_topic
from tradeops.entrypoints.airflow.run_notes import note_run
from tradeops.entrypoints.airflow.task_runtime import fail_unless_retryable

_LOG = logging.getLogger(__name__)

ALL = "all"
ANY = "any"
CHOICES = [ALL, *(topic.dead_letters for topic in TOPICS.values())]
KINDS = [ANY, *(kind.value for kind in FailureKind)]


def redrive_dead_letters(topic: str, filters: Mapping[str, str | None], *, dry_run: bool) -> dict[str, Any]:
    """Send the open letters of a dead-letter topic, or of all, to their topics again, once.

    Args:
        topic: One of `CHOICES`.
        filters: `kind`, one of `KINDS`; `error`, its name or the reason in front of its message; `since`
            and `until`, ISO times between which a letter failed last. None leaves nothing out.
        dry_run: Say what would be sent, and send nothing.

    Returns:
        How many by topic, and in all.
    """
    from tradeops.bootstrap.event_log import open_event_log  # noqa: PLC0415 - paid in the task, not at every parse
    from tradeops.services import dead_letters  # noqa: PLC0415
    from tradeops.settings import load_settings  # noqa: PLC0415

    names = list(TOPICS) if topic == ALL else [find_topic(topic).name]
    counts: dict[str, int] = {}
    with fail_unless_retryable():
        wanted = _read_filter(filters)
        with open_event_log(load_settings().event_log_url) as log:
            for name in names:
                sent = dead_letters.redrive_dead_letters(log, topic=name, wanted=wanted, dry_run=dry_run)
                for letter in sent:
                    _LOG.info("%s: %s %r", letter.address, letter.error_type, letter.message)
                if sent:
                    counts[name] = len(sent)
    total = sum(counts.values())
    done = "would be sent again" if dry_run else "sent again"
    each = ", ".join(f"{count} {name}" for name, count in counts.items())
    note_run(f"{total} dead letters {done}" + (f": {each}" if each else ""))
    return {"letters": total, "topics": counts, "dry_run": dry_run}


def tell_of_dead_letters() -> None:
    """Tell on-call of dead-letter topics that grow, at the end of a task that loads."""
    from tradeops.bootstrap.dead_letters import tell_of_dead_letters as tell  # noqa: PLC0415 - paid in the task
    from tradeops.bootstrap.event_log import open_event_log  # noqa: PLC0415
    from tradeops.settings import load_settings  # noqa: PLC0415

    settings = load_settings()
    with open_event_log(settings.event_log_url) as log:
        for topic in tell(settings, log):
            _LOG.warning("dead letters of %s grow: on-call was told", topic)


def _read_filter(filters: Mapping[str, str | None]) -> LetterFilter:
    kind = filters.get("kind") or ANY
    return LetterFilter(
        kind=None if kind == ANY else FailureKind(kind),
        error=filters.get("error") or None,
        since=_read_time(filters.get("since")),
        until=_read_time(filters.get("until")),
    )


def _read_time(text: str | None) -> datetime | None:
    if not text:
        return None
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
