"""Features of the newest sessions in Redis: one packed value a symbol."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from ssl import SSLError
from typing import Final, Self, cast
from urllib.parse import urlsplit

import numpy as np
from redis import BlockingConnectionPool, Redis
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    ConnectionError,
    NoPermissionError,
    RedisError,
)
from redis.retry import Retry

from tradeops.domain.errors import ConfigurationError, CorruptInput, CycleConflict, ExternalServiceError, UnknownRecord
from tradeops.domain.features import FeatureRows
from tradeops.domain.identifiers import InstrumentId
from tradeops.domain.market import FloatArray
from tradeops.ports.feature_store import ONLINE_SESSIONS

KEPT: Final = timedelta(days=30)
CONNECT_SECONDS: Final = 1.0
CALL_SECONDS: Final = 2.0
MOST_CONNECTIONS: Final = 4

# A session is a list: its header (move of the market clock, digest of the values, layout), then a value a symbol.
# Compared, written and trimmed in one step, so that of two writers the second is judged by what the first left.
_WRITE = """
local index, key, market, header = KEYS[1], KEYS[2], tonumber(ARGV[1]), ARGV[2]
local kept = redis.call('LINDEX', key, 0)
if kept then
  local before = tonumber(string.match(kept, '^%d+') or market)
  if before > market then return 'older' end
  if before == market and kept ~= header then return 'conflict' end
end
-- First what a server without memory refuses: after a first write it lets a script go on.
redis.call('ZADD', index, ARGV[4], key)
redis.call('UNLINK', key)
redis.call('RPUSH', key, header)
for place = 6, #ARGV do
  redis.call('RPUSH', key, ARGV[place])
end
redis.call('PEXPIRE', key, ARGV[3])
redis.call('PEXPIRE', index, ARGV[3])
for _, old in ipairs(redis.call('ZRANGE', index, 0, -ARGV[5] - 1)) do
  redis.call('UNLINK', old)
  redis.call('ZREM', index, old)
end
return 'kept'
"""


@dataclass(frozen=True, slots=True)
class _Layout:
    """What the values of a session are of; `text` is how it stands in a header, and is compared instead of read."""

    text: bytes
    instruments: tuple[InstrumentId, ...] = ()
    names: tuple[str, ...] = ()


class RedisFeatureStore:
    """`FeatureStore` in a Redis database of its own; any number of threads and processes may share it.

    An object belongs to one process, whose threads share a bounded pool of connections; the first call opens one.
    A session is one list, so it is read, expires, and is dropped by a server without memory as a whole.

    Args:
        url: `redis://host:port/database` or, with TLS, `rediss://…?ssl_ca_certs=ca.pem`; the account before the host.
        schema: Hash of the feature declarations that `read` asks for.
        kept: How long a session is served after it was written.

    Raises:
        ConfigurationError: The URL cannot be read.
    """

    def __init__(self, url: str, schema: str, kept: timedelta = KEPT) -> None:
        self._schema: Final = schema
        self._kept: Final = kept
        self._place: Final = _name_place(url)
        try:
            pool = BlockingConnectionPool.from_url(
                url,
                max_connections=MOST_CONNECTIONS,
                timeout=CALL_SECONDS,
                socket_connect_timeout=CONNECT_SECONDS,
                socket_timeout=CALL_SECONDS,
                # Once more at once, for a connection that a restarted server has forgotten.
                retry=Retry(NoBackoff(), 1, supported_errors=(ConnectionError,)),
                protocol=2,
            )
            pool.connection_class(**pool.connection_kwargs)  # connects to nothing, but refuses unknown options
        except (ValueError, TypeError):
            # Without the cause: its text may hold the password.
            raise ConfigurationError(f"the URL of {self._place} cannot be read; {_REMEDY}") from None
        self._client: Final = Redis(connection_pool=pool)
        self._write: Final = self._client.register_script(_WRITE)
        self._layout = _Layout(b"")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back."""
        self._client.connection_pool.disconnect()

    def read(self, session: date, *, market: int) -> FeatureRows:
        """Features of a session; see the port.

        Raises:
            CorruptInput: What is stored is not what was written.
            ExternalServiceError: Redis does not answer in time (retryable).
            ConfigurationError: It refuses user, password, certificate or command.
        """
        key = _session_key(self._schema, session)
        with self._telling():
            found = cast("list[bytes]", self._client.lrange(key, 0, -1))
        move, digest, text = _split_header(found[0], key) if found else (0, b"", b"")
        if not found or move > market:
            raise UnknownRecord(
                f"the online store holds no features of {session} for market clock move {market}; "
                "run the DAG build_features",
                session=session,
                market=market,
            )
        layout = self._layout
        if layout.text != text:
            layout = self._layout = _read_layout(text, key)
        return FeatureRows(
            session=session,
            market=move,
            schema=self._schema,
            instruments=layout.instruments,
            names=layout.names,
            values=_unpack(found[1:], layout, digest, key),
        )

    def write(self, rows: FeatureRows) -> None:
        """Keep rows; see the port.

        Raises:
            ExternalServiceError: Redis does not answer in time (retryable); whether it took the rows is not known,
                and writing them again is harmless.
            ConfigurationError: It refuses user, password, certificate or command.
        """
        packed = [column.tobytes() for column in rows.values.T.astype("<f8", order="C")]
        lifetime = self._kept // timedelta(milliseconds=1)
        with self._telling():
            answer = self._write(
                keys=[_index_key(rows.schema), _session_key(rows.schema, rows.session)],
                args=[
                    rows.market,
                    _make_header(rows, packed),
                    lifetime,
                    rows.session.toordinal(),
                    ONLINE_SESSIONS,
                    *packed,
                ],
            )
        if answer == b"conflict":
            raise CycleConflict(
                f"other features of {rows.session} are kept for move {rows.market} of the market clock",
                session=rows.session,
            )

    @contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except (AuthenticationError, AuthorizationError, NoPermissionError) as error:
            raise ConfigurationError(f"{self._place} refuses: {error}; {_REMEDY}") from error
        except RedisError as error:
            if _is_refusal(error):
                raise ConfigurationError(f"{self._place} cannot be trusted or used: {error}; {_REMEDY}") from error
            raise ExternalServiceError(f"{self._place} cannot be used: {error}", place=self._place) from error


