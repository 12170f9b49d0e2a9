"""The servers of the tests for a developer, until Ctrl-C: `make services`."""

import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from tests.servers.kafka import open_kafka
from tests.servers.postgres import open_databases
from tests.servers.redis import open_redis
from tests.servers.s3 import open_s3


@contextmanager
def _serve_postgres() -> Iterator[str]:
    with open_databases() as databases:
        yield databases.address.render_as_string(hide_password=False)


@contextmanager
def _serve_s3() -> Iterator[str]:
    with open_s3() as access:
        yield access.endpoint_url.replace("://", f"://{access.access_key_id}:{access.secret_access_key}@")


SERVERS: dict[str, Callable[[], Any]] = {
    "REDIS": open_redis,
    "POSTGRES": _serve_postgres,
    "KAFKA": open_kafka,
    "S3": _serve_s3,
}


def main() -> None:
    """Start what this machine has, print how the tests reach it, and wait."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with ExitStack() as stack:
        for name, serve in SERVERS.items():
            try:
                print(f"export TRADEOPS_TEST_{name}_URL='{stack.enter_context(serve())}'", flush=True)
            except pytest.skip.Exception as missing:
                print(f"# {name.lower()}: {missing}", flush=True)
        print("# up until Ctrl-C", flush=True)
        try:
            signal.pause()
        except KeyboardInterrupt:
            print("# stopping", flush=True)


if __name__ == "__main__":
    main()
