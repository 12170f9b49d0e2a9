"""Tells a person; few messages, each with what to do."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """One message about one cause.

    Args:
        cause: What makes two notifications the same; one message an hour goes out for each.
        subject: One line: what is wrong.
        facts: Lines of `name  value`, in order.
        advice: What to do, in steps.
    """

    cause: tuple[str, ...]
    subject: str
    facts: tuple[tuple[str, str], ...]
    advice: str


class Notifier(Protocol):
    """Where notifications go."""

    def notify(self, notification: Notification) -> bool:
        """Send it, unless the same cause was sent within the hour.

        Returns:
            Whether a message went out.
        """
        ...
