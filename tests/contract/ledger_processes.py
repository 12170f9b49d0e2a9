"""What child processes do to a ledger; imported by name in a fresh interpreter."""

import os
import signal
import socket
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from multiprocessing.synchronize import Barrier
from typing import Any

import psutil
from sqlalchemy import Engine, event

from tests.contract.examples import (
    AAPL,
    BOOK,
    IBM,
    asked_by,
    change_of,
    fill_of,
    learner_state,
    order_of,
    record_of,
    request_claim,
    settlement_of,
)
from tradeops.adapters.ledger_sqlalchemy import SqlLedger, chain, open_ledger
from tradeops.adapters.sqlite import HeldConnection
from tradeops.domain.claims import Claim, Owner
from tradeops.domain.errors import CycleHeld, IllegalTransition, StaleEpoch
from tradeops.domain.lifecycle import CycleState, OrderState
from tradeops.domain.models import Promotion
from tradeops.domain.verdicts import KillSwitch

Work = Callable[[SqlLedger], object]
MEET_SECONDS = 300.0


def this_process() -> Owner:
    return Owner(host=socket.gethostname(), pid=os.getpid(), started=psutil.Process().create_time())


def run_cycle(ledger: SqlLedger, day: int) -> Claim:
    """Settle, claim, record, route and close one day; harmless when repeated."""
    ledger.record_settlement(settle_day(day), [learner_state(day)])
    claim = ledger.claim_cycle(request_claim(day, owner=this_process()))
    if claim.state is CycleState.CLAIMED:
        ledger.record_decision(claim, record_of(claim), asked_by(claim))
    if claim.state is not CycleState.CLOSED:
        ledger.record_order_changes(claim, [change_of(order_of(claim, name)) for name in (AAPL, IBM)])
        ledger.close_cycle(claim)
    return claim


def settle_day(day: int) -> Any:
    """The settlement of a day, which fills the orders of the day before."""
    if day == 0:
        return settlement_of(0)
    decided = request_claim(day - 1)
    orders = [order_of(decided, name) for name in (AAPL, IBM)]  # type: ignore[arg-type]
    fills = tuple(fill_of(order) for order in orders)
    return settlement_of(day, fills=fills, changes=tuple(change_of(order, OrderState.FILLED) for order in orders))


def race(url: str, days: int, meeting: Barrier) -> None:
    """Run every cycle together with others who do the same, and note each on the way."""
    meeting.wait(MEET_SECONDS)
    with open_ledger(url) as ledger:
        for day in range(days):
            ledger.set_kill_switch(BOOK, KillSwitch.OFF, person=str(os.getpid()), reason=str(day))
            _finish(ledger, day)


def _finish(ledger: SqlLedger, day: int) -> None:
    while True:
        try:
            run_cycle(ledger, day)
            return
        except CycleHeld:
            time.sleep(0.002)
        except StaleEpoch:
            continue


def work_until_killed(url: str, work: Work, at_statement: int) -> None:
    """Do something and die by SIGKILL before the n-th statement or commit."""
    with open_ledger(url) as ledger:
        count_down(at_statement, lambda: os.kill(os.getpid(), signal.SIGKILL))
        work(ledger)


def count_down(statements: int, then: Callable[[], object]) -> None:
    """Call `then` before the n-th statement or commit from now on, in this process."""
    left = statements

    def step(*_arguments: object) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            then()

    event.listen(Engine, "before_cursor_execute", step)
    event.listen(Engine, "commit", step)


def cycle_of_day_one(ledger: SqlLedger) -> None:
    run_cycle(ledger, 1)


def cycle_without_transactions(ledger: SqlLedger) -> None:
    """The mutant: every statement commits by itself."""
    connection = ledger._connection._connection  # type: ignore[attr-defined]
    connection.info["begin"] = "SELECT 1"
    ledger._connection.write = lambda: nullcontext(connection)  # type: ignore[method-assign,assignment,return-value]
    run_cycle(ledger, 1)


def race_with_late_locks(url: str, days: int, meeting: Barrier) -> None:
    """The mutant: a writer takes the write lock when it first writes, not when it first reads."""
    HeldConnection.write = HeldConnection.read  # type: ignore[method-assign]
    chain.take_lock = lambda _connection, _name: None
    race(url, days, meeting)


def race_to_promote(url: str, promotion: Promotion, number: int, start_at: float, outcomes: Any) -> None:
    """Ask for one step under a request of its own, at the same moment as another, and say what came of it."""
    with open_ledger(url) as ledger:
        time.sleep(max(0.0, start_at - time.time()))
        try:
            ledger.record_promotion(replace(promotion, requested_by=f"promote_models/{number}"))
            outcomes.put("recorded")
        except IllegalTransition:
            outcomes.put("refused")
