"""How many letters of a topic wait, and which of them a person was told of.

What was told is a mark on the dead-letter topic itself: it outlives every process, and all processes see the same.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from tradeops.domain.canonical import encode_canonical, to_plain
from tradeops.domain.dead_letters import DeadLetter
from tradeops.domain.topics import Topic
from tradeops.ports.event_log import EventLog, Message, NewMessage
from tradeops.services.dead_letters.letter_headers import SETTLES, TOLD, find_address
from tradeops.services.dead_letters.read_letters import read_letters
from tradeops.services.read_log import read_forward

_MARK_KEY = "told"


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """The open letters of a topic, beside what was told.

    Args:
        topic: Whose letters.
        waiting: All that are open, as they lie there: most looks only count them.
        told_until: By partition, the offset before which a person was told of every letter.
        end: By partition, the offset behind everything that was read.
    """

    topic: Topic
    waiting: tuple[Message, ...]
    told_until: Mapping[int, int]
    end: Mapping[int, int]

    @property
    def told(self) -> int:
        """How many of them a person was told of."""
        return sum(message.offset < self.told_until.get(message.partition, 0) for message in self.waiting)

    def is_worth_telling(self, factor: int) -> bool:
        """Whether letters wait and none of them is told, or they are `factor` times those that are."""
        return bool(self.waiting) and len(self.waiting) >= factor * self.told

    def read_letters(self) -> tuple[DeadLetter, ...]:
        """The letters.

        Raises:
            CorruptInput: A message on the topic is no letter.
        """
        return tuple(read_letters(self.topic, self.waiting))

    def make_mark(self, at: datetime) -> NewMessage:
        """The mark that says a person was told of all of them."""
        value = encode_canonical({str(partition): offset for partition, offset in self.end.items()})
        return NewMessage(topic=self.topic.dead_letters, key=_MARK_KEY, value=value, headers={TOLD: str(to_plain(at))})


def read_growth(log: EventLog, topic: Topic) -> Growth:
    """Read a dead-letter topic whole."""
    messages = list(read_forward(log, topic.dead_letters))
    settled = {message.headers.get(SETTLES) for message in messages}
    waiting = tuple(
        message
        for message in messages
        if message.headers.keys().isdisjoint((SETTLES, TOLD)) and str(find_address(message)) not in settled
    )
    end = {message.partition: message.offset + 1 for message in messages}
    return Growth(topic=topic, waiting=waiting, told_until=_read_marks(messages), end=end)


def _read_marks(messages: Sequence[Message]) -> dict[int, int]:
    told: dict[int, int] = {}
    for message in messages:
        if TOLD in message.headers:
            for partition, offset in json.loads(message.value).items():
                told[int(partition)] = max(told.get(int(partition), 0), offset)
    return told
