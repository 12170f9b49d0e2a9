"""Hash-chained streams in memory, written apart from the adapter's so that each can judge the other."""

import hashlib
import json
from collections import defaultdict
from dataclasses import dataclass, field

from tradeops.domain.errors import CorruptInput
from tradeops.ports.ledger import ChainHead


@dataclass(frozen=True)
class FakeEntry:
    kind: str
    key: str
    payload: str
    epoch: int
    digest: str


@dataclass
class FakeStreams:
    entries: dict[str, list[FakeEntry]] = field(default_factory=lambda: defaultdict(list))

    def append(self, stream: str, kind: str, key: str, payload: str, epoch: int = 0) -> None:
        if self.find(stream, kind, key) is not None:
            raise AssertionError(f"{stream} {kind} {key} is there already")
        digest = self._digest(stream, len(self.entries[stream]), (kind, key, payload), epoch)
        self.entries[stream].append(FakeEntry(kind, key, payload, epoch, digest))

    def find(self, stream: str, kind: str, key: str) -> str | None:
        found = (entry.payload for entry in self.entries[stream] if (entry.kind, entry.key) == (kind, key))
        return next(found, None)

    def of_kind(self, stream: str, kind: str) -> list[FakeEntry]:
        return sorted((entry for entry in self.entries[stream] if entry.kind == kind), key=lambda entry: entry.key)

    def length(self, stream: str) -> int:
        return len(self.entries[stream])

    def heads(self) -> tuple[ChainHead, ...]:
        return tuple(
            ChainHead(stream=name, sequence=len(entries), digest=entries[-1].digest)
            for name, entries in sorted(self.entries.items())
            if entries
        )

    def verify(self) -> None:
        for stream, entries in self.entries.items():
            for place, entry in enumerate(entries):
                wanted = self._digest(stream, place, (entry.kind, entry.key, entry.payload), entry.epoch)
                if entry.digest != wanted:
                    raise CorruptInput(f"stream {stream}: entry {place + 1}", stream=stream, sequence=place + 1)

    def _digest(self, stream: str, place: int, content: tuple[str, str, str], epoch: int) -> str:
        before = self.entries[stream][place - 1].digest if place else "0" * 64
        parts = [stream, place + 1, *content, before, epoch]
        text = json.dumps(parts, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()
