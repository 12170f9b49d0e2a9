"""Policies, bundles, the kill switch and the market clock."""

import pytest

from tests.contract.examples import BOOK, BUNDLE, session_after
from tradeops.adapters.ledger_sqlalchemy import SqlLedger
from tradeops.bootstrap.policy import load_policy
from tradeops.domain.claims import ClockMove
from tradeops.domain.errors import CycleConflict, UnknownRecord
from tradeops.domain.identifiers import BookId, BundleId, PolicyVersion
from tradeops.domain.verdicts import KillSwitch
from tradeops.ports.ledger import Ledger

FIRST_MOVE = ClockMove(before=None, after=session_after(10), sessions=7, requested_by="backfill/1")
SECOND_MOVE = ClockMove(before=session_after(10), after=session_after(11), sessions=1, requested_by="ingest/1")


def test_policy_and_bundle_are_kept_once(ledger: Ledger) -> None:
    policy = load_policy()
    for _ in range(2):
        ledger.record_policy(policy)
        ledger.record_bundle(BUNDLE)
    assert ledger.policy(policy.version) == policy
    assert ledger.policy(policy.version).version == policy.version
    assert ledger.bundle(BUNDLE.bundle_id) == BUNDLE
    assert [(head.stream, head.sequence) for head in ledger.chain_heads()] == [("configuration", 2)]


def test_what_nobody_recorded_is_unknown(ledger: Ledger) -> None:
    with pytest.raises(UnknownRecord):
        ledger.policy(PolicyVersion("0" * 64))
    with pytest.raises(UnknownRecord):
        ledger.bundle(BundleId("0" * 64))


def test_the_newest_kill_switch_is_in_force_for_its_book(ledger: Ledger) -> None:
    assert ledger.kill_switch(BOOK) is KillSwitch.OFF
    levels = [KillSwitch.FREEZE, KillSwitch.OFF, KillSwitch.CLOSE_ONLY, KillSwitch.OFF, KillSwitch.FREEZE] * 3
    for level in levels:
        ledger.set_kill_switch(BOOK, level, person="ann", reason="drill")
        assert ledger.kill_switch(BOOK) is level
    assert ledger.kill_switch(BookId(run="other")) is KillSwitch.OFF
    assert ledger.chain_heads()[0].sequence == len(levels)


def test_the_clock_moves_forward_once_a_request(ledger: Ledger) -> None:
    assert ledger.market_clock() is None
    for move in (FIRST_MOVE, FIRST_MOVE, SECOND_MOVE, FIRST_MOVE):
        ledger.record_clock_move(move)
    assert ledger.market_clock() == session_after(11)
    assert ledger.find_clock_move("backfill/1") == FIRST_MOVE
    assert ledger.find_clock_move("ingest/1") == SECOND_MOVE
    assert ledger.find_clock_move("ingest/2") is None
    assert ledger.chain_heads()[0].sequence == 2


def check_clock_is_not_moved_from_elsewhere(ledger: Ledger) -> None:
    """Two that read the clock at the same place cannot both move it."""
    ledger.record_clock_move(FIRST_MOVE)
    late = ClockMove(before=None, after=session_after(12), sessions=8, requested_by="backfill/2")
    with pytest.raises(CycleConflict):
        ledger.record_clock_move(late)
    assert ledger.market_clock() == FIRST_MOVE.after


def test_the_clock_is_not_moved_from_elsewhere(ledger: Ledger) -> None:
    check_clock_is_not_moved_from_elsewhere(ledger)


def test_mutant_that_moves_the_clock_blindly_is_found(sql_ledger: SqlLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tradeops.adapters.ledger_sqlalchemy.market_clock._read_clock", lambda _connection: None)
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        check_clock_is_not_moved_from_elsewhere(sql_ledger)
