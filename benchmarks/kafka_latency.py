"""Events over one Kafka broker: published → handled, and how many a second, beside a bare kafka-python loop.

Ours chooses partitions by the catalogue, gives checked messages, and commits each batch's offsets in a transaction
that fences; the bare loop subscribes, polls and commits plainly. Both publish one event at a time with the receipt of
every replica, and handle it in another thread of the same process.
"""

import struct
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from statistics import median
from typing import Protocol
from uuid import uuid4

from kafka import KafkaConsumer, KafkaProducer

from benchmarks.measuring import Measured, median_ratio, quantile
from tests.servers.kafka import lend_prefix, open_kafka
from tradeops.adapters.event_log_kafka import KafkaAddress, KafkaEventLog
from tradeops.domain.topics import BARS_RAW
from tradeops.ports.event_log import NewMessage

ROUNDS, EVENTS, PAUSE_S = 60, 60, 0.005
BULK_ROUNDS, BULK, PAGE = 5, 30_000, 1000
BODY = b'{"close":"25.94","high":"26.50","instrument":"AAPL","low":"25.19","open":"25.56","session":"2001-03-01"}'
NAMES = ("AAPL", "FB", "GOOG", "IBM", "MSFT")
WAIT_S = 60.0

Handle = Callable[[bytes], None]


class Way(Protocol):
    """One way to use the broker: publishing in one thread, handling in another."""

    def publish(self, value: bytes) -> None:
        """Durable when it returns."""
        ...

    def handle_batch(self) -> None:
        """Poll, handle, commit."""
        ...

    def close(self) -> None:
        """Leave the group."""
        ...


class Ours:
    """The event log."""

    def __init__(self, address: KafkaAddress, handle: Handle) -> None:
        self._handle = handle
        self._writing, self._reading = KafkaEventLog(address), KafkaEventLog(address)
        self._consumer = self._reading.open_consumer(uuid4().hex, [BARS_RAW.name])

    def publish(self, value: bytes) -> None:
        """One append."""
        self._writing.append([NewMessage(topic=BARS_RAW.name, key="AAPL", value=value)])

    def handle_batch(self) -> None:
        """Poll, handle, commit."""
        messages = self._consumer.poll(PAGE)
        for message in messages:
            self._handle(message.value)
        if messages:
            self._consumer.commit()

    def close(self) -> None:
        """Leave the group."""
        self._consumer.close()
        self._writing.close()
        self._reading.close()


class Bare:
    """What anybody would write."""

    def __init__(self, address: KafkaAddress, handle: Handle) -> None:
        self._handle, self._topic = handle, address.name(BARS_RAW.name)
        self._producer = KafkaProducer(bootstrap_servers=address.servers)
        self._consumer = KafkaConsumer(
            self._topic,
            bootstrap_servers=address.servers,
            group_id=uuid4().hex,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
        )

    def publish(self, value: bytes) -> None:
        """Send and wait for the receipt."""
        self._producer.send(self._topic, value, b"AAPL").get(WAIT_S)

    def handle_batch(self) -> None:
        """Poll, handle, commit."""
        pages = self._consumer.poll(100, max_records=PAGE)
        for page in pages.values():
            for record in page:
                self._handle(record.value)
        if pages:
            self._consumer.commit()

    def close(self) -> None:
        """Leave the group."""
        self._consumer.close()
        self._producer.close()


@dataclass(frozen=True, slots=True)
class Course:
    """One way, open on topics of its own.

    Args:
        way: How the broker is used.
        address: Where.
        seconds: From publishing to handling, of each event so far.
    """

    way: Way
    address: KafkaAddress
    seconds: list[float]


@contextmanager
def open_course(make_way: Callable[[KafkaAddress, Handle], Way], server: str) -> Iterator[Course]:
    """Topics, group and connections, all warm."""
    seconds: list[float] = []
    with lend_prefix(server) as url:
        address = KafkaAddress.parse(url)
        KafkaEventLog(address).close()  # makes the topics
        way = make_way(address, lambda value: seconds.append(time.perf_counter() - struct.unpack_from("d", value)[0]))
        with closing(way):
            course = Course(way, address, seconds)
            time_events(course, 1)  # joins the group
            yield course


