"""Options of `tradeops dlq` that say which letters are meant."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

import typer

from tradeops.domain.dead_letters import FailureKind, LetterFilter, MessageAddress
from tradeops.domain.errors import ConfigurationError
from tradeops.domain.topics import TOPICS, find_topic


def _read_moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no time; write 2026-11-21 or 2026-11-21T16:20+00:00") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


Addresses = Annotated[list[str] | None, typer.Argument(help="Only these letters, as market.bars.raw.dlq/0/12.")]
TopicName = Annotated[str | None, typer.Option("--topic", help="Of one topic only, as market.bars.raw.")]
EveryTopic = Annotated[bool, typer.Option("--all", help="Of every topic.")]
Kind = Annotated[FailureKind | None, typer.Option("--kind", help="Only what failed in this way.")]
ErrorName = Annotated[str | None, typer.Option("--error", help="Only this error or reason, as high_below_low.")]
Since = Annotated[
    datetime | None,
    typer.Option("--since", parser=_read_moment, metavar="TIME", help="Failed last at this time or later (UTC)."),
]
Until = Annotated[
    datetime | None, typer.Option("--until", parser=_read_moment, metavar="TIME", help="Failed last before this time.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]


def choose_letters(
    addresses: Sequence[str] | None, topic: str | None, wanted: LetterFilter, *, every: bool
) -> dict[str, LetterFilter]:
    """Which letters of which topics are to be settled.

    Raises:
        ConfigurationError: Not exactly one of addresses, a topic and all topics is chosen, or named letters are to
            be filtered.
    """
    named = [MessageAddress.parse(text) for text in addresses or ()]
    if sum([bool(named), topic is not None, every]) != 1:
        raise ConfigurationError("name letters, or a topic with --topic, or say --all")
    if named and wanted != LetterFilter():
        raise ConfigurationError("letters that are named are not filtered, too; leave out either")
    if topic is not None:
        return {find_topic(topic).name: wanted}
    if every:
        return dict.fromkeys(TOPICS, wanted)
    topics = dict.fromkeys(find_topic(address.topic).name for address in named)
    return {
        name: LetterFilter(addresses=frozenset(each for each in named if find_topic(each.topic).name == name))
        for name in topics
    }
