"""Makes the catalogue's topics, and refuses a cluster that has them otherwise."""

from typing import Any

from kafka import KafkaAdminClient
from kafka.errors import TopicAlreadyExistsError

from tradeops.adapters.event_log_kafka.address import KafkaAddress
from tradeops.adapters.event_log_kafka.clients import LARGEST_BYTES, KafkaClients
from tradeops.adapters.event_log_kafka.errors import explain_errors
from tradeops.domain.errors import ConfigurationError, ExternalServiceError
from tradeops.domain.topics import TOPICS

LEASES = "leases"
_DAY_MS = 86_400_000


def prepare_topics(clients: KafkaClients) -> None:
    """Make each topic of the catalogue, and its dead-letter topic, where it is missing; nothing else is changed.

    A dead letter is larger than its message, which may be as large as the broker lets it be: its topic takes more.

    Raises:
        ConfigurationError: A topic has another number of partitions than the catalogue's.
        ExternalServiceError: A broker that has just started does not know a topic yet (retryable).
    """
    address = clients.address
    wanted = _list_wanted(address)
    admin = clients.open_admin()
    try:
        with explain_errors(address, "making topics"):
            missing = {name: wanted[name] for name in wanted.keys() - _count_partitions(admin, wanted).keys()}
            if missing:
                _create(admin, missing)
                admin.wait_for_topics(sorted(wanted))
            found = _count_partitions(admin, wanted)
    finally:
        admin.close()
    for name, topic in wanted.items():
        if name not in found:
            raise ExternalServiceError(f"{address} does not know its topic {name} yet; try again", topic=name)
        if found[name] != topic["num_partitions"]:
            raise ConfigurationError(
                f"topic {name} has {found[name]} partitions in the cluster and {topic['num_partitions']} in the "
                "catalogue; keys would change their partition: restore the catalogue's number",
                topic=name,
            )


def _list_wanted(address: KafkaAddress) -> dict[str, dict[str, Any]]:
    wanted = {address.name(LEASES): _describe(1, None)}
    for topic in TOPICS.values():
        described = _describe(topic.partitions, topic.retention_days)
        wanted[address.name(topic.name)] = described
        larger = {**described["configs"], "max.message.bytes": str(LARGEST_BYTES)}
        wanted[address.name(topic.dead_letters)] = {**described, "configs": larger}
    return wanted


def _describe(partitions: int, retention_days: int | None) -> dict[str, Any]:
    retention = -1 if retention_days is None else retention_days * _DAY_MS
    return {"num_partitions": partitions, "configs": {"retention.ms": str(retention), "cleanup.policy": "delete"}}


def _create(admin: KafkaAdminClient, missing: dict[str, dict[str, Any]]) -> None:
    try:
        admin.create_topics(missing)
    except TopicAlreadyExistsError:
        # Another process makes them at this moment: each of the rest is asked for alone.
        for name, topic in missing.items():
            try:
                admin.create_topics({name: topic})
            except TopicAlreadyExistsError:
                continue


def _count_partitions(admin: KafkaAdminClient, names: dict[str, dict[str, Any]]) -> dict[str, int]:
    described = admin.describe_topics(sorted(names))
    return {topic["name"]: len(topic["partitions"]) for topic in described if not topic["error_code"]}