_REMEDY: Final = "correct host, account and ssl_ca_certs in TRADEOPS_FEATURE_STORE_URL"


def _name_place(url: str) -> str:
    """The URL without user and password."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _is_refusal(error: RedisError) -> bool:
    # So a server calls a long command of somebody who has not said who he is.
    if "unauthenticated" in str(error):
        return True
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, SSLError):
        cause = cause.__cause__ or cause.__context__
    return cause is not None


def _index_key(schema: str) -> str:
    return f"tradeops:features:{hashlib.sha256(schema.encode()).hexdigest()[:16]}"


def _session_key(schema: str, session: date) -> str:
    return f"{_index_key(schema)}:{session}"


def _make_header(rows: FeatureRows, packed: list[bytes]) -> bytes:
    text = json.dumps({"instruments": rows.instruments, "names": rows.names}, separators=(",", ":")).encode()
    return b"%d %s %s" % (rows.market, hashlib.sha256(b"".join(packed)).hexdigest().encode(), text)


def _split_header(header: bytes, key: str) -> tuple[int, bytes, bytes]:
    try:
        move, digest, text = header.split(b" ", 2)
        return int(move), digest, text
    except ValueError as error:
        raise _damaged(key) from error


def _read_layout(text: bytes, key: str) -> _Layout:
    try:
        described = json.loads(text)
        instruments = tuple(InstrumentId(name) for name in described["instruments"])
        return _Layout(text, instruments, tuple(described["names"]))
    except (ValueError, KeyError) as error:
        raise _damaged(key) from error


def _unpack(packed: list[bytes], layout: _Layout, digest: bytes, key: str) -> FloatArray:
    data = b"".join(packed)
    if hashlib.sha256(data).hexdigest().encode() != digest:
        raise _damaged(key)
    values = np.frombuffer(data, dtype="<f8").reshape(len(layout.instruments), len(layout.names))
    return np.ascontiguousarray(values.T, dtype=np.float64)


def _damaged(key: str) -> CorruptInput:
    return CorruptInput(
        f"features under {key} in the online store are damaged; delete that key and run the DAG build_features",
        key=key,
    )
