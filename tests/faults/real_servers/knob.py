"""A number that a parent turns while its children look at it."""

import struct
from dataclasses import dataclass, field
from mmap import mmap

_NUMBER = struct.Struct("d")


@dataclass(frozen=True)
class Knob:
    """A float in memory that forked children share; 0.0 at first."""

    memory: mmap = field(default_factory=lambda: mmap(-1, _NUMBER.size))

    def turn(self, value: float) -> None:
        _NUMBER.pack_into(self.memory, 0, value)

    def read(self) -> float:
        value: float = _NUMBER.unpack_from(self.memory, 0)[0]
        return value
