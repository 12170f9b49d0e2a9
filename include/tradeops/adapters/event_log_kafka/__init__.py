"""The event log on Apache Kafka, or on any broker that speaks its protocol."""

from tradeops.adapters.event_log_kafka.address import SCHEMES, KafkaAddress
from tradeops.adapters.event_log_kafka.log import KafkaEventLog

__all__ = ["SCHEMES", "KafkaAddress", "KafkaEventLog"]
