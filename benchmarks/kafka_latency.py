"""Events over one Kafka broker: published → handled, and how many a second, beside a bare kafka-python loop.

Ours chooses partitions by the catalogue, gives checked messages, and commits each batch's offsets in a transaction
that fences; the bare loop subscribes, polls and commits plainly. Both publish one event at a time with the receipt of
every replica, and handle it in another thread of the same process.
"""

import struct
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from statistics import median
from typing import Protocol
from uuid import uuid4

from kafka import KafkaConsumer, KafkaProducer

from benchmarks.measuring import Measured, median_ratio, quantile
from tests.servers.kafka import lend_prefix, open_kafka
from tradeops.adapters.event_log_kafka import KafkaAddress, KafkaEventLog
from tradeops.domain.topics import BARS_RAW
from tradeops.ports.event_log import NewMessage

ROUNDS = 5
EVENTS, PAUSE_S = 400, 0.005
BULK, PAGE = 30_000, 1000
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


def time_way(make_way: Callable[[KafkaAddress, Handle], Way], address: KafkaAddress) -> tuple[list[float], float]:
    """Seconds from publishing to handling of each event, and seconds an event of those that lay ready."""
    seconds: list[float] = []
    way = make_way(address, lambda value: seconds.append(time.perf_counter() - struct.unpack_from("d", value)[0]))
    done = threading.Event()

    def handle_all() -> None:
        while not done.is_set():
            way.handle_batch()

    def publish() -> None:
        way.publish(struct.pack("d", time.perf_counter()) + BODY)

    with ThreadPoolExecutor(1) as threads:
        handling = threads.submit(handle_all)
        try:
            publish()
            _wait_for(seconds, 1, handling)
            for _ in range(EVENTS):
                publish()
                time.sleep(PAUSE_S)
            _wait_for(seconds, 1 + EVENTS, handling)
        finally:
            done.set()
    latencies = seconds[1:]
    _fill(address)
    started, reached = time.perf_counter(), len(seconds) + BULK
    while len(seconds) < reached:
        way.handle_batch()
    each = (time.perf_counter() - started) / BULK
    way.close()
    return latencies, each


def measure() -> dict[str, Measured]:
    """Ratios of ours to the bare loop; the notes have milliseconds and events a second."""
    ways: dict[str, Callable[[KafkaAddress, Handle], Way]] = {"ours": Ours, "bare": Bare}
    latencies: dict[str, list[list[float]]] = {name: [] for name in ways}
    each: dict[str, list[list[float]]] = {name: [] for name in ways}
    with open_kafka() as server:
        for number in range(ROUNDS + 1):
            for name, way in ways.items():
                with lend_prefix(server) as url:
                    address = KafkaAddress.parse(url)
                    KafkaEventLog(address).close()  # makes the topics
                    found = time_way(way, address)
                if number:
                    latencies[name].append(found[0])
                    each[name].append([found[1]])
    return describe(latencies, each)


def describe(latencies: dict[str, list[list[float]]], each: dict[str, list[list[float]]]) -> dict[str, Measured]:
    """The three figures."""
    middle, high = (
        {name: 1e3 * quantile(rounds, level) for name, rounds in latencies.items()} for level in (0.5, 0.95)
    )
    rates = {name: 1 / median(seconds for (seconds,) in rounds) for name, rounds in each.items()}
    return {
        "kafka_latency_p50": Measured(middle["ours"] / middle["bare"], _compare("ms", middle)),
        "kafka_latency_p95": Measured(high["ours"] / high["bare"], _compare("ms", high)),
        "kafka_rate": Measured(median_ratio(each["bare"], each["ours"]), _compare("1/s", rates)),
    }


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
