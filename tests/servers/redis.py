"""Redis as a child of the tests: plain, or with TLS and an account of its own."""

import hashlib
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme
from redis import Redis
from redis.exceptions import RedisError

from tests.servers.given import given_url
from tests.servers.process import ServerProcess, make_folder, require
from tradeops.adapters import feature_store_redis

LONG_SECONDS = 30.0
PROGRAM = "redis-server"
PASSWORD = "only for tests"  # noqa: S105  # pragma: allowlist secret


@dataclass(frozen=True)
class RedisServer:
    """A server, and how to reach it; `ca` is the file that its certificate is checked with."""

    process: ServerProcess
    url: str
    port: int
    ca: Path | None = None


@contextmanager
def long_redis_limits() -> Iterator[None]:
    """Of the stores that this process opens meanwhile: a server that shares its machine with the tests may be slow."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(feature_store_redis, "CONNECT_SECONDS", LONG_SECONDS)
        patch.setattr(feature_store_redis, "CALL_SECONDS", LONG_SECONDS)
        yield


@contextmanager
def open_redis() -> Iterator[str]:
    """URL of a server that keeps nothing of ours afterwards: the given one, else one that is started."""
    given = given_url("REDIS")
    if given is None:
        with start_redis() as server:
            yield server.url
        return
    yield given
    forget(given)


def forget(url: str) -> None:
    """Take away all that the product keeps."""
    with Redis.from_url(url) as client:
        for key in client.scan_iter("tradeops:*"):
            client.delete(key)


@contextmanager
def start_redis() -> Iterator[RedisServer]:
    """Plain, without a password, on loopback."""
    port = _find_free_port()
    with _run(["--port", str(port)], Redis(port=port)) as process:
        yield RedisServer(process, f"redis://127.0.0.1:{port}/0", port)


@contextmanager
def start_secured_redis() -> Iterator[RedisServer]:
    """TLS only; nobody is let in but `app`, who may do nothing dangerous, and `reader`, who may only read."""
    folder, port = make_folder("redis-tls"), _find_free_port()
    authority = trustme.CA()
    issued = authority.issue_cert("localhost", "127.0.0.1")
    ca, certificate, key, accounts = (folder / name for name in ("ca.pem", "cert.pem", "key.pem", "users.acl"))
    authority.cert_pem.write_to_path(ca)
    issued.private_key_pem.write_to_path(key)
    certificate.write_bytes(b"".join(part.bytes() for part in issued.cert_chain_pems))
    digest = hashlib.sha256(PASSWORD.encode()).hexdigest()
    accounts.write_text(
        "user default off\n"
        f"user app on #{digest} ~tradeops:* +@read +@write +@scripting +@connection -@dangerous\n"
        f"user reader on #{digest} ~tradeops:* +lrange +@connection\n"
    )
    options = ["--port", "0", "--tls-port", str(port), "--tls-auth-clients", "no", "--aclfile", str(accounts)]
    options += ["--tls-cert-file", str(certificate), "--tls-key-file", str(key), "--tls-ca-cert-file", str(ca)]
    account = {"username": "app", "password": PASSWORD}
    client = Redis(host="localhost", port=port, ssl=True, ssl_ca_certs=str(ca), **account)
    try:
        with _run(options, client) as process:
            yield RedisServer(process, f"rediss://app:{PASSWORD}@localhost:{port}/0?ssl_ca_certs={ca}", port, ca)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _run(options: list[str], client: Redis) -> Iterator[ServerProcess]:
    require(shutil.which(PROGRAM), f"{PROGRAM} (Debian: redis-server), or TRADEOPS_TEST_REDIS_URL")
    folder = make_folder("redis")
    command = [PROGRAM, "--bind", "127.0.0.1", "--dir", str(folder), "--save", "", "--appendonly", "no", *options]
    process = ServerProcess(command, folder, lambda: _answers(client))
    try:
        process.start()
        yield process
    finally:
        process.stop()
        client.close()
        shutil.rmtree(folder, ignore_errors=True)


def _answers(client: Redis) -> bool:
    with suppress(RedisError):
        return bool(client.ping())
    return False


def _find_free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
