"""What is left of a case, compared with what nobody disturbed."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from typing import cast

from tests.evidence.effects import Effects, compare_effects
from tests.faults import findings
from tests.faults.findings import BOOK, Content
from tests.faults.real_servers.preparing import Prepared, open_stores
from tradeops.bootstrap.event_log import open_event_log
from tradeops.bootstrap.runtime import Runtime
from tradeops.bootstrap.verification import verify_installation
from tradeops.domain.claims import InboxKey
from tradeops.domain.decisions import Outcome
from tradeops.domain.errors import TradeOpsError
from tradeops.domain.event_schemas import decode_event
from tradeops.domain.events import SessionFeatures
from tradeops.domain.topics import FEATURES
from tradeops.ports.event_log import EventLog
from tradeops.services.dead_letters import list_dead_letters
from tradeops.services.drain_events_once import GROUP
from tradeops.services.read_log import is_read
from tradeops.settings import Settings

COMMIT_SECONDS = 60.0
# An order whose answer was lost is unknown for a while: one state more, which later watermarks count.
_OF_UNKNOWN = ("order_states", "lengths", "rows", "decisions", "values")


@dataclass(frozen=True)
class Looked:
    """What was found.

    Args:
        faults: Everything that is wrong.
        effects: Lost and duplicated, events and dead letters among them.
        outcomes: How each session of the case ended, by its date; none for one that did not.
        unknown: Orders whose answer was lost once.
    """

    faults: list[str]
    effects: Effects
    outcomes: dict[str, str]
    unknown: int


def look(prepared: Prepared, settings: Settings, poison: list[bytes], *, reordered: bool) -> Looked:
    """Judge an installation that nobody uses any more.

    Args:
        prepared: What it was a copy of.
        settings: Where its stores are.
        poison: Messages that must be dead letters.
        reordered: An event may have come after its session had been decided for a later one.
    """
    folder = settings.state_dir
    with open_stores(folder, settings) as runtime, closing(open_event_log(settings.event_log_url)) as log:
        found = findings.read_content(runtime, folder)
        outcomes = _list_outcomes(runtime, prepared)
        unknown = sum("unknown" in states for states in found.order_states.values())
        undecided = set(outcomes.values()) & {Outcome.HELD, Outcome.SKIPPED}
        # After a session that was held or skipped the book goes another way: then it must fit itself.
        expected = _fit(found) if undecided else prepared.expected
        lost_events = [*_find_lost_events(runtime, log, reordered=reordered)]
        lost_letters, more_letters = _compare_letters(log, poison)
        faults = [
            *_ignore(findings.find_faults(runtime, folder, expected), _list_allowed(unknown, reordered=reordered)),
            *lost_events,
            *_find_left_events(log),
            *(f"dead letters: {value!r} is missing" for value in lost_letters),
            *(f"dead letters: {value!r} is one too many" for value in more_letters),
            *_find_wrong_money(runtime),
        ]
        sent = [line["order"] for line in findings.read_deliveries(folder)]
        effects = compare_effects(_strip(found), _strip(expected), sent)
    return Looked(
        faults=faults,
        effects=Effects(
            lost=effects.lost + len(lost_events) + len(lost_letters),
            duplicated=effects.duplicated + len(more_letters),
        ),
        outcomes=outcomes,
        unknown=unknown,
    )


def _fit(found: Content) -> Content:
    """Everything on record, once at the broker."""
    return replace(found, accepted=found.orders)


def _strip(content: Content) -> Content:
    """Decisions by what they ask the broker for: their digests hold watermarks, too."""
    return replace(content, decisions=dict.fromkeys(content.decisions, ""))


def _list_allowed(unknown: int, *, reordered: bool) -> set[str]:
    names = {*(_OF_UNKNOWN if unknown else ()), *(("rows",) if reordered else ())}
    return {f"content: {name} differ from an undisturbed run's" for name in names}


def _ignore(faults: list[str], allowed: set[str]) -> Iterator[str]:
    return (fault for fault in faults if fault not in allowed)


def _list_outcomes(runtime: Runtime, prepared: Prepared) -> dict[str, str]:
    records = {str(session): runtime.ledger.find_decision(BOOK, session) for session in prepared.sessions}
    return {session: record.decision.outcome for session, record in records.items() if record}


def _find_lost_events(runtime: Runtime, log: EventLog, *, reordered: bool) -> Iterator[str]:
    """Each event has its effect on record; one that came late finds its session decided."""
    for message in log.read(FEATURES.name, 0, 0):
        try:
            event = decode_event(message.value)
        except TradeOpsError:
            continue  # poison, which has its own count
        session = cast("SessionFeatures", event.payload).session
        key = InboxKey(consumer=BOOK.stream, topic=FEATURES.name, event_id=event.event_id)
        effect = runtime.ledger.find_effect(key)
        if effect is not None and runtime.ledger.get_decision(effect).decision.session == session:
            continue
        clock = runtime.ledger.market_clock()
        if (reordered and runtime.ledger.find_decision(BOOK, session)) or (clock and session > clock):
            continue
        yield f"events: that of {session} had no effect on record"


def wait_committed(url: str) -> None:
    """Until the group has committed every event, or a minute is over."""
    until = time.monotonic() + COMMIT_SECONDS
    with closing(open_event_log(url)) as log:
        while any(_find_left_events(log)) and time.monotonic() < until:
            time.sleep(0.05)


def _find_left_events(log: EventLog) -> Iterator[str]:
    if not is_read(log, GROUP, FEATURES.name, until=log.end_offsets(FEATURES.name)):
        yield "events: not all are committed"


def _compare_letters(log: EventLog, poison: list[bytes]) -> tuple[list[bytes], list[bytes]]:
    """What is missing, and what is too much, of the dead letters' original bytes."""
    have = Counter(letter.value for letter in list_dead_letters(log, topic=FEATURES.name))
    want = Counter(poison)
    return list((want - have).elements()), list((have - want).elements())


def _find_wrong_money(runtime: Runtime) -> Iterator[str]:
    """Positions and cash follow from the fills, and every decision from what is on record."""
    try:
        verified = verify_installation(runtime, jobs=1)
    except TradeOpsError as error:
        yield f"money: {error.message}"
        return
    if not verified.sound:
        yield f"replay: {verified.replayed - verified.identical} decisions differ from their record"
