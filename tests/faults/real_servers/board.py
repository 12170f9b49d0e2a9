"""What children tell while they live."""

import json
import os
from pathlib import Path
from typing import Any

Line = dict[str, Any]
_MOST = 65536


class Board:
    """A pipe from all children of a case to their parent, of lines: no full disk and no death stops it."""

    def __init__(self) -> None:
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        self._rest = b""
        self._lines: list[Line] = []
        self._is_open = True

    @property
    def path(self) -> Path:
        """For who wants to append lines to a file."""
        return Path(f"/dev/fd/{self._writer}")

    def tell(self, **what: object) -> None:
        """A line, whole whatever else is told at the same moment."""
        os.write(self._writer, json.dumps(what).encode() + b"\n")

    def read(self) -> list[Line]:
        """All that was told so far."""
        while self._is_open and (found := self._take()):
            *lines, self._rest = (self._rest + found).split(b"\n")
            self._lines += [json.loads(line) for line in lines]
        return self._lines

    def find(self, name: str) -> list[Line]:
        """What was told under a name, in the order of its coming."""
        return [line for line in self.read() if name in line]

    def close(self) -> None:
        """Hear no more; what was told is kept."""
        self.read()
        self._is_open = False
        os.close(self._reader)
        os.close(self._writer)

    def _take(self) -> bytes:
        try:
            return os.read(self._reader, _MOST)
        except BlockingIOError:
            return b""
