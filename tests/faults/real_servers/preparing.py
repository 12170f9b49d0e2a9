"""Installations on servers: one that is prepared once, and cheap copies of it."""

import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from redis import Redis

from tests.fakes.event_log import InMemoryEventLog
from tests.faults.children import ask
from tests.faults.fail_points import Tripwire
from tests.faults.findings import Content
from tests.faults.installation import Opening, find_features, move_clock, open_installation, trading_calendar
from tests.faults.real_servers.publisher import Letter
from tests.faults.real_servers.servers import Servers
from tests.faults.suite import NOTHING, OPENS_ON, decide_until, find_first
from tests.servers.kafka import delete_topics, invent_prefix
from tradeops.bootstrap.feature_store import open_feature_store
from tradeops.bootstrap.migration import migrate_installation
from tradeops.bootstrap.runtime import Runtime
from tradeops.domain.topics import FEATURES
from tradeops.services.announce_features import announce_features
from tradeops.settings import Settings

SESSIONS = 10  # of a case


@dataclass(frozen=True)
class Prepared:
    """An installation that holds features of sessions that nobody was told of.

    Args:
        state: Its folder: values and the file stores; copied for each case.
        template: Its database.
        sessions: Which, ascending; the first has several orders.
        letters: The events that announce them.
        expected: What it must hold when all of them are answered.
    """

    state: Path
    template: str
    sessions: tuple[date, ...]
    letters: tuple[Letter, ...]
    expected: Content = NOTHING


@dataclass(frozen=True)
class Place:
    """A copy for one case; its stores are on the servers."""

    folder: Path
    database: str
    settings: Settings


def prepare(servers: Servers, folder: Path) -> Prepared:
    """Decide sessions until shortly before the first one with several orders, on PostgreSQL."""
    trial, state = folder / "trial", folder / "prepared"
    first = ask(lambda: find_first(trial), folder)
    calendar = trading_calendar().sessions(OPENS_ON, first + timedelta(days=3 * SESSIONS))
    at = calendar.index(first)
    sessions = calendar[at : at + SESSIONS]
    template = servers.postgres.databases.create()
    settings = _settle(servers, state, template)
    letters = ask(lambda: _decide_and_announce(settings, calendar[at - 1], sessions[-1]), folder)
    return Prepared(state=state, template=template, sessions=sessions, letters=letters)


@contextmanager
def open_place(prepared: Prepared, servers: Servers, folder: Path) -> Iterator[Place]:
    """A copy of the installation, removed at the end."""
    databases, log = servers.postgres.databases, invent_prefix(servers.kafka.url)
    name = databases.create(prepared.template)
    # A server that dies before its next checkpoint forgets how far the sequences of a copied database are.
    databases.run("CHECKPOINT")
    shutil.copytree(prepared.state, folder)
    settings = _settle(servers, folder, name, log)
    try:
        ask(lambda: _fill_online(settings, prepared.sessions), folder)
        yield Place(folder, name, settings)
    finally:
        databases.drop(name)
        # The client library has threads, and who forks has none.
        ask(lambda: delete_topics(log), folder)
        shutil.rmtree(folder)


def open_stores(folder: Path, settings: Settings) -> AbstractContextManager[Runtime]:
    """The installation as nobody disturbs it."""
    return open_installation(folder, Opening(wire=Tripwire("nowhere"), settings=settings))


def _settle(servers: Servers, folder: Path, database: str, log: str = "") -> Settings:
    url = servers.postgres.databases.url(database)
    return Settings(
        state_dir=folder,
        ledger_url=url,
        broker_url=url,
        checkpoints_url=url,
        event_log_url=log,
        feature_store_url=servers.redis.url,
    )


def _decide_and_announce(settings: Settings, before: date, until: date) -> tuple[Letter, ...]:
    list(migrate_installation(settings))
    decide_until(settings.state_dir, before, settings)
    log = InMemoryEventLog()
    with open_stores(settings.state_dir, settings) as runtime:
        move_clock(runtime, until, "delivery")
        announce_features(log, runtime.ledger, runtime.calendar, runtime.policy.time)
    return tuple((message.key, message.value) for message in log.read(FEATURES.name, 0, 0))


def _fill_online(settings: Settings, sessions: tuple[date, ...]) -> None:
    """Keep the features of a case's sessions, and nothing else."""
    with closing(Redis.from_url(settings.feature_store_url)) as redis:
        redis.flushdb()
    with open_feature_store(settings.feature_store_url) as store:
        for session in sessions:
            store.write(find_features(session))
