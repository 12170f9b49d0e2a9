"""`tradeops dlq`: what could not be processed, why, and sending it again or giving it up."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Annotated

import typer

from tradeops.bootstrap.event_log import open_event_log
from tradeops.domain.dead_letters import DeadLetter, Discard, LetterFilter, LetterState, MessageAddress
from tradeops.entrypoints.command_line.letter_options import (
    Addresses,
    DryRun,
    ErrorName,
    EveryTopic,
    Kind,
    Since,
    TopicName,
    Until,
    choose_letters,
)
from tradeops.entrypoints.command_line.opening import AsJson, write_json, write_line
from tradeops.ports.event_log import EventLog
from tradeops.services.dead_letters import (
    discard_dead_letters,
    find_dead_letter,
    list_dead_letters,
    redrive_dead_letters,
)
from tradeops.settings import load_settings

app = typer.Typer(help="Show dead letters, send them again, or give them up.", no_args_is_help=True)


@app.command("list")
def list_letters(
    topic: TopicName = None,
    state: Annotated[LetterState | None, typer.Option(help="Of one state only.")] = None,
    kind: Kind = None,
    error: ErrorName = None,
    since: Since = None,
    until: Until = None,
    as_json: AsJson = False,
) -> None:
    """List dead letters: first how many by topic and reason, then each."""
    states = frozenset() if state is None else frozenset({state})
    wanted = LetterFilter(states=states, kind=kind, error=error, since=since, until=until)
    with _open_log() as log:
        letters = list_dead_letters(log, topic=topic, wanted=wanted)
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
    addresses: Addresses = None,
    topic: TopicName = None,
    every: EveryTopic = False,
    kind: Kind = None,
    error: ErrorName = None,
    since: Since = None,
    until: Until = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Send open letters to their topic again, once; a discarded one only when it is named."""
    wanted = LetterFilter(kind=kind, error=error, since=since, until=until)
    chosen = choose_letters(addresses, topic, wanted, every=every)
    sent = _settle(chosen, partial(redrive_dead_letters, dry_run=dry_run))
    if as_json:
        write_json({"dry_run": dry_run, "redriven": [_describe(letter) for letter in sent]})
        return
    for letter in sent:
        write_line(f"{'would send' if dry_run else 'sent'} {letter.address} to {letter.topic}, key {letter.key!r}")
    write_line(
        f"{_count(sent)} {'would be sent again' if dry_run else 'sent again; whoever reads the topic gets them'}"
    )


@app.command("discard")
def discard_letters(
    person: Annotated[str, typer.Option(help="Who gives them up.")],
    reason: Annotated[str, typer.Option(help="Why.")],
    addresses: Addresses = None,
    topic: TopicName = None,
    every: EveryTopic = False,
    kind: Kind = None,
    error: ErrorName = None,
    since: Since = None,
    until: Until = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Record that open letters are given up; they stay and can be shown, but are sent again only when named."""
    discard = Discard(person=person, reason=reason, at=datetime.now(UTC))
    wanted = LetterFilter(kind=kind, error=error, since=since, until=until)
    chosen = choose_letters(addresses, topic, wanted, every=every)
    given_up = _settle(chosen, partial(discard_dead_letters, discard=discard, dry_run=dry_run))
    if as_json:
        write_json({"dry_run": dry_run, "discarded": [_describe(letter) for letter in given_up]})
        return
    for letter in given_up:
        write_line(f"{'would discard' if dry_run else 'discarded'} {letter.address}, {_quote(letter.message)}")
    write_line(f"{_count(given_up)} {'would be discarded' if dry_run else 'discarded; `tradeops dlq list` keeps them'}")


@contextmanager
def _open_log() -> Iterator[EventLog]:
    with open_event_log(load_settings().event_log_url) as log:
        yield log


def _settle(chosen: Mapping[str, LetterFilter], settle: Callable[..., Sequence[DeadLetter]]) -> list[DeadLetter]:
    with _open_log() as log:
        _find_all(log, chosen)
        return [letter for topic, wanted in chosen.items() for letter in settle(log, topic=topic, wanted=wanted)]


def _find_all(log: EventLog, chosen: Mapping[str, LetterFilter]) -> None:
    """Nothing is done when one of the named letters is not there."""
    for wanted in chosen.values():
        for address in wanted.addresses:
            find_dead_letter(log, address)


def _count(letters: Sequence[DeadLetter]) -> str:
    return f"{len(letters)} letter{'' if len(letters) == 1 else 's'}"


def _list_lines(letters: Sequence[DeadLetter]) -> Iterator[str]:
    if not letters:
        yield "no dead letters"
        return
    groups = Counter((letter.topic, letter.kind.value, letter.reason, letter.state.value) for letter in letters)
    for (topic, kind, reason, state), count in sorted(groups.items(), key=lambda group: (-group[1], group[0])):
        yield f"{count:6}  {topic}  {kind}  {reason}  {state}"
    yield ""
    for letter in letters:
        last = letter.last_at.isoformat(timespec="seconds")
        yield f"{letter.address}  {letter.state}  {last}  {letter.error_type}: {_quote(letter.message)}"


def _describe(letter: DeadLetter) -> dict[str, object]:
    bytes_as_text = _read_text(letter.value)
    discard = letter.discard
    return {
        "address": str(letter.address),
        "topic": letter.topic,
        "source": str(letter.source),
        **({} if letter.origin == letter.source else {"origin": str(letter.origin)}),
        "key": letter.key,
        "headers": dict(letter.headers),
        "state": letter.state.value,
        **(
            {"discarded_by": discard.person, "because": discard.reason, "on": discard.at.isoformat()} if discard else {}
        ),
        "kind": letter.kind.value,
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
