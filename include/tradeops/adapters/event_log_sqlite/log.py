"""`EventLog` on one SQLite file."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Self

from tradeops.adapters.event_log_sqlite.consumer import SqliteEventConsumer
from tradeops.adapters.event_log_sqlite.holds import hold_lease
from tradeops.adapters.event_log_sqlite.membership import Membership
from tradeops.adapters.event_log_sqlite.messages import (
    Place,
    append_messages,
    count_messages,
    list_places,
    read_end_offset,
    read_messages,
)
from tradeops.adapters.event_log_sqlite.schema import prepare_database
from tradeops.adapters.liveness import identify_process
from tradeops.adapters.sqlite import HeldConnection, create_sqlite_engine
from tradeops.domain.errors import ConfigurationError
from tradeops.ports.event_log import Message, NewMessage


class SqliteEventLog:
    """`EventLog` on the file of a `sqlite:///` URL; made if it is not there.

    Processes share the file, each opens it after its fork. An object serves one thread; each append is one
    transaction and one sync of the write-ahead log.

    Args:
        url: As `sqlite:////folder/event_log.db`, on a local disk.

    Raises:
        ConfigurationError: The URL names no SQLite file, or a newer release wrote it.
    """

    def __init__(self, url: str) -> None:
        self._connection = HeldConnection(create_sqlite_engine(url))
        try:
            self._partitions = prepare_database(self._connection)
        except BaseException:
            self.close()
            raise
        self._owner = identify_process()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the file back."""
        self._connection.close()

    def append(self, messages: Sequence[NewMessage]) -> None:
        """Append all of them or none; durable when it returns; see the port."""
        if messages:
            with self._connection.write_cursor() as cursor:
                append_messages(cursor, self._partitions, messages)

    def open_consumer(self, group: str, topics: Sequence[str]) -> SqliteEventConsumer:
        """A member of a group; it joins at its first poll. See the port."""
        places = [place for topic in topics for place in list_places(self._partitions, topic)]
        membership = Membership(group, topics, self._owner, self._partitions)
        return SqliteEventConsumer(self._connection, membership, places, self._partitions)

    def read(self, topic: str, partition: int, offset: int, limit: int = 1000) -> tuple[Message, ...]:
        """Messages from `offset` on; see the port.

        Raises:
            ConfigurationError: The topic is not in the catalogue, or has no such partition.
        """
        place = self._find_place(topic, partition)
        with self._connection.read_cursor() as cursor:
            return read_messages(cursor, place, offset, limit)

    def end_offsets(self, topic: str) -> Mapping[int, int]:
        """Offset that the next message gets, by partition; see the port."""
        with self._connection.read_cursor() as cursor:
            places = list_places(self._partitions, topic)
            return {place.partition: read_end_offset(cursor, place) for place in places}

    def count_messages(self, topic: str) -> int:
        """How many messages the topic holds; see the port."""
        with self._connection.read_cursor() as cursor:
            return sum(count_messages(cursor, place) for place in list_places(self._partitions, topic))

    def committed(self, group: str, topic: str) -> Mapping[int, int]:
        """Offset that a group reads next, by partition; see the port."""
        with self._connection.read_cursor() as cursor:
            rows = cursor.execute("SELECT partition_id, next_offset FROM leases WHERE consumer_group = ?", (group,))
            offsets: dict[int, int] = {place: offset for place, offset in rows}
        return {place.partition: offsets.get(place.id, 0) for place in list_places(self._partitions, topic)}

    def hold(self, name: str, *, wait_seconds: float = 0.0) -> AbstractContextManager[None]:
        """Hold a named lease for as long as the block runs; see the port."""
        return hold_lease(self._connection, name, self._owner, wait_seconds)

    def _find_place(self, topic: str, partition: int) -> Place:
        places = list_places(self._partitions, topic)
        if not 0 <= partition < len(places):
            raise ConfigurationError(f"{topic} has partitions 0 to {len(places) - 1}, not {partition}", topic=topic)
        return places[partition]
