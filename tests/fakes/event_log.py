"""The event log in memory: one process, members of a group are objects."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Self

from tradeops.domain.errors import ConfigurationError, LeaseHeld, LeaseLost
from tradeops.domain.topics import choose_partition, find_topic
from tradeops.ports.event_log import Message, NewMessage

Place = tuple[str, int]


@dataclass
class InMemoryEventLog:
    """With `marks`, an append leaves a gap in the offsets of its partitions, as a transaction does on Kafka."""

    marks: bool = False
    messages: dict[Place, list[Message]] = field(default_factory=lambda: defaultdict(list))
    ends: dict[Place, int] = field(default_factory=lambda: defaultdict(int))
    offsets: dict[tuple[str, Place], int] = field(default_factory=dict)
    holders: dict[tuple[str, Place], "InMemoryConsumer"] = field(default_factory=dict)
    members: dict[str, list["InMemoryConsumer"]] = field(default_factory=lambda: defaultdict(list))
    held_names: set[str] = field(default_factory=set)
    appends: int = 0

    def append(self, messages: Sequence[NewMessage]) -> None:
        targets = [(message, self._place(message)) for message in messages]
        for message, place in targets:
            lane = self.messages[place]
            lane.append(
                Message(
                    topic=message.topic,
                    partition=place[1],
                    offset=self.ends[place],
                    key=message.key,
                    value=bytes(message.value),
                    headers=dict(message.headers),
                )
            )
            self.ends[place] += 1
        for place in {place for _, place in targets} if self.marks else ():
            self.ends[place] += 1
        self.appends += bool(messages)

    def open_consumer(self, group: str, topics: Sequence[str]) -> "InMemoryConsumer":
        places = [(topic, number) for topic in topics for number in range(find_topic(topic).partitions)]
        return InMemoryConsumer(log=self, group=group, places=places)

    def read(self, topic: str, partition: int, offset: int, limit: int = 1000) -> tuple[Message, ...]:
        if not 0 <= partition < find_topic(topic).partitions:
            raise ConfigurationError(f"{topic} has no partition {partition}", topic=topic)
        lane = self.messages[topic, partition]
        first = bisect_left(lane, offset, key=attrgetter("offset"))
        return tuple(lane[first : first + limit])

    def end_offsets(self, topic: str) -> Mapping[int, int]:
        return {number: self.ends[topic, number] for number in range(find_topic(topic).partitions)}

    def count_messages(self, topic: str) -> int:
        return sum(len(self.messages[topic, number]) for number in range(find_topic(topic).partitions))

    def committed(self, group: str, topic: str) -> Mapping[int, int]:
        numbers = range(find_topic(topic).partitions)
        return {number: self.offsets.get((group, (topic, number)), 0) for number in numbers}

    @contextmanager
    def hold(self, name: str, *, wait_seconds: float = 0.0) -> Iterator[None]:
        if name in self.held_names:
            raise LeaseHeld(f"{name} is held; wait for it", name=name)
        self.held_names.add(name)
        try:
            yield
        finally:
            self.held_names.discard(name)

    def expire_members(self, group: str) -> None:
        """All members of the group have been silent for too long."""
        self.members[group].clear()

    def _place(self, message: NewMessage) -> Place:
        return message.topic, choose_partition(message.key, find_topic(message.topic).partitions)


@dataclass(kw_only=True, eq=False)
class InMemoryConsumer:
    log: InMemoryEventLog
    group: str
    places: list[Place]
    positions: dict[Place, int] = field(default_factory=dict)
    turn: int = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def poll(self, limit: int = 1000) -> tuple[Message, ...]:
        self._share_anew()
        found: list[Message] = []
        self.turn += 1
        first = self.turn % max(1, len(self.positions))
        held = sorted(self.positions)
        for place in held[first:] + held[:first]:
            page = self.log.read(*place, self.positions[place], limit - len(found))
            self.positions[place] = page[-1].offset + 1 if page else self.positions[place]
            found += page
        return tuple(found)

    def commit(self, outputs: Sequence[NewMessage] = ()) -> None:
        done = [place for place in self.positions if self._is_pending(place)]
        if any(self.log.holders.get((self.group, place)) is not self for place in done):
            self.positions.clear()
            raise LeaseLost(f"another member of {self.group} took over; poll again", group=self.group)
        self.log.append(outputs)
        self.log.offsets.update({(self.group, place): self.positions[place] for place in done})

    def close(self) -> None:
        for place in list(self.positions):
            self._give_up(place)
        if self in self.log.members[self.group]:
            self.log.members[self.group].remove(self)

    def _share_anew(self) -> None:
        members = self.log.members[self.group]
        if self not in members:
            members.append(self)
        share = {
            place for number, place in enumerate(self.places) if members[number % len(members)] is self
        }  # all members of a group read the same topics
        for place in list(self.positions):
            lost = self.log.holders.get((self.group, place)) is not self
            if (lost or place not in share) and not self._is_pending(place):
                self._give_up(place)
        for place in share - self.positions.keys():
            if self.log.holders.get((self.group, place)) not in members:
                self.log.holders[self.group, place] = self
            if self.log.holders[self.group, place] is self:
                self.positions[place] = self._committed(place)

    def _give_up(self, place: Place) -> None:
        del self.positions[place]
        if self.log.holders.get((self.group, place)) is self:
            del self.log.holders[self.group, place]

    def _is_pending(self, place: Place) -> bool:
        return self.positions[place] != self._committed(place)

    def _committed(self, place: Place) -> int:
        return self.log.offsets.get((self.group, place), 0)
