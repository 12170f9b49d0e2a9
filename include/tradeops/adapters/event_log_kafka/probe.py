"""Why a client cannot reach its broker: the client library itself only says that it timed out."""

import socket
import ssl
import struct

from kafka.net.sasl import get_sasl_mechanism

from tradeops.adapters.event_log_kafka.address import ENCRYPTED, PLAIN, KafkaAddress
from tradeops.domain.errors import ConfigurationError, ExternalServiceError, TradeOpsError

_CONNECT_S = 2.0
_MOST_BYTES = 65_536  # of an answer
# Requests of the protocol, and what a broker may say to them.
_HANDSHAKE, _AUTHENTICATE = (17, 1), (36, 0)
_NEEDS_NO_LOGIN, _REFUSED = 34, 58
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
        try:
            return _try_login(address, secured)
        except (OSError, ValueError, KeyError, struct.error):
            return None  # too slow, or no broker: a right password must not be called wrong


def _try_login(address: KafkaAddress, connection: ssl.SSLSocket) -> TradeOpsError | None:
    code = _read_code(_ask(connection, _HANDSHAKE, _pack_text(address.mechanism)))
    if address.user is None:
        if code == _NEEDS_NO_LOGIN:
            return None
        return ConfigurationError(f"{address} answers to no client without login: give user and password")
    if code or not _lets_in(address, connection):
        return ConfigurationError(
            f"{address} refuses user {address.user}: check user, password and sasl_mechanism ({address.mechanism})"
        )
    return None


def _lets_in(address: KafkaAddress, connection: ssl.SSLSocket) -> bool:
    mechanism = get_sasl_mechanism(address.mechanism)(
        sasl_mechanism=address.mechanism, sasl_plain_username=address.user, sasl_plain_password=address.password
    )
    while not mechanism.is_done():
        token = mechanism.auth_bytes()
        answer = _ask(connection, _AUTHENTICATE, struct.pack(">i", len(token)) + token)
        code = _read_code(answer)
        if code == _REFUSED:
            return False
        if code:
            raise ValueError(f"error {code} of the broker")
        mechanism.receive(_read_token(answer))
    return True


def _read_code(answer: bytes) -> int:
    return int.from_bytes(answer[:2], signed=True)


def _read_token(answer: bytes) -> bytes:
    (said,) = struct.unpack_from(">h", answer, 2)
    return answer[4 + max(said, 0) + 4 :]


def _pack_text(text: str) -> bytes:
    return struct.pack(">h", len(text)) + text.encode()


def _ask(connection: ssl.SSLSocket, request: tuple[int, int], body: bytes) -> bytes:
    """What a broker answers, behind the number of the request."""
    sent = struct.pack(">hhih", *request, 7, -1) + body
    connection.sendall(struct.pack(">i", len(sent)) + sent)
    (size,) = struct.unpack(">i", _read_exactly(connection, 4))
    if not 0 <= size <= _MOST_BYTES:
        raise ValueError("no answer of a broker")
    return _read_exactly(connection, size)[4:]


def _read_exactly(connection: ssl.SSLSocket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        more = connection.recv(size - len(found))
        if not more:
            raise ConnectionError("the connection was closed")
        found += more
    return found


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
