"""A child that appends to the log what it is told to, however long the broker is away."""

import base64
import json
import os
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import TypeVar

from tests.faults import children
from tests.faults.real_servers.board import Board
from tradeops.bootstrap.event_log import open_event_log
from tradeops.domain.errors import ExternalServiceError
from tradeops.domain.topics import FEATURES
from tradeops.entrypoints.process_death import die_with_parent
from tradeops.ports.event_log import NewMessage

Letter = tuple[str, bytes]
"""Key and value of a message."""
_AGAIN_SECONDS = 0.1
_Found = TypeVar("_Found")


class Publisher:
    """Appends batches in order, each message alone; one whose outcome is unknown is appended again.

    Args:
        url: Of the event log.
        board: Hears of each batch that is on the log.
        folder: Of the case.
    """

    def __init__(self, url: str, board: Board, folder: Path) -> None:
        reader, self._writer = os.pipe()
        self._pid = children.start(lambda: _publish(url, reader, board), folder / "publisher.pickle")
        os.close(reader)

    def publish(self, name: str, batch: Sequence[Letter]) -> None:
        """Ask for it; the board hears `published=name` when it is done."""
        lines = [[key, base64.b64encode(value).decode()] for key, value in batch]
        os.write(self._writer, json.dumps([name, lines]).encode() + b"\n")

    def close(self) -> None:
        """Let it end; what is not on the log by now never will be."""
        with suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        os.close(self._writer)


def _publish(url: str, reader: int, board: Board) -> None:
    die_with_parent(signal.SIGKILL)
    with closing(_insist(lambda: open_event_log(url))) as log, os.fdopen(reader) as lines:
        board.tell(published="nothing yet", at=time.monotonic())
        for line in lines:
            name, batch = json.loads(line)
            for key, value in batch:
                message = NewMessage(topic=FEATURES.name, key=key, value=base64.b64decode(value))
                _insist(lambda message=message: log.append([message]))  # type: ignore[misc]
            board.tell(published=name, at=time.monotonic())


def _insist(ask: Callable[[], _Found]) -> _Found:
    while True:
        try:
            return ask()
        except ExternalServiceError:
            time.sleep(_AGAIN_SECONDS)
