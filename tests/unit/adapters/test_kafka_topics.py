"""What a broker that has just started says of its topics."""

from typing import Any, cast

import pytest

from tradeops.adapters.event_log_kafka.address import KafkaAddress
from tradeops.adapters.event_log_kafka.clients import KafkaClients
from tradeops.adapters.event_log_kafka.topics import LEASES, prepare_topics
from tradeops.domain.errors import ConfigurationError, ExternalServiceError

UNKNOWN_TOPIC = 3


class Admin:
    """Describes all topics as they should be, but one.

    Args:
        lease: Partitions of the topic of leases; None: it is not known yet.
    """

    def __init__(self, lease: int | None) -> None:
        self._lease = lease
        self._wanted: dict[str, int] = {}

    def describe_topics(self, names: list[str]) -> list[dict[str, Any]]:
        return [self._describe(name) for name in names]

    def create_topics(self, missing: dict[str, dict[str, Any]]) -> None:
        self._wanted |= {name: topic["num_partitions"] for name, topic in missing.items()}

    def wait_for_topics(self, names: list[str]) -> None: ...

    def close(self) -> None: ...

    def _describe(self, name: str) -> dict[str, Any]:
        count = self._lease if name == LEASES else self._wanted.get(name)
        return {"name": name, "error_code": UNKNOWN_TOPIC if count is None else 0, "partitions": [None] * (count or 0)}


class Clients:
    def __init__(self, lease: int | None) -> None:
        self.address = KafkaAddress.parse("kafka://broker:9092")
        self._admin = Admin(lease)

    def open_admin(self) -> Admin:
        return self._admin


def prepare(lease: int | None) -> None:
    prepare_topics(cast("KafkaClients", Clients(lease)))


def test_topics_that_are_missing_are_made() -> None:
    prepare(1)


def test_topic_that_the_broker_does_not_know_yet_is_waited_for() -> None:
    with pytest.raises(ExternalServiceError, match="does not know its topic leases yet; try again") as refused:
        prepare(None)
    assert refused.value.retryable


def test_topic_with_another_number_of_partitions_is_refused_for_good() -> None:
    with pytest.raises(ConfigurationError, match="leases has 2 partitions in the cluster and 1 in the catalogue"):
        prepare(2)
