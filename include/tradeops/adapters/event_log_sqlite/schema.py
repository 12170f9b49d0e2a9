"""The tables of the event log, and the numbers that its partitions have in them."""

from collections.abc import Mapping

from sqlalchemy.engine.interfaces import DBAPICursor

from tradeops.adapters.sqlite import HeldConnection
from tradeops.domain.errors import ConfigurationError
from tradeops.domain.topics import TOPICS

SCHEMA_VERSION = 1

PartitionIds = Mapping[str, tuple[int, ...]]
"""By topic: the id of each partition, in order."""

# `messages.address` is partition id and offset in one integer: appending to a partition is appending to the tree.
_TABLES = (
    "CREATE TABLE IF NOT EXISTS partitions ("
    " id INTEGER PRIMARY KEY, topic TEXT NOT NULL, partition INTEGER NOT NULL, UNIQUE (topic, partition))",
    "CREATE TABLE IF NOT EXISTS messages ("
    " address INTEGER PRIMARY KEY, key TEXT NOT NULL, value BLOB NOT NULL, headers TEXT)",
    "CREATE TABLE IF NOT EXISTS members ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, consumer_group TEXT NOT NULL, topics TEXT NOT NULL,"
    " host TEXT NOT NULL, pid INTEGER NOT NULL, started REAL NOT NULL, expires_at REAL NOT NULL)",
    "CREATE TABLE IF NOT EXISTS leases ("
    " consumer_group TEXT NOT NULL, partition_id INTEGER NOT NULL REFERENCES partitions (id),"
    " next_offset INTEGER NOT NULL, epoch INTEGER NOT NULL, member INTEGER,"
    " PRIMARY KEY (consumer_group, partition_id)) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS holds ("
    " name TEXT PRIMARY KEY, host TEXT NOT NULL, pid INTEGER NOT NULL, started REAL NOT NULL,"
    " expires_at REAL NOT NULL) WITHOUT ROWID",
)


def prepare_database(held: HeldConnection) -> PartitionIds:
    """Make the tables and the partitions of the catalogue where they are missing.

    Raises:
        ConfigurationError: A newer release wrote the file, or the catalogue gives a topic another number of
            partitions than the file.
    """
    with held.write_cursor() as cursor:
        (version,) = cursor.execute("PRAGMA user_version").fetchone()
        if version > SCHEMA_VERSION:
            raise ConfigurationError(
                f"the event log has schema {version}, this release knows {SCHEMA_VERSION}; install the newer release",
                found=version,
            )
        if version < SCHEMA_VERSION:
            for statement in _TABLES:
                cursor.execute(statement)
            cursor.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        return _register_partitions(cursor)


def _register_partitions(cursor: DBAPICursor) -> PartitionIds:
    known = _read_partitions(cursor)
    for topic in TOPICS.values():
        for name in (topic.name, topic.dead_letters):
            if name not in known:
                rows = [(name, number) for number in range(topic.partitions)]
                cursor.executemany("INSERT INTO partitions (topic, partition) VALUES (?, ?)", rows)
            elif len(known[name]) != topic.partitions:
                raise ConfigurationError(
                    f"topic {name} has {len(known[name])} partitions in the event log and {topic.partitions} in the "
                    "catalogue; keys would change their partition: restore the catalogue's number",
                    topic=name,
                )
    return _read_partitions(cursor)


def _read_partitions(cursor: DBAPICursor) -> PartitionIds:
    found: dict[str, tuple[int, ...]] = {}
    for topic, number in cursor.execute("SELECT topic, id FROM partitions ORDER BY topic, partition"):
        found[topic] = (*found.get(topic, ()), number)
    return found
