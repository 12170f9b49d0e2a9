"""The catalogue of topics: name, key, schema, partitions, retention; each has a dead-letter topic."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass

from tradeops.domain.errors import ConfigurationError

DEAD_LETTERS = ".dlq"
RAW = ".raw"


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """One topic of the event log.

    Args:
        name: As `market.bars`; raw records of it are on `market.bars.raw`.
        key: What the key of a message is.
        event_type: Schema of its messages.
        schema_version: Newest version of that schema; older ones are read through up-casters.
        partitions: Number of partitions; a key always falls into the same one.
        retention_days: How long messages are kept; None keeps them for ever.
    """

    name: str
    key: str
    event_type: str
    schema_version: int
    partitions: int
    retention_days: int | None

    @property
    def dead_letters(self) -> str:
        """Where messages go that cannot be processed."""
        return self.name + DEAD_LETTERS

    @property
    def is_raw(self) -> bool:
        """Whether its messages are a source's own records, not validated yet."""
        return self.name.endswith(RAW)


def _pair(name: str, key: str, event_type: str, schema_version: int, partitions: int) -> tuple[Topic, Topic]:
    raw = Topic(
        name=name + RAW,
        key=key,
        event_type=f"{event_type}.raw",
        schema_version=1,
        partitions=partitions,
        retention_days=None,
    )
    validated = Topic(
        name=name,
        key=key,
        event_type=event_type,
        schema_version=schema_version,
        partitions=partitions,
        retention_days=None,
    )
    return raw, validated


BARS_RAW, BARS = _pair("market.bars", "instrument", "bar", 2, 4)
ACTIONS_RAW, ACTIONS = _pair("market.actions", "instrument", "corporate_action", 1, 1)
INDEX_BARS_RAW, INDEX_BARS = _pair("market.index_bars", "index", "index_bar", 1, 1)
MACRO_RAW, MACRO = _pair("macro.releases", "series", "macro_release", 1, 1)


def _own(name: str, key: str, event_type: str, partitions: int) -> Topic:
    return Topic(
        name=name, key=key, event_type=event_type, schema_version=1, partitions=partitions, retention_days=None
    )


SESSIONS = _own("market.sessions", "calendar", "session_closed", 1)
FEATURES = _own("market.features", "calendar", "session_features", 1)
DECISIONS = _own("decisions", "book", "decision_recorded", 4)
SETTLEMENTS = _own("settlements", "book", "session_settled", 4)

TOPICS: Mapping[str, Topic] = {
    topic.name: topic
    for topic in (
        BARS_RAW,
        BARS,
        ACTIONS_RAW,
        ACTIONS,
        INDEX_BARS_RAW,
        INDEX_BARS,
        MACRO_RAW,
        MACRO,
        SESSIONS,
        FEATURES,
        DECISIONS,
        SETTLEMENTS,
    )
}
RAW_TO_VALIDATED: Mapping[str, Topic] = {
    BARS_RAW.name: BARS,
    ACTIONS_RAW.name: ACTIONS,
    INDEX_BARS_RAW.name: INDEX_BARS,
    MACRO_RAW.name: MACRO,
}
SEALED = (BARS, ACTIONS, INDEX_BARS, MACRO)


def find_topic(name: str) -> Topic:
    """The topic of that name; that of a dead-letter topic is its own topic's.

    Raises:
        ConfigurationError: The catalogue has no such topic.
    """
    topic = TOPICS.get(name.removesuffix(DEAD_LETTERS))
    if topic is None:
        raise ConfigurationError(f"there is no topic {name!r}; known: {', '.join(TOPICS)}", topic=name)
    return topic


def choose_partition(key: str, partitions: int) -> int:
    """The partition of a key: CRC-32 of its UTF-8 bytes, or those it was read from, modulo the number of partitions."""
    return zlib.crc32(key.encode(errors="surrogateescape")) % partitions
