"""Events wait in the log while the window is closed; none is polled, lost or given up."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tradeops.adapters.event_log_sqlite import SqliteEventLog
from tradeops.domain.topics import FEATURES
from tradeops.domain.trading_window import WindowChange, WindowState
from tradeops.ports.event_log import EventConsumer, NewMessage
from tradeops.services import drain_in_window
from tradeops.services.drain_events_once import GROUP, DrainCounts
from tradeops.services.drain_in_window import WindowedDrain
from tradeops.services.read_log import count_unread

CLOSED = WindowChange(
    requested_by="ann/1",
    state=WindowState.CLOSED,
    person="ann",
    reason="bars look wrong",
    at=datetime(2026, 11, 20, 14, tzinfo=UTC),
)
OPENED = replace(CLOSED, requested_by="ann/2", state=WindowState.OPEN)


@dataclass
class Desk:
    """A log, a window and what became of the events."""

    log: SqliteEventLog
    window: WindowChange | None = None
    polled: int = 0
    joined: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    closes_meanwhile: bool = False

    @contextmanager
    def join(self) -> Iterator[EventConsumer]:
        self.joined.append("joined")
        with self.log.open_consumer(GROUP, [FEATURES.name]) as consumer:
            yield consumer
        self.joined.append("left")

    def drain(self, consumer: EventConsumer) -> DrainCounts | None:
        messages = consumer.poll()
        if self.closes_meanwhile:
            self.window = CLOSED
        consumer.commit()
        self.polled += len(messages)
        return DrainCounts(answered=len(messages)) if messages else None

    def open(self) -> WindowedDrain:
        return WindowedDrain(read_window=lambda: self.window, join=self.join, drain=self.drain, say=self.said.append)

    def send(self, count: int) -> None:
        self.log.append([NewMessage(topic=FEATURES.name, key="XNYS", value=b"?") for _ in range(count)])

    def count_waiting(self) -> int:
        return count_unread(self.log, GROUP, FEATURES.name)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with SqliteEventLog(f"sqlite:///{tmp_path}/log.db") as log:
        yield Desk(log)


def check_events_wait_and_are_answered_later(desk: Desk) -> None:
    desk.window = CLOSED
    desk.send(2)
    with desk.open() as drain:
        assert drain.drain_once() is None
        assert (desk.joined, desk.polled, desk.count_waiting()) == ([], 0, 2)
        assert desk.said == ["window closed since 2026-11-20 14:00 UTC by ann: bars look wrong"]
        desk.window = OPENED
        assert drain.drain_once() == DrainCounts(answered=2)
        assert drain.drain_once() is None
        assert (desk.joined, desk.polled, desk.count_waiting(), desk.said[1:]) == (["joined"], 2, 0, ["", ""])


def test_events_wait_for_the_window_and_are_answered_once_it_opens(desk: Desk) -> None:
    check_events_wait_and_are_answered_later(desk)


def test_mutant_that_sees_every_window_open_is_found(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drain_in_window, "is_open", lambda _newest: True)
    with pytest.raises(AssertionError):
        check_events_wait_and_are_answered_later(desk)


def test_what_is_polled_is_answered_to_its_end_then_the_group_is_left(desk: Desk) -> None:
    desk.closes_meanwhile = True
    desk.send(2)
    with desk.open() as drain:
        assert drain.drain_once() == DrainCounts(answered=2)
        desk.send(1)
        assert drain.drain_once() is None
        assert drain.drain_once() is None
        assert (desk.joined, desk.count_waiting()) == (["joined", "left"], 1)


def test_it_leaves_the_group_when_it_ends_or_fails(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_consumer: Any) -> None:
        raise OSError("disk full")

    with desk.open() as drain:
        drain.drain_once()
    assert desk.joined == ["joined", "left"]
    monkeypatch.setattr(desk, "drain", fail)
    with pytest.raises(OSError, match="disk full"), desk.open() as drain:
        drain.drain_once()
    with desk.log.open_consumer(GROUP, [FEATURES.name]) as another:
        desk.send(1)
        assert len(another.poll()) == 1
