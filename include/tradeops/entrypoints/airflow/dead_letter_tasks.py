"""The task that sends dead letters again."""

import logging
from typing import Any

from tradeops.domain.topics import TOPICS, find_topic
from tradeops.entrypoints.airflow.run_notes import note_run
from tradeops.entrypoints.airflow.task_runtime import fail_unless_retryable

_LOG = logging.getLogger(__name__)

ALL = "all"
CHOICES = [ALL, *(topic.dead_letters for topic in TOPICS.values())]


def redrive_dead_letters(topic: str, *, dry_run: bool) -> dict[str, Any]:
    """Send the open letters of a dead-letter topic, or of all, to their topics again, once.

    Args:
        topic: One of `CHOICES`.
        dry_run: Say what would be sent, and send nothing.

    Returns:
        How many by topic, and in all.
    """
    from tradeops.bootstrap.event_log import open_event_log  # noqa: PLC0415 - paid in the task, not at every parse
    from tradeops.services import dead_letters  # noqa: PLC0415
    from tradeops.settings import load_settings  # noqa: PLC0415

    names = list(TOPICS) if topic == ALL else [find_topic(topic).name]
    counts: dict[str, int] = {}
    with fail_unless_retryable(), open_event_log(load_settings().event_log_url) as log:
        for name in names:
            sent = dead_letters.redrive_dead_letters(log, topic=name, dry_run=dry_run)
            for letter in sent:
                _LOG.info("%s: %s %r", letter.address, letter.error_type, letter.message)
            if sent:
                counts[name] = len(sent)
    total = sum(counts.values())
    done = "would be sent again" if dry_run else "sent again"
    each = ", ".join(f"{count} {name}" for name, count in counts.items())
    note_run(f"{total} dead letters {done}" + (f": {each}" if each else ""))
    return {"letters": total, "topics": counts, "dry_run": dry_run}
