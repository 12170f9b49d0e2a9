"""Who may run a cycle."""

import os
import socket
import subprocess
import sys
import time
from dataclasses import replace

import psutil
import pytest

from tests.contract.conftest import OpenLedger
from tests.contract.examples import (
    BOOK,
    BUNDLE,
    ELSEWHERE,
    HERE,
    asked_by,
    change_of,
    record_of,
    request_claim,
    session_after,
    settlement_of,
)
from tests.fakes.ledger import InMemoryLedger
from tradeops.adapters.ledger_sqlalchemy import SqlLedger, claims, decisions
from tradeops.domain.claims import Claim, ClockMove, Owner
from tradeops.domain.errors import CycleHeld, StaleEpoch
from tradeops.domain.identifiers import BookId
from tradeops.domain.lifecycle import CycleState
from tradeops.domain.market import Watermark
from tradeops.ports.ledger import Ledger

SHORT = 0.05


def this_process() -> Owner:
    return Owner(host=socket.gethostname(), pid=os.getpid(), started=psutil.Process().create_time())


def decide(ledger: Ledger, claim: Claim) -> None:
    ledger.record_decision(claim, record_of(claim), asked_by(claim))


def test_first_claim_has_epoch_one_and_what_was_asked(ledger: Ledger) -> None:
    request = request_claim()
    claim = ledger.claim_cycle(request)
    assert claim == Claim(
        cycle_id=request.cycle_id,
        book_id=BOOK,
        session=request.session,
        epoch=1,
        state=CycleState.CLAIMED,
        watermark=Watermark(market=0, ledger=0),
        bundle=BUNDLE.bundle_id,
        universe_version=request.universe_version,
    )
    assert [(head.stream, head.sequence) for head in ledger.chain_heads()] == [(BOOK.claims_stream, 1)]


def test_a_living_owner_elsewhere_holds_its_claim(open_another: OpenLedger) -> None:
    open_another().claim_cycle(request_claim(owner=ELSEWHERE))
    heads = open_another().chain_heads()
    with pytest.raises(CycleHeld) as refusal:
        open_another().claim_cycle(request_claim(owner=HERE))
    assert refusal.value.retryable
    assert open_another().chain_heads() == heads


def test_a_living_owner_on_this_host_holds_its_claim(ledger: Ledger) -> None:
    ledger.claim_cycle(request_claim(owner=this_process()))
    with pytest.raises(CycleHeld):
        ledger.claim_cycle(request_claim(owner=ELSEWHERE))


def test_an_owner_may_claim_again_what_it_holds(ledger: Ledger) -> None:
    epochs = [ledger.claim_cycle(request_claim()).epoch for _ in range(3)]
    assert epochs == [1, 2, 3]


def test_a_dead_owner_on_this_host_is_dead_at_once(ledger: Ledger) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        owner = Owner(host=socket.gethostname(), pid=child.pid, started=psutil.Process(child.pid).create_time())
        ledger.claim_cycle(request_claim(owner=owner))
        with pytest.raises(CycleHeld):
            ledger.claim_cycle(request_claim(owner=HERE))
        child.kill()
    assert ledger.claim_cycle(request_claim(owner=HERE)).epoch == 2


def test_a_killed_owner_is_dead_before_its_parent_has_noticed(sql_ledger: SqlLedger) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        owner = Owner(host=socket.gethostname(), pid=child.pid, started=psutil.Process(child.pid).create_time())
        sql_ledger.claim_cycle(request_claim(owner=owner))
        child.kill()
        while psutil.Process(child.pid).status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.001)
        assert sql_ledger.claim_cycle(request_claim(owner=HERE)).epoch == 2


def test_a_process_number_given_to_somebody_else_is_not_the_owner(ledger: Ledger) -> None:
    reused = replace(this_process(), started=this_process().started - 3600)
    ledger.claim_cycle(request_claim(owner=reused))
    assert ledger.claim_cycle(request_claim(owner=HERE)).epoch == 2


def test_a_claim_elsewhere_expires_without_renewal(open_another: OpenLedger) -> None:
    open_another().claim_cycle(request_claim(owner=ELSEWHERE, ttl_seconds=SHORT))
    time.sleep(3 * SHORT)
    assert open_another().claim_cycle(request_claim(owner=HERE)).epoch == 2


