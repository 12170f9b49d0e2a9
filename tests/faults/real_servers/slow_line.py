"""A line to a server that can be made slow: whatever goes through it waits."""

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from tests.faults.real_servers.knob import Knob
from tradeops.entrypoints.process_death import die_with_parent

_CHUNK = 65536


@dataclass(frozen=True)
class SlowLine:
    """Listens on `port` of 127.0.0.1; each chunk waits for `delay` seconds before it goes on."""

    port: int
    delay: Knob = field(default_factory=Knob)


@contextmanager
def open_line(server_port: int) -> Iterator[SlowLine]:
    """A line to a port of 127.0.0.1, by a child, for as long as the block runs."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        line = SlowLine(listener.getsockname()[1])
        pid = os.fork()
        if not pid:
            _carry(listener, server_port, line.delay)
    try:
        yield line
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def _carry(listener: socket.socket, server_port: int, delay: Knob) -> None:
    die_with_parent(signal.SIGKILL)
    while True:
        near, _ = listener.accept()
        try:
            far = socket.create_connection(("127.0.0.1", server_port))
        except OSError:
            near.close()
            continue
        for source, target in ((near, far), (far, near)):
            threading.Thread(target=_pump, args=(source, target, delay), daemon=True).start()


def _pump(source: socket.socket, target: socket.socket, delay: Knob) -> None:
    with suppress(OSError):
        while found := source.recv(_CHUNK):
            time.sleep(delay.read())
            target.sendall(found)
    for end in (source, target):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
