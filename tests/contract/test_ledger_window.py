"""Who opened and closed the trading window: a chain of its own, in which a person has the last word."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.contract.databases import behind_its_back, change
from tradeops.adapters.ledger_sqlalchemy import SqlLedger, open_ledger
from tradeops.domain.errors import ConfigurationError, CorruptInput, IllegalTransition
from tradeops.domain.trading_window import SCHEDULE, WindowChange, WindowState, is_open
from tradeops.ports.ledger import Ledger

AT = datetime(2026, 11, 20, 14, tzinfo=UTC)
CLOSED = WindowChange(
    requested_by="scheduled/1", state=WindowState.CLOSED, person=SCHEDULE, reason="2026-11-20 opens", at=AT
)
OPENED = replace(CLOSED, requested_by="scheduled/2", state=WindowState.OPEN, at=AT + timedelta(hours=7))
STOPPED = replace(CLOSED, requested_by="ann/1", person="ann", reason="bars look wrong", at=AT + timedelta(hours=8))
LATE = replace(OPENED, requested_by="scheduled/3", at=AT + timedelta(hours=31))
RESUMED = replace(LATE, requested_by="ann/2", person="ann", reason="bars are right again")


def record(ledger: Ledger, *changes: WindowChange) -> None:
    for each in changes:
        ledger.record_window_change(each)


def test_window_is_open_until_somebody_closes_it_and_follows_the_newest_change(ledger: Ledger) -> None:
    assert is_open(ledger.newest_window_change())
    for each in (CLOSED, OPENED, STOPPED, RESUMED):
        record(ledger, each)
        assert ledger.newest_window_change() == each
        assert is_open(ledger.newest_window_change()) is (each.state is WindowState.OPEN)

    assert ledger.list_window_changes() == (CLOSED, OPENED, STOPPED, RESUMED)
    assert [(head.stream, head.sequence) for head in ledger.chain_heads()] == [("trading_window", 4)]
    ledger.verify_chains()


def test_same_request_is_one_entry_and_undoes_nothing_later(ledger: Ledger) -> None:
    record(ledger, CLOSED, OPENED, CLOSED)

    assert ledger.list_window_changes() == (CLOSED, OPENED)


def check_a_person_has_the_last_word(ledger: Ledger) -> None:
    record(ledger, OPENED, STOPPED)
    for scheduled in (replace(CLOSED, requested_by="scheduled/4"), LATE):
        with pytest.raises(IllegalTransition, match="by ann: bars look wrong; only a person opens it again"):
            record(ledger, scheduled)
    assert ledger.list_window_changes() == (OPENED, STOPPED)


def test_schedule_does_not_open_what_a_person_closed(ledger: Ledger) -> None:
    check_a_person_has_the_last_word(ledger)
    record(ledger, replace(STOPPED, requested_by="ann/3"), RESUMED)
    assert is_open(ledger.newest_window_change())


def test_mutant_whose_schedule_asks_nobody_is_found(sql_ledger: SqlLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    checked = "tradeops.adapters.ledger_sqlalchemy.trading_window.check_window_change"
    monkeypatch.setattr(checked, lambda _change, _newest: None)
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        check_a_person_has_the_last_word(sql_ledger)


@pytest.mark.parametrize("missing", ["person", "reason"])
def test_nobody_changes_it_without_name_and_reason(missing: str) -> None:
    with pytest.raises(ConfigurationError, match="who it is, and why"):
        replace(STOPPED, **{missing: " "})


def test_what_one_process_recorded_another_reads(ledger_url: str) -> None:
    with open_ledger(ledger_url) as first, open_ledger(ledger_url) as second:
        record(first, CLOSED)
        assert second.newest_window_change() == CLOSED


def test_a_changed_reason_is_found(sql_ledger: SqlLedger, ledger_url: str) -> None:
    record(sql_ledger, OPENED, STOPPED)
    with behind_its_back(ledger_url) as connection:
        statement = "UPDATE entries SET payload = replace(payload, :word, 'eve') WHERE sequence = 2"
        assert change(connection, statement, {"word": "ann"}) == 1
    with pytest.raises(CorruptInput, match="stream trading_window: entry 2"):
        sql_ledger.verify_chains()
