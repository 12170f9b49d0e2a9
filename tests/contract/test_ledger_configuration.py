"""Policies, bundles, the kill switch and the market clock."""

import pytest

from tests.contract.examples import BOOK, BUNDLE, session_after
from tradeops.adapters.ledger_sqlalchemy import SqlLedger
from tradeops.adapters.ledger_sqlalchemy.chain import MARKET_STREAM, NewEntry, append_entry
from tradeops.adapters.ledger_sqlalchemy.payloads import Kind
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


def test_a_watermark_names_the_move_that_it_saw(ledger: Ledger) -> None:
    positions = {"market.bars/0": 120, "market.bars/1": 7}
    third = ClockMove(
        before=session_after(11),
        after=session_after(12),
        sessions=1,
        requested_by="ingest/2",
        positions=positions,
        counts={"published": 5, "dead": 1},
    )
    assert ledger.market_sequence() == 0
    for move in (FIRST_MOVE, SECOND_MOVE, third):
        ledger.record_clock_move(move)

    assert ledger.market_sequence() == 3
    assert [ledger.clock_move(market) for market in (1, 2, 3)] == [FIRST_MOVE, SECOND_MOVE, third]
    assert ledger.clock_move(3).positions == positions
    for market in (0, 4):
        with pytest.raises(UnknownRecord):
            ledger.clock_move(market)


def test_a_load_that_closed_no_session_is_a_move_of_its_own_once(ledger: Ledger) -> None:
    still = ClockMove(
        before=FIRST_MOVE.after, after=FIRST_MOVE.after, sessions=0, requested_by="backfill/2", counts={"duplicate": 9}
    )
    for move in (FIRST_MOVE, still, still, SECOND_MOVE):
        ledger.record_clock_move(move)

    assert ledger.find_clock_move("backfill/2") == still
    assert (ledger.market_sequence(), ledger.market_clock()) == (3, SECOND_MOVE.after)


def test_a_move_of_the_former_revision_decodes_and_verifies(sql_ledger: SqlLedger) -> None:
    """It was written without positions and counts."""
    payload = '{"after":"2001-03-11","before":null,"requested_by":"backfill/1","sessions":7}'
    with sql_ledger._connection.write() as connection:
        append_entry(
            connection, NewEntry(stream=MARKET_STREAM, kind=Kind.CLOCK_MOVE, key="backfill/1", payload=payload)
        )
    sql_ledger.record_clock_move(SECOND_MOVE)

    assert sql_ledger.clock_move(1) == FIRST_MOVE
    assert sql_ledger.clock_move(1).positions == {}
    assert sql_ledger.find_clock_move("backfill/1") == FIRST_MOVE
    assert sql_ledger.market_clock() == SECOND_MOVE.after
    sql_ledger.verify_chains()


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
