"""Dead letters on a real broker, where offsets have gaps and strangers write what they like."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from tests.contract.event_log_processes import insist
from tests.contract.test_event_log import drain
from tests.fakes.notifier import InMemoryNotifier
from tests.servers.kafka import make_patient
from tradeops.adapters.event_log_kafka import KafkaAddress, KafkaEventLog, topics
from tradeops.adapters.event_log_kafka.clients import KafkaClients
from tradeops.domain.dead_letters import Discard, FailureKind, LetterFilter, LetterState
from tradeops.domain.errors import ConfigurationError
from tradeops.domain.topics import BARS_RAW
from tradeops.ports.event_log import NewMessage
from tradeops.services.dead_letters import discard_dead_letters, list_dead_letters, redrive_dead_letters
from tradeops.services.ingest_events import ingest_events
from tradeops.services.watch_dead_letters import watch_dead_letters

RAW = BARS_RAW.name
AT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def url(kafka_url: str) -> str:
    return make_patient(kafka_url)


@pytest.fixture
def log(url: str) -> Iterator[KafkaEventLog]:
    with open_kafka_log(url) as opened:
        yield opened


def open_kafka_log(url: str) -> KafkaEventLog:
    return insist(lambda: KafkaEventLog(KafkaAddress.parse(url)))


LARGEST = 1_048_450  # what a topic takes by default, with its batch around it


def write_as_a_stranger(url: str, **record: object) -> None:
    address = KafkaAddress.parse(url)
    producer = insist(lambda: KafkaClients(address).open_producer(None))
    try:
        producer.send(address.name(RAW), partition=0, **record).get(timeout=address.patience_s)
    finally:
        producer.close()


def test_poison_is_kept_told_once_sent_again_in_order_and_given_up(log: KafkaEventLog, url: str) -> None:
    write_as_a_stranger(url, key=b"\xff\x00", value=b"\xfe", headers=[("odd", b"\xff")])
    write_as_a_stranger(url, key=b"", value=None)
    for number in range(6):
        log.append([NewMessage(topic=RAW, key="IBM", value=f"{number}".encode())])
    assert ingest_events(log, is_session=lambda _: True, at=AT).dead == 8

    letters = list_dead_letters(log, wanted=LetterFilter(kind=FailureKind.UNPARSEABLE))
    assert len(letters) == 8
    (strange,) = [letter for letter in letters if letter.value == b"\xfe"]
    assert (strange.key.encode(errors="surrogateescape"), strange.headers["odd"]) == (b"\xff\x00", "\udcff")

    notifier = InMemoryNotifier()
    looks = [watch_dead_letters(log, notifier, topic=RAW, at=AT) for _ in range(3)]
    assert (looks, len(notifier.sent)) == ([True, False, False], 1)

    discard = Discard(person="Ada", reason="a stranger's", at=AT)
    given_up = discard_dead_letters(
        log, discard, topic=RAW, wanted=LetterFilter(addresses=frozenset({strange.address}))
    )
    assert len(given_up) == 1
    assert len(redrive_dead_letters(log, topic=RAW)) == 7
    assert redrive_dead_letters(log, topic=RAW) == ()
    states = [letter.state for letter in list_dead_letters(log)]
    assert (states.count(LetterState.REDRIVEN), states.count(LetterState.DISCARDED)) == (7, 1)
    with log.open_consumer("ingest", [RAW]) as consumer:
        again = drain(consumer)
        assert [message.value for message in again if message.key == "IBM"] == [b"0", b"1", b"2", b"3", b"4", b"5"]
        consumer.commit()

    assert ingest_events(log, is_session=lambda _: True, at=AT).dead == 0


def test_message_as_large_as_its_topic_takes_becomes_a_letter_with_its_bytes(log: KafkaEventLog, url: str) -> None:
    write_as_a_stranger(url, key=b"IBM", value=b"\xff" * LARGEST)

    assert ingest_events(log, is_session=lambda _: True, at=AT).dead == 1
    assert [letter.value for letter in list_dead_letters(log)] == [b"\xff" * LARGEST]
    with pytest.raises(ConfigurationError, match="too large"):
        log.append([NewMessage(topic=RAW, key="IBM", value=b"\xff" * (LARGEST + 1000))])


def test_mutant_letters_topic_that_takes_no_more_than_its_topic_is_found(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(topics, "LARGEST_BYTES", 1_048_588)
    with open_kafka_log(url) as log:
        write_as_a_stranger(url, key=b"IBM", value=b"\xff" * LARGEST)
        with pytest.raises(ConfigurationError, match="too large"):
            ingest_events(log, is_session=lambda _: True, at=AT)
