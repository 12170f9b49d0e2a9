"""A notifier in memory."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from tradeops.ports.notifier import Notification


@dataclass
class InMemoryNotifier:
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    sent: list[Notification] = field(default_factory=list)
    sent_at: dict[tuple[str, ...], datetime] = field(default_factory=dict)

    def notify(self, notification: Notification) -> bool:
        now, last = self.now(), self.sent_at.get(notification.cause)
        if last is not None and now - last < timedelta(hours=1):
            return False
        self.sent.append(notification)
        self.sent_at[notification.cause] = now
        return True
