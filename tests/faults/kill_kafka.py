"""What child processes do to an event log on Kafka until they are killed; imported by name in a fresh interpreter."""

import os
import signal
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

from kafka import KafkaProducer

from tests.contract import event_log_processes as children
from tests.contract.event_log_processes import RAW
from tradeops.adapters.event_log_kafka.consumer import KafkaEventConsumer
from tradeops.ports.event_log import NewMessage

Work = Callable[[str], None]

# A child dies before the n-th call of the method, or right after the n-th that the broker took.
STEPS = (
    ("begin_transaction", 1, "before"),
    ("send", 3, "before"),
    ("send_offsets_to_transaction", 1, "before"),
    ("send_offsets_to_transaction", 1, "after"),
    ("commit_transaction", 1, "before"),
    ("commit_transaction", 1, "after"),
)
Step = tuple[str, int, str]


def work_until(url: str, work: Work, step: Step) -> None:
    """Work and die by SIGKILL at a step of the producer's transaction."""
    name, at, moment = step
    real, calls = getattr(KafkaProducer, name), count(1)

    def die_in_time(self: KafkaProducer, *arguments: Any, **named: Any) -> Any:
        if moment == "before" and next(calls) == at:
            os.kill(os.getpid(), signal.SIGKILL)
        found = real(self, *arguments, **named)
        if moment == "after" and next(calls) == at:
            os.kill(os.getpid(), signal.SIGKILL)
        return found

    setattr(KafkaProducer, name, die_in_time)
    work(url)


def append_fifty(url: str) -> None:
    """One append of several messages to several partitions."""
    with children.open_log(url) as log:
        log.append([NewMessage(topic=RAW, key=f"K{number % 12}", value=b"%06d" % number) for number in range(50)])


def consume_offsets_first(url: str) -> None:
    """The mutant: the offset is committed, and the effect after it."""
    real = KafkaEventConsumer.commit

    def commit(self: KafkaEventConsumer, outputs: Sequence[NewMessage] = ()) -> None:
        real(self)
        self._parts.writer.append(outputs)

    KafkaEventConsumer.commit = commit  # type: ignore[method-assign]
    children.consume(url)


def consume_effects_first(url: str) -> None:
    """The mutant: the effect is appended, and the offset committed after it."""
    real = KafkaEventConsumer.commit

    def commit(self: KafkaEventConsumer, outputs: Sequence[NewMessage] = ()) -> None:
        self._parts.writer.append(outputs)
        real(self)

    KafkaEventConsumer.commit = commit  # type: ignore[method-assign]
    children.consume(url)
