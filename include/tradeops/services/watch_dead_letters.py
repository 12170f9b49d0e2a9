"""Tells a person that a dead-letter topic grows: once, not once a message."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from tradeops.domain.dead_letters import DeadLetter
from tradeops.domain.errors import LeaseHeld
from tradeops.domain.topics import find_topic
from tradeops.ports.event_log import EventLog
from tradeops.ports.notifier import Notification, Notifier
from tradeops.services.dead_letters.growth import Growth, read_growth

FACTOR = 10
_REASONS = 3
_LONGEST = 200


def watch_dead_letters(log: EventLog, notifier: Notifier, *, topic: str, at: datetime, factor: int = FACTOR) -> bool:
    """Tell when letters wait that nobody was told of, and again when there are `factor` times as many.

    Letters that were told of and are settled count no more: when all of them are, the next letter is news.
    Several processes may look at once; one tells. A process that dies right after telling tells it once
    more, which a notifier holds back within the hour.

    Args:
        log: The event log.
        notifier: Where to tell.
        topic: Whose letters.
        at: Wall clock, aware UTC.
        factor: Of growth that is worth another notification.

    Returns:
        Whether it is told now.

    Raises:
        ConfigurationError: There is no such topic.
        CorruptInput: A message on the dead-letter topic is no letter.
    """
    found = find_topic(topic)
    if not read_growth(log, found).is_worth_telling(factor):
        return False
    try:
        with log.hold(f"watch/{found.name}"):
            growth = read_growth(log, found)  # again: another process may just have told
            if not growth.is_worth_telling(factor):
                return False
            notifier.notify(_describe(growth, factor))
            log.append([growth.make_mark(at)])
    except LeaseHeld:
        return False  # another process tells at this moment
    return True


def _describe(growth: Growth, factor: int) -> Notification:
    letters, name = growth.read_letters(), growth.topic.name
    first = min(letters, key=lambda letter: (letter.first_at, letter.address))
    last = max(letter.last_at for letter in letters)
    many = f"{len(letters)} message{'' if len(letters) == 1 else 's'} of {name}"
    before = f"{growth.told} were told before" if growth.told else "none was told before"
    return Notification(
        # Told again after a crash it is the same cause; grown since, another one.
        cause=("dead_letters", name, str(sorted(growth.told_until.items()))),
        subject=f"{many} could not be processed",
        facts=(
            ("open", f"{len(letters)} on {growth.topic.dead_letters}; {before}"),
            ("failing since", f"{first.first_at:%Y-%m-%d %H:%M:%S} UTC, the last at {last:%Y-%m-%d %H:%M:%S} UTC"),
            ("reasons", _count_reasons(letters)),
            ("first of them", f"{first.address}, key {first.key!r}"),
            ("it says", _show(f"{first.error_type}: {first.message}")),
            ("effect", "all other messages go on; what these say is missing until they are sent again"),
            ("next message", f"at {factor * len(letters)} open letters, or when these are settled and others come"),
        ),
        advice=(
            f"1. Look: `tradeops dlq show {first.address}`, and `tradeops dlq list --topic {name} --state open`.\n"
            f"2. Mend the cause, then `tradeops dlq redrive --topic {name} --dry-run`, and without `--dry-run`.\n"
            f"3. Messages that are wrong in themselves are given up: `tradeops dlq discard --topic {name}\n"
            f"   --error {first.reason} --person NAME --reason WHY --dry-run`, and without `--dry-run`.\n"
            "4. More, by reason: docs/runbooks/dead_letters_growing.md."
        ),
    )


def _count_reasons(letters: Iterable[DeadLetter]) -> str:
    counts = Counter((letter.reason, letter.kind.value) for letter in letters)
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    shown = [f"{count} × {reason} ({kind})" for (reason, kind), count in ranked[:_REASONS]]
    others = sum(count for _, count in ranked[_REASONS:])
    return ", ".join([*shown, f"{others} for other reasons"] if others else shown)


def _show(text: str) -> str:
    """One line, short, that steers no terminal."""
    plain = text if text.isprintable() else repr(text)
    return plain if len(plain) <= _LONGEST else f"{plain[: _LONGEST - 1]}…"
