"""The servers of a run of cases: of our own, so that they may be harmed."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.servers.kafka import KafkaServer, find_jars, run_kafka
from tests.servers.postgres import PostgresServer, find_programs, open_server
from tests.servers.process import require
from tests.servers.redis import PROGRAM, RedisServer, start_redis


@dataclass(frozen=True)
class Servers:
    """PostgreSQL, Kafka and Redis, each alone on its port."""

    postgres: PostgresServer
    kafka: KafkaServer
    redis: RedisServer


@contextmanager
def open_servers() -> Iterator[Servers]:
    """All three for as long as the block runs."""
    with open_server() as postgres, run_kafka() as kafka, start_redis() as redis:
        yield Servers(postgres, kafka, redis)


def require_servers() -> None:
    """Skip the test where one of their programs is missing; fail there in CI."""
    require(find_programs(), "PostgreSQL: the package postgresql-15")
    require(shutil.which(PROGRAM), "Redis: the package redis-server")
    find_jars()