def time_events(course: Course, count: int = EVENTS) -> list[float]:
    """Seconds from publishing to handling of each of `count` events that come one by one."""
    before, done = len(course.seconds), threading.Event()

    def handle_all() -> None:
        while not done.is_set():
            course.way.handle_batch()

    with ThreadPoolExecutor(1) as threads:
        handling = threads.submit(handle_all)
        try:
            for _ in range(count):
                course.way.publish(struct.pack("d", time.perf_counter()) + BODY)
                time.sleep(PAUSE_S)
            _wait_for(course.seconds, before + count, handling)
        finally:
            done.set()
    return course.seconds[before:]


def time_ready(course: Course) -> float:
    """Seconds an event, of those that lie ready."""
    _fill(course.address)
    started, reached = time.perf_counter(), len(course.seconds) + BULK
    while len(course.seconds) < reached:
        course.way.handle_batch()
    return (time.perf_counter() - started) / BULK


def measure() -> dict[str, Measured]:
    """Ratios of ours to the bare loop in the same round; the notes have milliseconds and events a second."""
    latencies: dict[str, list[list[float]]] = {"ours": [], "bare": []}
    each: dict[str, list[list[float]]] = {"ours": [], "bare": []}
    with open_kafka() as server, open_course(Ours, server) as ours, open_course(Bare, server) as bare:
        courses = {"ours": ours, "bare": bare}
        for number in range(ROUNDS + 1):
            # Who is first changes, and a round is short: what else the machine does meets both.
            for name in sorted(courses, reverse=bool(number % 2)):
                found = time_events(courses[name])
                if number:
                    latencies[name].append(found)
        for number in range(BULK_ROUNDS + 1):
            for name in sorted(courses, reverse=bool(number % 2)):
                seconds = time_ready(courses[name])
                if number:
                    each[name].append([seconds])
    return describe(latencies, each)


def describe(latencies: dict[str, list[list[float]]], each: dict[str, list[list[float]]]) -> dict[str, Measured]:
    """The three figures."""
    rates = {name: 1 / median(seconds for (seconds,) in rounds) for name, rounds in each.items()}
    return {
        "kafka_latency_p50": _compare_quantiles(latencies, 0.5),
        "kafka_latency_p95": _compare_quantiles(latencies, 0.95),
        "kafka_rate": Measured(median_ratio(each["bare"], each["ours"]), _compare("1/s", rates)),
    }


def _compare_quantiles(latencies: dict[str, list[list[float]]], level: float) -> Measured:
    pairs = zip(latencies["ours"], latencies["bare"], strict=True)
    ratio = median(quantile([ours], level) / quantile([bare], level) for ours, bare in pairs)
    return Measured(ratio, _compare("ms", {name: 1e3 * quantile(rounds, level) for name, rounds in latencies.items()}))


def _fill(address: KafkaAddress) -> None:
    """The same batches for both: how large they are decides how quickly they are read."""
    body = struct.pack("d", time.perf_counter()) + BODY
    with KafkaEventLog(address) as log:
        for _ in range(BULK // PAGE):
            log.append([NewMessage(topic=BARS_RAW.name, key=name, value=body) for name in NAMES * (PAGE // len(NAMES))])


def _compare(unit: str, figures: dict[str, float]) -> str:
    return f"{unit}: ours {figures['ours']:,.1f}, bare kafka-python {figures['bare']:,.1f}; in one process, one broker"


def _wait_for(handled: list[float], count: int, handling: Future[None]) -> None:
    until = time.monotonic() + WAIT_S
    while len(handled) < count:
        if handling.done():
            handling.result()  # raises what ended it
        if time.monotonic() > until:
            raise TimeoutError(f"{len(handled)} of {count} events were handled within {WAIT_S} s")
        time.sleep(0.001)
