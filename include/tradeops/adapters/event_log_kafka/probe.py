"""Why a client cannot reach its broker: the client library itself only says that it timed out."""

import logging
import socket
import ssl
from types import TracebackType
from typing import Self

from tradeops.adapters.event_log_kafka.address import ENCRYPTED, PLAIN, KafkaAddress
from tradeops.domain.errors import ConfigurationError, ExternalServiceError, TradeOpsError

_CONNECT_S = 2.0
_REFUSED_LOGIN = ("SaslAuthenticationFailed", "UnsupportedSaslMechanism", "Authentication failed")


class HeardErrors(logging.Handler):
    """Collects what a logger reports as error while the block runs."""

    def __init__(self, logger: logging.Logger) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []
        self._logger = logger

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the text of one record."""
        self.texts.append(record.getMessage())

    def __enter__(self) -> Self:
        self._logger.addHandler(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._logger.removeHandler(self)


def find_cause(address: KafkaAddress, heard: list[str], error: Exception) -> TradeOpsError:
    """What keeps a client from its broker.

    Args:
        address: Where it should be.
        heard: Errors that the client library logged meanwhile.
        error: What it raised at last.

    Returns:
        A `ConfigurationError` that names what to check, or an `ExternalServiceError` when waiting may help.
    """
    for server in address.servers:
        host, _, port = server.rpartition(":")
        found = _try_server(address, host.strip("[]"), int(port))
        if found is not None:
            return found
    if any(sign in text for text in heard for sign in _REFUSED_LOGIN):
        return ConfigurationError(
            f"{address} refuses user {address.user}: check user, password and sasl_mechanism ({address.mechanism})"
        )
    return ExternalServiceError(f"{address} does not answer: {error}; check that it is up, then try again")


def _try_server(address: KafkaAddress, host: str, port: int) -> TradeOpsError | None:
    try:
        with socket.create_connection((host, port), _CONNECT_S) as connection:
            return _try_tls(address, host, connection)
    except ssl.SSLCertVerificationError as error:
        why = error.verify_message
        return ConfigurationError(f"the certificate of {address} is not trusted ({why}): check host name and ca_file")
    except ssl.SSLError:
        return ConfigurationError(f"{host}:{port} does not speak TLS: use {PLAIN}://, or the broker's TLS port")
    except OSError as error:
        return ExternalServiceError(f"no connection to {host}:{port}: {error}; check that the broker is up there")


def _try_tls(address: KafkaAddress, host: str, connection: socket.socket) -> TradeOpsError | None:
    if address.encrypted:
        context = ssl.create_default_context(cafile=address.ca_file)
        context.wrap_socket(connection, server_hostname=host).close()
        return None
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        context.wrap_socket(connection, server_hostname=host).close()
    except (ssl.SSLError, OSError):
        return None
    return ConfigurationError(f"{address} speaks TLS: use {ENCRYPTED}://, with user and password if it asks for them")
