"""`tradeops dlq`: what could not be processed, why, and sending it again."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated

import typer

from tradeops.bootstrap.event_log import open_event_log
from tradeops.domain.dead_letters import DeadLetter, LetterState, MessageAddress
from tradeops.domain.errors import ConfigurationError
from tradeops.domain.topics import TOPICS, find_topic
from tradeops.entrypoints.command_line.opening import AsJson, write_json, write_line
from tradeops.ports.event_log import EventLog
from tradeops.services.dead_letters import find_dead_letter, list_dead_letters, redrive_dead_letters
from tradeops.settings import load_settings

app = typer.Typer(help="Show dead letters, and send them again.", no_args_is_help=True)

TopicName = Annotated[str | None, typer.Option("--topic", help="Of one topic only, as market.bars.raw.")]


@app.command("list")
def list_letters(
    topic: TopicName = None,
    state: Annotated[LetterState | None, typer.Option(help="Of one state only.")] = None,
    as_json: AsJson = False,
) -> None:
    """List dead letters: first how many by topic and error, then each."""
    with _open_log() as log:
        letters = list_dead_letters(log, topic=topic, state=state)
    if as_json:
        write_json([_describe(letter) for letter in letters])
        return
    for line in _list_lines(letters):
        write_line(line)


@app.command("show")
def show_letter(
    address: Annotated[str, typer.Argument(help="As market.bars.raw.dlq/0/12; `list` shows it.")],
    as_json: AsJson = False,
) -> None:
    """Show why a message could not be processed, and its original bytes."""
    with _open_log() as log:
        letter = find_dead_letter(log, MessageAddress.parse(address))
    if as_json:
        write_json(_describe(letter))
        return
    for name, value in _describe(letter).items():
        write_line(f"{name.replace('_', ' '):13} {_quote(str(value))}")


@app.command("redrive")
def redrive_letters(
    addresses: Annotated[list[str] | None, typer.Argument(help="Only these letters.")] = None,
    topic: TopicName = None,
    every: Annotated[bool, typer.Option("--all", help="Of every topic.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be sent, and send nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Send open letters to their topic again, once; the next ingest reads them."""
    chosen = [MessageAddress.parse(text) for text in addresses or ()]
    names = _choose_topics(chosen, topic, every=every)
    with _open_log() as log:
        for address in chosen:
            find_dead_letter(log, address)  # nothing is sent when one of them is not there
        sent = [letter for name in names for letter in _redrive(log, name, chosen, dry_run=dry_run)]
    if as_json:
        write_json({"dry_run": dry_run, "redriven": [_describe(letter) for letter in sent]})
        return
    for letter in sent:
        write_line(f"{'would send' if dry_run else 'sent'} {letter.address} to {letter.topic}, key {letter.key!r}")
    count = f"{len(sent)} letter{'' if len(sent) == 1 else 's'}"
    write_line(f"{count} {'would be sent again' if dry_run else 'sent again; the next ingest reads them'}")


@contextmanager
def _open_log() -> Iterator[EventLog]:
    with open_event_log(load_settings().event_log_url) as log:
        yield log


def _choose_topics(addresses: Sequence[MessageAddress], topic: str | None, *, every: bool) -> list[str]:
    if sum([bool(addresses), topic is not None, every]) != 1:
        raise ConfigurationError("name letters, or a topic with --topic, or say --all")
    if every:
        return list(TOPICS)
    if topic is not None:
        return [find_topic(topic).name]
    return list(dict.fromkeys(find_topic(address.topic).name for address in addresses))


def _redrive(log: EventLog, topic: str, chosen: Sequence[MessageAddress], *, dry_run: bool) -> tuple[DeadLetter, ...]:
    mine = [address for address in chosen if find_topic(address.topic).name == topic]
    return redrive_dead_letters(log, topic=topic, addresses=mine or None, dry_run=dry_run)


def _list_lines(letters: Sequence[DeadLetter]) -> Iterator[str]:
    if not letters:
        yield "no dead letters"
        return
    groups = Counter((letter.topic, letter.error_type, letter.state.value) for letter in letters)
    for (topic, error, state), count in sorted(groups.items(), key=lambda group: (-group[1], group[0])):
        yield f"{count:6}  {topic}  {error}  {state}"
    yield ""
    for letter in letters:
        last = letter.last_at.isoformat(timespec="seconds")
        yield f"{letter.address}  {letter.state}  {last}  {letter.error_type}: {_quote(letter.message)}"


def _describe(letter: DeadLetter) -> dict[str, object]:
    bytes_as_text = _read_text(letter.value)
    return {
        "address": str(letter.address),
        "topic": letter.topic,
        "source": str(letter.source),
        "key": letter.key,
        "state": letter.state.value,
        "error": letter.error_type,
        "message": letter.message,
        "stack_digest": letter.stack_digest,
        "attempts": letter.attempts,
        "first_at": letter.first_at.isoformat(),
        "last_at": letter.last_at.isoformat(),
        "size": len(letter.value),
        **({"hex": letter.value.hex(" ")} if bytes_as_text is None else {"text": bytes_as_text}),
    }


def _read_text(value: bytes) -> str | None:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return None


def _quote(text: str) -> str:
    """The text itself, or its `repr` where it holds what would steer a terminal."""
    return text if text.isprintable() else repr(text)
