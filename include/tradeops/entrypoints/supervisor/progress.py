"""What the person at the terminal sees: one line a step, with the time since the start."""

import sys
import time
from typing import TextIO


class Progress:
    """Writes plain lines, each at once.

    Args:
        output: Where to; a terminal, a pipe or a file.
    """

    def __init__(self, output: TextIO = sys.stdout) -> None:
        self._output = output
        self._started = time.monotonic()

    def say(self, text: str) -> None:
        """Write a line that starts with minutes and seconds since the start."""
        minutes, seconds = divmod(int(time.monotonic() - self._started), 60)
        self._output.write(f"{minutes:3d}:{seconds:02d}  {text}\n")
        self._output.flush()
