"""Mistakes put into the product that the judge must see, each with the one death or pause that shows it."""

import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import psutil

from tests.faults import children
from tests.faults.cases import SHORT_LIFE
from tests.faults.fail_points import Tripwire
from tests.faults.installation import Change, unchanged
from tests.faults.mutants import MUTANTS, change_ledger, change_routing, forget_the_event, ignore_epoch
from tests.faults.real_servers.members import Member
from tests.faults.real_servers.scene import LONGEST_SECONDS, Scene
from tradeops.bootstrap.runtime import Runtime
from tradeops.domain.claims import Claim, ClaimRequest
from tradeops.domain.identifiers import ClientOrderId
from tradeops.domain.lifecycle import OrderState
from tradeops.services.cycle.state import CycleContext


@dataclass(frozen=True)
class Mistake:
    """What is wrong, and when it is shown.

    Args:
        change: Of the installation.
        commit_first: Offsets are committed before anything is done.
        place: Where the first process dies in its first cycle, which has several orders.
        overtaken: It stands still there instead, until another one that took its cycle over stands before its orders.
        deliveries: So many show it; what follows is waited for only then.
        longest: Seconds that anything may take afterwards: what a mistake leaves behind may never end.
    """

    place: str
    change: Change = unchanged
    commit_first: bool = False
    overtaken: bool = False
    deliveries: int = 0
    longest: float = LONGEST_SECONDS

    def spoil(self, member: Member) -> Member:
        """A member that makes it."""
        return replace(member, change=self.change, commit_first=self.commit_first)

    def show(self, scene: Scene) -> None:
        """Publish one event, and let the first process die, or be overtaken."""
        if self.overtaken:
            self._overtake(scene)
            return
        first = scene.crew.start(replace(scene.crew.member, wire=Tripwire(self.place)))
        scene.publish_next()
        scene.wait(lambda: first not in scene.crew.running, f"end at {self.place}")
        scene.wait(lambda: len(scene.board.find("order")) >= self.deliveries, f"delivery {self.deliveries}")

    def _overtake(self, scene: Scene) -> None:
        places = (self.place, "before order 1")
        first, second = (Tripwire(place, strike=children.stop_here) for place in places)
        old = scene.crew.start(replace(scene.crew.member, wire=first, change=shorten_claims(self.change)))
        session = scene.publish_next()
        scene.wait(lambda: _stands_still(old), f"pause at {self.place}")
        heir = scene.crew.start(replace(scene.crew.member, wire=second))
        scene.wait(lambda: _stands_still(heir), "pause of the heir")
        os.kill(old, signal.SIGCONT)
        scene.wait(lambda: bool(scene.board.find("order") or scene.board.find("stale")), "what the overtaken one does")
        os.kill(heir, signal.SIGCONT)
        scene.wait_closed([session])


def _stands_still(pid: int) -> bool:
    return bool(psutil.Process(pid).status() == psutil.STATUS_STOPPED)


def shorten_claims(change: Change) -> Change:
    """Claims of a process do not outlive a short pause."""

    def claim_cycle(ledger: Any, request: ClaimRequest) -> Claim:
        claim: Claim = ledger.claim_cycle(replace(request, ttl_seconds=SHORT_LIFE))
        return claim

    def changed(runtime: Runtime) -> Runtime:
        return change_ledger(claim_cycle=claim_cycle)(change(runtime))

    return changed


def send_anew(context: CycleContext) -> None:
    """Whoever goes on for a dead process sends what is not marked as sent, each order under a new id."""
    for order in context.ports.ledger.orders_in(context.claim.cycle_id, OrderState.NEW):
        number = f"{order.client_order_id[:-2]}{context.claim.epoch:02d}"
        sent = order if context.claim.epoch == 1 else replace(order, client_order_id=ClientOrderId(number))
        answer = context.ports.broker.submit(context.claim.book_id, sent)
        context.ports.ledger.record_order_changes(
            context.claim, [replace(answer, client_order_id=order.client_order_id)]
        )


MISTAKES: Mapping[str, Mistake] = {
    "no inbox": Mistake("after ledger record_decision", forget_the_event),
    "offset committed first": Mistake("before ledger record_decision", commit_first=True),
    "routed before recorded": Mistake("before ledger record_decision", MUTANTS["send then record"]),
    "no epoch check": Mistake("before ledger record_decision", ignore_epoch, overtaken=True),
    "new client_order_id on retry": Mistake("after order 1", change_routing(send_anew), deliveries=2, longest=30.0),
    # None: what holds where no epoch check is missing.
    "overtaken": Mistake("before ledger record_decision", overtaken=True),
}
