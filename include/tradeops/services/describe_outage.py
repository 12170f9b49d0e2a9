"""Says in one notification that the event log is away: why, since when, what was tried, what waits, what to do."""

from datetime import UTC, datetime

from tradeops.ports.breaker_board import Opening
from tradeops.ports.notifier import Notification

CAUSE = ("event log", "away")  # whoever meets it: it is told once
SUBJECT = "the event log does not answer"
_LONGEST = 300


def describe_outage(opening: Opening, *, error: str, rest_seconds: float, waits: str) -> Notification:
    """One notification for the whole outage, whichever process tells it and however often.

    Args:
        opening: Of the breaker before the event log.
        error: What the last attempt ended with.
        rest_seconds: Between two attempts from now on.
        waits: What is on record and not told yet.
    """
    since = datetime.fromtimestamp(opening.failing_since, UTC)
    return Notification(
        cause=CAUSE,
        subject=SUBJECT,
        facts=(
            ("cause", error if len(error) <= _LONGEST else f"{error[: _LONGEST - 1]}…"),
            ("failing since", f"{since:%Y-%m-%d %H:%M:%S} UTC, when it was opened in vain first"),
            (
                "tried",
                f"{opening.failures} times in a row, by all processes together; again every {rest_seconds:.0f} s",
            ),
            ("effect", "nothing is lost and nothing is given up: serve, seal, relay and Airflow's tasks try again"),
            ("waits", waits),
        ),
        advice=(
            "1. Mend what the cause names: the broker, its disk, the network, or the address in\n"
            "   TRADEOPS_EVENT_LOG_URL. `tradeops doctor` says whether it answers.\n"
            "2. Do not restart our processes: they go on by themselves within a minute, see `tradeops health serve`.\n"
            "3. Airflow's tasks that met it are `up_for_retry`, at first for 5 minutes; clear them to go on now.\n"
            "4. More, and how to see that it is over: docs/runbooks/kafka_down.md."
        ),
    )
