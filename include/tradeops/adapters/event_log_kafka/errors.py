"""Errors of the client library as errors of ours, without anything that is secret."""

from collections.abc import Iterator
from contextlib import contextmanager

from kafka.errors import (
    AuthorizationError,
    KafkaError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    SaslAuthenticationFailedError,
)

from tradeops.adapters.event_log_kafka.address import KafkaAddress
from tradeops.domain.errors import ConfigurationError, ExternalServiceError, TradeOpsError

_FORBIDDEN = (AuthorizationError, SaslAuthenticationFailedError)
_TOO_LARGE = (MessageSizeTooLargeError, RecordListTooLargeError)


@contextmanager
def explain_errors(address: KafkaAddress, doing: str) -> Iterator[None]:
    """Raise what the client library raises in the block as an error of ours.

    Raises:
        ConfigurationError: The broker forbids it, or a message is larger than it takes.
        ExternalServiceError: Anything else (retryable).
    """
    try:
        yield
    except (KafkaError, TimeoutError, OSError) as error:
        raise explain(address, doing, error) from error


def explain(address: KafkaAddress, doing: str, error: Exception) -> TradeOpsError:
    """The error of ours for one of the client library."""
    said = f"{type(error).__name__} at {address} {doing}"
    if isinstance(error, _FORBIDDEN):
        who = f"user {address.user}" if address.user else "a client that does not log in"
        return ConfigurationError(f"{said}: the broker forbids it to {who}; check password and ACLs")
    if isinstance(error, _TOO_LARGE):
        return ConfigurationError(f"{said}: a message is too large; raise the topic's max.message.bytes")
    return ExternalServiceError(f"{said}: {error}; check that the broker is up, then try again")
