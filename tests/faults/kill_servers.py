"""Kills processes that answer events, and looks at what is left.

Run as a program: it warms up, prepares an installation with events that wait, forks a child for each
case, and writes what it found as JSON: `python -m tests.faults.kill_servers <folder>`.
"""

import json
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from signal import SIGKILL
from typing import Any, cast

from tests.faults import children, findings
from tests.faults.cases import open_plainly
from tests.faults.children import ask
from tests.faults.fail_points import Tripwire
from tests.faults.findings import BOOK, Content, read_content
from tests.faults.installation import Change, Opening, move_clock, open_installation, unchanged, warm
from tests.faults.kill_loaders import Counted, FailingLog
from tests.faults.mutants import forget_the_event
from tests.faults.suite import prepare
from tradeops.adapters.event_log_sqlite import SqliteEventLog
from tradeops.bootstrap.replaying import replay_recorded
from tradeops.bootstrap.runtime import Runtime
from tradeops.bootstrap.serving import answer_event
from tradeops.domain.claims import InboxKey
from tradeops.domain.errors import CycleHeld, LeaseLost
from tradeops.domain.event_schemas import decode_event
from tradeops.domain.events import Event, SessionFeatures
from tradeops.domain.topics import FEATURES
from tradeops.ports.cycle_runner import CycleOutcome
from tradeops.ports.event_log import EventConsumer
from tradeops.services.announce_features import announce_features
from tradeops.services.drain_events_once import GROUP, DrainCounts, EventDrain, open_decider
from tradeops.services.replay.overrides import NO_OVERRIDES

AT = datetime(2026, 1, 1, tzinfo=UTC)
ALL = 9  # sessions that may wait without one being skipped
LATER_MINUTES = 1
MOST_TRIES = 200

PLACES = tuple(
    f"{side} {place}"
    for place in (
        "ledger record_settlement",
        "ledger claim_cycle",
        "ledger record_decision",
        "order 1",
        "ledger record_order_changes",
        "ledger close_cycle",
        "commit decide 1",
    )
    for side in ("before", "after")
)
SKIPPING_PLACES = tuple(
    f"skipping, {place}"
    for place in ("before ledger record_decision", "after ledger record_decision", "before commit decide 1")
)


@dataclass(frozen=True)
class Waiting:
    """An installation whose events wait, with several orders in the first session.

    Args:
        state: Its folder; copied for each case.
        sessions: Of the events.
        expected: What it must hold when all is answered, by the number of sessions that may wait.
    """

    state: Path
    sessions: tuple[date, ...]
    expected: dict[int, Content]


@dataclass(frozen=True)
class Server:
    """How events are answered in one child.

    Args:
        change: A mistake in the installation.
        commit_first: The mistake of committing what was polled before it is answered.
        decide_later: The policy decides a minute later than before.
    """

    most_waiting: int = ALL
    change: Change = unchanged
    commit_first: bool = False
    decide_later: bool = False

    def run(self, folder: Path, wire: Tripwire) -> None:
        """Answer everything that waits, as `tradeops serve` does."""
        opening = Opening(wire=wire, change=self._change)
        with open_installation(folder, opening) as runtime, open_log(folder) as plain:
            log = FailingLog(plain, Counted(wire))
            drain = EventDrain(
                answer=lambda event: answer_event(runtime, event, _ignore),
                tell_time=lambda: AT,
                most_waiting=self.most_waiting,
            )
            for _ in range(MOST_TRIES):
                try:
                    with open_decider(log) as consumer:  # type: ignore[arg-type]
                        while self._drain(drain, consumer) is not None:
                            pass
                        return
                except (CycleHeld, LeaseLost):
                    continue

    def _drain(self, drain: EventDrain, consumer: EventConsumer) -> DrainCounts | None:
        return drain.drain_events_once(cast("EventConsumer", CommitsFirst(consumer)) if self.commit_first else consumer)

    def _change(self, runtime: Runtime) -> Runtime:
        runtime = self.change(runtime)
        if not self.decide_later:
            return runtime
        minutes = runtime.policy.time.decision_delay_minutes + LATER_MINUTES
        policy = replace(runtime.policy, time=replace(runtime.policy.time, decision_delay_minutes=minutes))
        return replace(runtime, policy=policy, bundle=replace(runtime.bundle, policy=policy.version))


@dataclass
class CommitsFirst:
    """The offset is committed before there is a record."""

    inner: EventConsumer

    def poll(self, limit: int = 1000) -> Any:
        found = self.inner.poll(limit)
        self.inner.commit()
        return found

    def commit(self, outputs: Any = ()) -> None:
        self.inner.commit(outputs)


def _ignore(_outcome: CycleOutcome) -> None:
    """Nobody watches."""


@contextmanager
def open_log(folder: Path) -> Iterator[SqliteEventLog]:
    with SqliteEventLog(f"sqlite:///{folder}/event_log.db") as log:
        yield log


def prepare_events(folder: Path) -> Waiting:
    """Everything is delivered and announced, and nothing of it is decided."""
    prepared = prepare(folder)
    state = folder / "waiting"
    shutil.copytree(prepared.state, state)

    def announce() -> tuple[date, ...]:
        with open_plainly(state) as runtime, open_log(state) as log:
            before = runtime.ledger.market_clock()
            assert before is not None
            move_clock(runtime, prepared.until, "delivery")
            return announce_features(log, runtime.ledger, runtime.calendar, runtime.policy.time)

    waiting = Waiting(state=state, sessions=ask(announce, folder), expected={})
    expected = {most: ask(partial(_run_undisturbed, waiting, folder, most), folder) for most in (1, ALL)}
    return replace(waiting, expected=expected)


