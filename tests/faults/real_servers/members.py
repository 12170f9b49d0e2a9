"""Processes that serve: the loop of `tradeops serve`, in children that are started again when they end."""

import os
import random
import resource
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, cast
from unittest.mock import patch

from tests.faults import children
from tests.faults.fail_points import Tripwire
from tests.faults.installation import Change, Opening, open_installation, unchanged
from tests.faults.kill_servers import CommitsFirst
from tests.faults.mutants import change_ledger
from tests.faults.real_servers.board import Board
from tests.faults.real_servers.knob import Knob
from tests.faults.real_servers.wall_clock import shift_wall_clock
from tradeops.bootstrap import serving
from tradeops.bootstrap.runtime import Runtime
from tradeops.domain.claims import Claim
from tradeops.domain.errors import StaleEpoch
from tradeops.entrypoints.command_line.processes import hand_back_when_worn
from tradeops.entrypoints.processes.heartbeat import Heart
from tradeops.entrypoints.processes.loop import OpenUnits
from tradeops.entrypoints.processes.run import ProcessOptions, run_process
from tradeops.entrypoints.processes.stop_switch import StopSwitch
from tradeops.ports.cycle_runner import CycleOutcome
from tradeops.ports.event_log import EventConsumer, EventLog
from tradeops.services.drain_events_once import Attempts, open_decider
from tradeops.settings import Settings

ALL_WAIT = 100
STOP_SECONDS = 30.0
PAUSE_SECONDS = 0.5
LOG = "members.log"


@dataclass(frozen=True)
class Member:
    """One process that serves.

    Args:
        folder: Of the installation.
        settings: Where its stores are.
        board: Hears of each cycle that is closed, each order that is delivered and each decision that is refused.
        clock: Seconds that its wall clock is ahead.
        change: A mistake in the installation.
        commit_first: The mistake of committing what was polled before it is answered.
        wire: Where it ends or stands still.
    """

    folder: Path
    settings: Settings
    board: Board
    clock: Knob = field(default_factory=Knob)
    change: Change = unchanged
    commit_first: bool = False
    wire: Tripwire = field(default_factory=lambda: Tripwire("nowhere"))

    def run(self) -> int:
        """Serve until SIGTERM; the exit code."""
        os.dup2(os.open(self.folder / LOG, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), 2)
        with ExitStack() as stack:
            stack.enter_context(shift_wall_clock(self.clock))
            stack.enter_context(patch.object(serving, "open_runtime", self._open))
            if self.commit_first:
                stack.enter_context(patch.object(serving, "open_decider", open_hasty_decider))
            options = ProcessOptions(with_parent=True)
            return run_process("serve", self.folder, options, self._make_units)

    def _open(self, _settings: Settings) -> Any:
        opening = Opening(wire=self.wire, change=self._change, settings=self.settings, deliveries=self.board.path)
        return open_installation(self.folder, opening)

    def _change(self, runtime: Runtime) -> Runtime:
        def close_cycle(ledger: Any, claim: Claim) -> None:
            ledger.close_cycle(claim)
            self.board.tell(closed=str(claim.session), at=time.monotonic())

        def record_decision(ledger: Any, claim: Claim, *given: Any) -> None:
            try:
                ledger.record_decision(claim, *given)
            except StaleEpoch:
                self.board.tell(stale=str(claim.session), at=time.monotonic())
                raise

        return change_ledger(close_cycle=close_cycle, record_decision=record_decision)(self.change(runtime))

    def _make_units(self, heart: Heart, switch: StopSwitch) -> OpenUnits:
        attempts: Attempts = {}

        def on_progress(outcome: CycleOutcome) -> None:
            heart.beat()
            hand_back_when_worn(outcome, switch)

        return lambda: serving.open_serving(
            self.settings, most_waiting=ALL_WAIT, attempts=attempts, on_progress=on_progress, say=heart.say
        )


@contextmanager
def open_hasty_decider(log: EventLog) -> Iterator[EventConsumer]:
    """A member of the group that commits what it polled before it is answered."""
    with open_decider(log) as consumer:
        yield cast("EventConsumer", CommitsFirst(consumer))


@dataclass
class Crew:
    """Children that serve; one that is killed is replaced at once, one that ends by itself after a pause.

    Args:
        member: What each does.
        folder: For their answers.
    """

    member: Member
    folder: Path
    limit: int = resource.RLIM_INFINITY
    running: dict[int, Path] = field(default_factory=dict)
    ended: list[str] = field(default_factory=list)
    due: list[float] = field(default_factory=list)
    starts: int = 0

    def start(self, member: Member | None = None) -> int:
        """One more, of another kind if one is given; its process id."""
        self.starts += 1
        answer = self.folder / f"member-{self.starts}.pickle"
        pid = children.start((member or self.member).run, answer)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (self.limit, resource.RLIM_INFINITY))
        self.running[pid] = answer
        return pid

    def tend(self) -> None:
        """Replace those that ended."""
        for pid in list(self.running):
            found, status = os.waitpid(pid, os.WNOHANG)
            if found:
                self._note(pid, status)
                self.due.append(time.monotonic() + (0 if os.WIFSIGNALED(status) else PAUSE_SECONDS))
        for due in [due for due in self.due if due <= time.monotonic()]:
            self.due.remove(due)
            self.start()

    def pick(self, chance: random.Random) -> int:
        """One that runs."""
        return chance.choice(sorted(self.running))

    def fill_disk(self, most: int) -> None:
        """No file may be longer than `most` bytes for any of them."""
        self.limit = most
        for pid in self.running:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))

    def stop(self) -> None:
        """Ask all to end, and kill who does not in time."""
        for pid in self.running:
            os.kill(pid, signal.SIGTERM)
        until = time.monotonic() + STOP_SECONDS
        while self.running:
            for pid in list(self.running):
                if time.monotonic() > until:
                    os.kill(pid, signal.SIGKILL)
                found, status = os.waitpid(pid, os.WNOHANG)
                if found:
                    self._note(pid, status)
            time.sleep(0.01)

    def _note(self, pid: int, status: int) -> None:
        answer = self.running.pop(pid)
        try:
            ended = children.read_answer(status, answer)
        except (OSError, EOFError, UnpicklingError):
            self.ended.append("could not leave an answer")
            return
        said = ended.detail.strip().splitlines()[-1] if ended.detail else f"exit code {ended.value}"
        self.ended.append(f"signal {ended.signal}" if ended.signal else said)
