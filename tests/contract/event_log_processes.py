"""What child processes do to an event log; imported by name in a fresh interpreter."""

import os
import signal
import time
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any, TypeVar

from tradeops.adapters.event_log_kafka import KafkaEventLog
from tradeops.adapters.event_log_sqlite import SqliteEventLog
from tradeops.adapters.event_log_sqlite.consumer import SqliteEventConsumer
from tradeops.bootstrap.event_log import open_event_log
from tradeops.domain.errors import TradeOpsError
from tradeops.domain.topics import BARS, BARS_RAW
from tradeops.ports.event_log import EventConsumer, EventLog, Message, NewMessage
from tradeops.services.read_log import is_read

GROUP, RAW, OUT = "ingest", BARS_RAW.name, BARS.name


INSIST_SECONDS = 120.0

T = TypeVar("T")


def insist(call: Callable[[], T]) -> T:
    """Call again after an error that calls itself retryable: a busy machine lets a broker answer late."""
    until = time.monotonic() + INSIST_SECONDS
    while True:
        try:
            return call()
        except TradeOpsError as error:
            if not error.retryable or time.monotonic() > until:
                raise
        time.sleep(0.1)


def open_log(url: str) -> SqliteEventLog | KafkaEventLog:
    """An event log of whatever kind, however late its broker answers."""
    return insist(lambda: open_event_log(url))


def gather(consumer: EventConsumer, count: int, *, limit: int = 1000, seconds: float = INSIST_SECONDS) -> list[Message]:
    """Poll until there are so many messages, at least once: a poll may give a part of what is there."""
    until, found = time.monotonic() + seconds, list[Message]()
    while True:
        found += insist(lambda: consumer.poll(limit))
        if len(found) >= count or time.monotonic() >= until:
            return found


def effects_of(messages: Sequence[Message]) -> list[NewMessage]:
    return [NewMessage(topic=OUT, key=message.key, value=message.value) for message in messages]


def consume(url: str, batch: int = 4) -> None:
    """Poll and commit an effect a message until the group has done all of them."""
    with open_log(url) as log, log.open_consumer(GROUP, [RAW]) as consumer:
        done = False
        while not done:
            try:
                done = consume_once(log, consumer, batch)
            except TradeOpsError as error:
                if not error.retryable:
                    raise
            time.sleep(0.001)


def consume_once(log: EventLog, consumer: EventConsumer, batch: int) -> bool:
    """Poll and commit; whether the group has done everything.

    Raises:
        LeaseLost: It is not written: the next poll gives it again.
        ExternalServiceError: It is not known whether it is written: the next poll tells.
    """
    if is_read(log, GROUP, RAW, until=log.end_offsets(RAW)):
        return True
    consumer.commit(effects_of(consumer.poll(batch)))
    return False


def consume_offsets_first(url: str) -> None:
    """The mutant: the offset is committed, and the effect after it."""
    real = SqliteEventConsumer.commit

    def commit(self: SqliteEventConsumer, outputs: Sequence[NewMessage] = ()) -> None:
        real(self)
        real(self, outputs)

    SqliteEventConsumer.commit = commit  # type: ignore[method-assign]
    consume(url)


def consume_effects_first(url: str) -> None:
    """The mutant: the effect is appended, and the offset committed after it."""
    real = SqliteEventConsumer.commit

    def commit(self: SqliteEventConsumer, outputs: Sequence[NewMessage] = ()) -> None:
        with self._connection.write_cursor() as cursor:
            from tradeops.adapters.event_log_sqlite.messages import append_messages

            append_messages(cursor, self._partitions, outputs)
        real(self)

    SqliteEventConsumer.commit = commit  # type: ignore[method-assign]
    consume(url)


Work = Callable[[str], None]


def consume_until_killed(url: str, work: Work, at_statement: int) -> None:
    """Consume and die by SIGKILL before the n-th statement or commit."""
    real = SqliteEventLog.__init__
    statements = count(1)

    def die_in_time(_statement: str) -> None:
        if next(statements) == at_statement:
            os.kill(os.getpid(), signal.SIGKILL)

    def open_watched(self: SqliteEventLog, address: str) -> None:
        real(self, address)
        driver: Any = self._connection._connection.connection.driver_connection
        driver.set_trace_callback(die_in_time)

    SqliteEventLog.__init__ = open_watched  # type: ignore[method-assign]
    work(url)


def produce(url: str, producer: int, batches: int, start_at: float) -> None:
    """Append batches that name their producer and number."""
    time.sleep(max(0.0, start_at - time.time()))
    with open_log(url) as log:
        for number in range(batches):
            values = [f"{producer} {number} {part}".encode() for part in range(5)]
            log.append([NewMessage(topic=RAW, key=f"K{part}", value=value) for part, value in enumerate(values)])


def hold_until_killed(url: str, held: Any) -> None:
    """Take a lease, belong to a group, and never let go."""
    with open_log(url) as log, log.hold("backfill"), log.open_consumer(GROUP, [RAW]) as consumer:
        consumer.poll()
        held.set()
        time.sleep(600)
