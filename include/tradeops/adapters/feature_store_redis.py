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
MOST_LOOKS: Final = 3

# Header of a session: move of the market clock, digest of the values, layout. Compared, written and trimmed in
# one step, so that nobody sees a part of a session and the last of two writers is judged by what the first left.
_WRITE = """
local function drop(header_key)
  local kept = redis.call('GET', header_key)
  if kept then
    for _, name in ipairs(cjson.decode(string.match(kept, '^%d+ %x+ (.*)$')).instruments) do
      redis.call('UNLINK', header_key .. ':' .. name)
    end
    redis.call('UNLINK', header_key)
  end
end

local index, header_key, market, header = KEYS[1], KEYS[2], tonumber(ARGV[1]), ARGV[2]
local kept = redis.call('GET', header_key)
if kept then
  local before = tonumber(string.match(kept, '^%d+'))
  if before > market then return 'older' end
  if before == market and kept ~= header then return 'conflict' end
end
drop(header_key)
local now = redis.call('TIME')
local expiry = now[1] * 1000 + math.floor(now[2] / 1000) + ARGV[3]
redis.call('SET', header_key, header, 'PXAT', expiry)
for place = 3, #KEYS do
  redis.call('SET', KEYS[place], ARGV[place + 3], 'PXAT', expiry)
end
redis.call('ZADD', index, ARGV[4], header_key)
redis.call('PEXPIREAT', index, expiry)
for _, old in ipairs(redis.call('ZRANGE', index, 0, -ARGV[5] - 1)) do
  drop(old)
  redis.call('ZREM', index, old)
end
return 'kept'
"""


@dataclass(frozen=True, slots=True)
class _Layout:
    """What the values of a session are of; `text` is how it stands in a header."""

    text: bytes
    instruments: tuple[InstrumentId, ...] = ()
    names: tuple[str, ...] = ()


class RedisFeatureStore:
    """`FeatureStore` in a Redis database of its own; any number of threads and processes may share it.

    An object belongs to one process, whose threads share a bounded pool of connections; the first call opens one.
    A session is read with one MGET of its header and its symbols, so it is seen whole or not at all; the symbols
    are guessed to be those of the session read before. All keys of a session expire at the same instant, and one
    with a value missing, as Redis drops some when its memory is full, is as if it had never been written.

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
        header_key = _header_key(self._schema, session)
        for _ in range(MOST_LOOKS):
            layout = self._layout
            header, *values = self._get([header_key, *_value_keys(header_key, layout.instruments)])
            move, digest, text = _split_header(header, header_key)
            if header is None or move > market:
                break
            if text != layout.text:
                self._layout = _read_layout(text, header_key)
                continue
            packed = [value for value in values if value is not None]
            if len(packed) < len(values):
                break
            return FeatureRows(
                session=session,
                market=move,
                schema=self._schema,
                instruments=layout.instruments,
                names=layout.names,
                values=_unpack(packed, layout, digest, header_key),
            )
        raise UnknownRecord(
            f"the online store holds no features of {session} for market clock move {market}; "
            "run the DAG build_features",
            session=session,
            market=market,
        )

    def write(self, rows: FeatureRows) -> None:
        """Keep rows; see the port.

        Raises:
            ExternalServiceError: Redis does not answer in time (retryable); whether it took the rows is not known,
                and writing them again is harmless.
            ConfigurationError: It refuses user, password, certificate or command.
        """
        header_key = _header_key(rows.schema, rows.session)
        packed = [column.tobytes() for column in rows.values.T.astype("<f8", order="C")]
        with self._telling():
            answer = self._write(
                keys=[_index_key(rows.schema), header_key, *_value_keys(header_key, rows.instruments)],
                args=[
                    rows.market,
                    _make_header(rows, packed),
                    self._kept // timedelta(milliseconds=1),
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

    def _get(self, keys: list[str]) -> list[bytes | None]:
        with self._telling():
            return cast("list[bytes | None]", self._client.mget(keys))

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
    # A part of a hash will do: each key is sent with every read.
    return f"tradeops:features:{hashlib.sha256(schema.encode()).hexdigest()[:16]}"


def _header_key(schema: str, session: date) -> str:
    return f"{_index_key(schema)}:{session}"


def _value_keys(header_key: str, instruments: tuple[InstrumentId, ...]) -> list[str]:
    return [f"{header_key}:{name}" for name in instruments]


def _make_header(rows: FeatureRows, packed: list[bytes]) -> bytes:
    text = json.dumps({"instruments": rows.instruments, "names": rows.names}, separators=(",", ":")).encode()
    return b"%d %s %s" % (rows.market, hashlib.sha256(b"".join(packed)).hexdigest().encode(), text)


def _split_header(header: bytes | None, header_key: str) -> tuple[int, bytes, bytes]:
    if header is None:
        return 0, b"", b""
    try:
        move, digest, text = header.split(b" ", 2)
        return int(move), digest, text
    except ValueError as error:
        raise _damaged(header_key) from error


def _read_layout(text: bytes, header_key: str) -> _Layout:
    try:
        described = json.loads(text)
        instruments = tuple(InstrumentId(name) for name in described["instruments"])
        return _Layout(text, instruments, tuple(described["names"]))
    except (ValueError, KeyError) as error:
        raise _damaged(header_key) from error


def _unpack(packed: list[bytes], layout: _Layout, digest: bytes, header_key: str) -> FloatArray:
    data = b"".join(packed)
    if hashlib.sha256(data).hexdigest().encode() != digest:
        raise _damaged(header_key)
    values = np.frombuffer(data, dtype="<f8").reshape(len(layout.instruments), len(layout.names))
    return np.ascontiguousarray(values.T, dtype=np.float64)


def _damaged(header_key: str) -> CorruptInput:
    return CorruptInput(
        f"features under {header_key} in the online store are damaged; delete that key and run the DAG build_features",
        key=header_key,
    )