def _run_undisturbed(waiting: Waiting, folder: Path, most_waiting: int) -> Content:
    copy = folder / f"undisturbed-{most_waiting}"
    shutil.copytree(waiting.state, copy)
    Server(most_waiting=most_waiting).run(copy, Tripwire("nowhere"))
    with open_plainly(copy) as runtime:
        return read_content(runtime, copy)


def find_faults(waiting: Waiting, folder: Path, expected: Content) -> list[str]:
    """What is lost or there twice: the record, the effect of each event, the place in the topic."""
    with open_plainly(folder) as runtime, open_log(folder) as log:
        found = [*findings.find_faults(runtime, folder, expected), *_find_lost_events(runtime, log)]
        if log.committed(GROUP, FEATURES.name) != log.end_offsets(FEATURES.name):
            found.append("events: not all are committed")
        if any(log.end_offsets(FEATURES.dead_letters).values()):
            found.append("events: one is a dead letter")
    return found


def _find_lost_events(runtime: Runtime, log: SqliteEventLog) -> Iterator[str]:
    for event in _read_events(log):
        session = cast("SessionFeatures", event.payload).session
        key = InboxKey(consumer=BOOK.stream, topic=FEATURES.name, event_id=event.event_id)
        effect = runtime.ledger.find_effect(key)
        if effect is None or runtime.ledger.get_decision(effect).decision.session != session:
            yield f"events: that of {session} had no effect on record"
    sessions = [record.decision.session for record in runtime.ledger.list_decisions(BOOK)]
    if len(sessions) != len(set(sessions)):
        yield "decisions: a session is decided twice"


def _read_events(log: SqliteEventLog) -> list[Event]:
    return [decode_event(message.value) for message in log.read(FEATURES.name, 0, 0)]


def kill_and_go_on(waiting: Waiting, folder: Path, place: str, first: Server, heir: Server) -> dict[str, Any]:
    shutil.copytree(waiting.state, folder)
    killed = children.run(partial(first.run, folder, Tripwire(place)), folder)
    early = children.run(partial(_look_early, folder), folder)
    again = children.run(partial(heir.run, folder, Tripwire("nowhere")), folder)
    judged = children.run(partial(find_faults, waiting, folder, waiting.expected[heir.most_waiting]), folder)
    return {
        "killed": killed.signal == SIGKILL,
        "error": killed.detail + again.detail + judged.detail + early.detail,
        "faults": [*(early.value or []), *(judged.value or [])],
    }


def _look_early(folder: Path) -> list[str]:
    with open_plainly(folder) as runtime:
        return findings.find_early_orders(runtime)


def serve_at_once(waiting: Waiting, folder: Path, server: Server) -> dict[str, Any]:
    """Two processes; the second is let in while the first is at work."""
    shutil.copytree(waiting.state, folder)
    works = [partial(server.run, folder, Tripwire("nowhere"))] * 2
    ended = children.run_in_pool(works, folder / "answers", len(works))
    judged = children.run(partial(find_faults, waiting, folder, waiting.expected[server.most_waiting]), folder)
    return {"error": "".join(each.detail for each in (*ended, judged)), "faults": judged.value}


def look_at_skipped(waiting: Waiting, folder: Path) -> dict[str, Any]:
    """How the sessions of the events ended, what was settled of them, and whether a replay of the book is identical."""
    with open_plainly(folder) as runtime:
        records = [runtime.ledger.find_decision(BOOK, session) for session in waiting.sessions]
        settled = [runtime.ledger.find_settlement(BOOK, session) for session in waiting.sessions]
        replayed = replay_recorded(runtime, overrides=NO_OVERRIDES)
        return {
            "outcomes": [record.decision.outcome.value for record in records if record],
            "orders": [len(record.decision.orders) for record in records if record],
            "settled": all(settled),
            "closed": runtime.ledger.last_closed_session(BOOK) == waiting.sessions[-1],
            "replayed": replayed.replayed > 0,
            "different": len(replayed.different),
        }


def main(folder: Path) -> None:
    warm()
    waiting = prepare_events(folder)
    fine, skipping, later = Server(), Server(most_waiting=1), Server(decide_later=True)
    recorded = "after ledger record_decision"
    no_inbox = {"change": forget_the_event}
    asked: dict[str, tuple[str, Server, Server]] = {
        **{place: (place, fine, fine) for place in PLACES},
        **{name: (name.removeprefix("skipping, "), skipping, skipping) for name in SKIPPING_PLACES},
        "policy changed": (recorded, fine, later),
        "no inbox": (recorded, replace(fine, **no_inbox), replace(fine, **no_inbox)),  # type: ignore[arg-type]
        "no inbox, policy changed": (recorded, replace(fine, **no_inbox), replace(later, **no_inbox)),  # type: ignore[arg-type]
        "offset committed first": (
            "before ledger record_decision",
            Server(commit_first=True),
            Server(commit_first=True),
        ),
    }
    works = [
        partial(kill_and_go_on, waiting, folder / f"case-{number}" / "state", place, first, heir)
        for number, (place, first, heir) in enumerate(asked.values())
    ]
    works.append(partial(serve_at_once, waiting, folder / "at_once", fine))
    ended = children.run_in_pool(works, folder / "answers", 2)
    names = (*asked, "at once")
    answers = {name: each.value or {"error": each.detail} for name, each in zip(names, ended, strict=True)}
    answers["skipped"] = ask(partial(look_at_skipped, waiting, folder / "undisturbed-1"), folder)
    (folder / "found.json").write_text(json.dumps(answers))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