def test_renewal_keeps_a_claim_alive(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(claims, "read_clock", lambda _connection: now[0])
    if isinstance(ledger, InMemoryLedger):
        monkeypatch.setattr(ledger, "clock", lambda: now[0])
    claim = ledger.claim_cycle(request_claim(owner=ELSEWHERE, ttl_seconds=1.0))
    for now[0] in (0.9, 1.8):
        ledger.renew_claim(claim)
    now[0] = 2.7
    with pytest.raises(CycleHeld):
        ledger.claim_cycle(request_claim(owner=HERE))
    now[0] = 2.9
    assert ledger.claim_cycle(request_claim(owner=HERE)).epoch == 2


def test_a_redo_keeps_what_the_first_claim_saw(ledger: Ledger) -> None:
    ledger.record_settlement(settlement_of(), [])
    first = ledger.claim_cycle(request_claim(owner=ELSEWHERE, ttl_seconds=0))
    assert first.watermark == Watermark(market=0, ledger=1)
    ledger.record_clock_move(ClockMove(before=None, after=session_after(9), sessions=9, requested_by="event"))
    ledger.record_settlement(settlement_of(1), [])
    other = replace(BUNDLE, model="another/2")
    again = ledger.claim_cycle(request_claim(bundle=other, owner=HERE))
    assert again == replace(first, epoch=2)


def test_books_are_claimed_apart(ledger: Ledger) -> None:
    ledger.claim_cycle(request_claim(owner=ELSEWHERE))
    other = ledger.claim_cycle(request_claim(book=BookId(run="other"), owner=HERE))
    assert (other.epoch, other.book_id.run) == (1, "other")


def test_a_decided_cycle_is_claimed_to_be_routed_and_closed(ledger: Ledger) -> None:
    claim = ledger.claim_cycle(request_claim(owner=ELSEWHERE, ttl_seconds=0))
    decide(ledger, claim)
    again = ledger.claim_cycle(request_claim(owner=HERE))
    assert (again.epoch, again.state) == (2, CycleState.DECIDED)
    ledger.close_cycle(again)
    assert ledger.last_closed_session(BOOK) == claim.session


def test_a_closed_cycle_is_told_and_nothing_is_written(ledger: Ledger) -> None:
    claim = ledger.claim_cycle(request_claim())
    decide(ledger, claim)
    ledger.close_cycle(claim)
    before = (ledger.count_rows(), ledger.chain_heads())
    again = ledger.claim_cycle(request_claim(bundle=replace(BUNDLE, model="another/2"), owner=HERE))
    assert again == replace(claim, state=CycleState.CLOSED)
    assert (ledger.count_rows(), ledger.chain_heads()) == before


def check_zombie_is_refused(open_another: OpenLedger) -> None:
    """Whatever an owner writes after a newer claim is refused and leaves no trace."""
    zombie, successor = open_another(), open_another()
    old = zombie.claim_cycle(request_claim(owner=ELSEWHERE, ttl_seconds=0))
    new = successor.claim_cycle(request_claim(owner=HERE))
    before = successor.chain_heads()
    with pytest.raises(StaleEpoch):
        decide(zombie, old)
    with pytest.raises(StaleEpoch):
        zombie.renew_claim(old)
    assert successor.chain_heads() == before
    decide(successor, new)
    before = successor.chain_heads()
    orders = record_of(new).decision.orders
    with pytest.raises(StaleEpoch):
        zombie.record_order_changes(old, [change_of(orders[0])])
    with pytest.raises(StaleEpoch):
        zombie.close_cycle(old)
    with pytest.raises(StaleEpoch):
        decide(zombie, old)
    assert successor.chain_heads() == before


def test_a_zombie_is_refused(open_another: OpenLedger) -> None:
    check_zombie_is_refused(open_another)


def test_mutant_without_epoch_check_is_found(open_sql: OpenLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    checked = claims.check_epoch

    def trust_everybody(connection, claim):  # type: ignore[no-untyped-def]
        row = connection.execute(claims._BY_CYCLE, {"cycle_id": claim.cycle_id}).one()
        return checked(connection, replace(claim, epoch=row.epoch))

    monkeypatch.setattr(decisions, "check_epoch", trust_everybody)
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        check_zombie_is_refused(open_sql)


def test_the_epoch_of_a_closed_cycle_lets_nobody_write(ledger: Ledger) -> None:
    claim = ledger.claim_cycle(request_claim())
    decide(ledger, claim)
    ledger.close_cycle(claim)
    order = record_of(claim).decision.orders[0]
    with pytest.raises(StaleEpoch):
        ledger.record_order_changes(claim, [change_of(order)])


def test_nobody_writes_without_a_claim(open_another: OpenLedger) -> None:
    ledger = open_another()
    claim = Claim(
        cycle_id=request_claim().cycle_id,
        book_id=BOOK,
        session=session_after(0),
        epoch=1,
        state=CycleState.CLAIMED,
        watermark=Watermark(market=0, ledger=0),
        bundle=BUNDLE.bundle_id,
        universe_version="u",
    )
    with pytest.raises(StaleEpoch):
        decide(ledger, claim)
    assert ledger.chain_heads() == ()


def check_dead_owner_gives_way(ledger: Ledger) -> None:
    """A cycle whose owner died can be claimed by the next one at once."""
    gone = Owner(host=socket.gethostname(), pid=2**22 + 1, started=1.0)
    ledger.claim_cycle(request_claim(owner=gone))
    assert ledger.claim_cycle(request_claim(owner=HERE)).epoch == 2


def test_mutant_that_trusts_every_owner_is_found(sql_ledger: SqlLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "is_dead", lambda _owner: False)
    with pytest.raises(CycleHeld):
        check_dead_owner_gives_way(sql_ledger)


def test_mutant_that_forgets_the_first_watermark_is_found(
    open_sql: OpenLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = claims._read_claim

    def present(row, book_id, epoch=None):  # type: ignore[no-untyped-def]
        return replace(real(row, book_id, epoch), watermark=Watermark(market=1, ledger=9))

    monkeypatch.setattr(claims, "_read_claim", present)
    with pytest.raises(AssertionError):
        test_a_redo_keeps_what_the_first_claim_saw(open_sql())


def test_expiry_is_judged_by_the_clock_of_the_database(open_sql: OpenLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    sleep, other = time.sleep, BookId(run="other")
    open_sql().claim_cycle(request_claim(owner=ELSEWHERE, ttl_seconds=3600))
    open_sql().claim_cycle(request_claim(book=other, owner=ELSEWHERE, ttl_seconds=SHORT))
    sleep(3 * SHORT)
    monkeypatch.setattr(time, "time", lambda: 1e12)  # an hour and more is over, says the process
    with pytest.raises(CycleHeld):
        open_sql().claim_cycle(request_claim(owner=HERE))
    monkeypatch.setattr(time, "time", lambda: -1e9)  # nothing is over, says the process
    assert open_sql().claim_cycle(request_claim(book=other, owner=HERE)).epoch == 2


def test_mutant_whose_claims_never_expire_is_found(open_sql: OpenLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "read_clock", lambda _connection: 0.0)
    with pytest.raises(CycleHeld):
        test_a_claim_elsewhere_expires_without_renewal(open_sql)
