"""Answers events while the trading window is open; while it is closed they wait in the log."""

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from tradeops.domain.trading_window import WindowChange, is_open
from tradeops.ports.event_log import EventConsumer
from tradeops.services.drain_events_once import DrainCounts


@dataclass(slots=True, kw_only=True)
class WindowedDrain:
    """A member of the group that decides, in an open window only; closed with `with`.

    The window is looked at between two polls: what is polled is answered to its end.

    Args:
        read_window: The change in force.
        join: Becomes a member.
        drain: Answers what one poll gives.
        say: Told what keeps the events waiting; nothing while they are answered.
    """

    read_window: Callable[[], WindowChange | None]
    join: Callable[[], AbstractContextManager[EventConsumer]]
    drain: Callable[[EventConsumer], DrainCounts | None]
    say: Callable[[str], None]
    _membership: ExitStack = field(default_factory=ExitStack)
    _consumer: EventConsumer | None = None

    def drain_once(self) -> DrainCounts | None:
        """Answer what one poll gives; None when nothing waits, or has to wait."""
        newest = self.read_window()
        if not is_open(newest):
            self._leave()
            self.say(str(newest))
            return None
        self.say("")
        if self._consumer is None:
            self._consumer = self._membership.enter_context(self.join())
        return self.drain(self._consumer)

    def _leave(self) -> None:
        self._consumer = None
        self._membership.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._consumer = None
        self._membership.__exit__(kind, error, trace)
