"""Why a client cannot reach its broker: the client library itself only says that it timed out."""

import socket
import ssl
import struct

from tradeops.adapters.event_log_kafka.address import ENCRYPTED, PLAIN, KafkaAddress
from tradeops.domain.errors import ConfigurationError, ExternalServiceError, TradeOpsError

_CONNECT_S = 2.0
_API_VERSIONS = struct.pack(">ihhih", 10, 18, 0, 7, -1)
_ANSWER_BYTES = 8  # length and correlation id; an alert of TLS is shorter


def find_cause(address: KafkaAddress, error: Exception) -> TradeOpsError:
    """What keeps a client from its broker: each server is tried step by step.

    Args:
        address: Where it should be.
        error: What the client library raised.

    Returns:
        A `ConfigurationError` that names what to check, or an `ExternalServiceError` when waiting may help.
    """
    for server in address.servers:
        host, _, port = server.rpartition(":")
        found = _try_server(address, host.strip("[]"), int(port))
        if found is not None:
            return found
    return ExternalServiceError(f"{address} does not answer: {error}; check that it is up, then try again")


def _try_server(address: KafkaAddress, host: str, port: int) -> TradeOpsError | None:
    try:
        with socket.create_connection((host, port), _CONNECT_S) as connection:
            return _try_encrypted(address, host, connection) if address.encrypted else _try_plain(address, connection)
    except ssl.SSLCertVerificationError as error:
        why = error.verify_message
        return ConfigurationError(f"the certificate of {address} is not trusted ({why}): check host name and ca_file")
    except ssl.SSLError:
        return ConfigurationError(f"{host}:{port} does not speak TLS: use {PLAIN}://, or the broker's TLS port")
    except OSError as error:
        return ExternalServiceError(f"no connection to {host}:{port}: {error}; check that the broker is up there")


def _try_encrypted(address: KafkaAddress, host: str, connection: socket.socket) -> TradeOpsError | None:
    context = ssl.create_default_context(cafile=address.ca_file)
    with context.wrap_socket(connection, server_hostname=host) as secured:
        # Whoever tells a stranger its versions lives; so it is the login that fails.
        if not _tells_versions(secured):
            return None
    if address.user is None:
        return ConfigurationError(f"{address} answers to no client without login: give user and password")
    return ConfigurationError(
        f"{address} refuses user {address.user}: check user, password and sasl_mechanism ({address.mechanism})"
    )


def _try_plain(address: KafkaAddress, connection: socket.socket) -> TradeOpsError | None:
    if _tells_versions(connection):
        return None
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with socket.create_connection(connection.getpeername()[:2], _CONNECT_S) as another:
            context.wrap_socket(another).close()
    except OSError:
        return None
    return ConfigurationError(f"{address} speaks TLS: use {ENCRYPTED}://, with user and password if it asks for them")


def _tells_versions(connection: socket.socket) -> bool:
    try:
        connection.sendall(_API_VERSIONS)
        return len(connection.recv(_ANSWER_BYTES)) == _ANSWER_BYTES
    except OSError:
        return False
