"""A ledger that was lost comes back whole from its backup, on either database, and what is missing is seen."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from tests.contract.databases import Stores, behind_its_back, change
from tests.contract.examples import (
    AAPL,
    BOOK,
    IBM,
    asked_by,
    change_of,
    order_of,
    record_of,
    request_claim,
    settlement_of,
)
from tests.contract.test_ledger_tampering import fill_ledger
from tests.fakes.broker import InMemoryBroker
from tests.fakes.ledger import InMemoryLedger
from tradeops.adapters.broker_paper import PaperBroker
from tradeops.adapters.ledger_sqlalchemy import copies as copies_module
from tradeops.adapters.ledger_sqlalchemy import open_ledger
from tradeops.bootstrap.ledger import open_ledger_copies
from tradeops.domain.claims import Claim
from tradeops.domain.errors import ConfigurationError, CorruptInput
from tradeops.domain.identifiers import InstrumentId, PackageId
from tradeops.domain.lifecycle import OrderState
from tradeops.domain.orders import Order
from tradeops.ports.broker import Broker, SessionExecutions
from tradeops.ports.ledger import Ledger
from tradeops.services.back_up_ledger import CONTENT, MANIFEST, Backup, back_up_ledger, restore_ledger
from tradeops.services.reconcile_orders import Difference, reconcile_orders

AT = datetime(2013, 3, 1, 22, tzinfo=UTC)


@pytest.fixture
def elsewhere(stores: Stores) -> Iterator[str]:
    """The address at which a lost ledger is made again."""
    url = stores.empty()
    yield url
    if stores.kind == "postgres" or Path(url.removeprefix("sqlite:///")).parent.exists():
        stores.remove(url)


def back_up(url: str, folder: Path) -> Backup:
    return back_up_ledger(open_ledger_copies(url), folder, at=AT)


def restore(url: str, folder: Path) -> Backup:
    return restore_ledger(open_ledger_copies(url), folder)


def test_a_restored_ledger_is_the_one_that_was_backed_up_and_goes_on(
    ledger_url: str, elsewhere: str, tmp_path: Path
) -> None:
    with open_ledger(ledger_url) as ledger:
        fill_ledger(ledger)
        heads, rows, decisions = ledger.chain_heads(), ledger.count_rows(), list(ledger.list_decisions())
    made = back_up(ledger_url, tmp_path / "backup")
    assert (made.heads, made.taken_at) == (heads, AT)

    assert restore(elsewhere, tmp_path / "backup") == made

    with open_ledger(elsewhere) as restored:
        assert (restored.chain_heads(), restored.count_rows(), list(restored.list_decisions())) == (
            heads,
            rows,
            decisions,
        )
        restored.record_settlement(settlement_of(2), [])
        restored.verify_chains()
        with pytest.raises(Exception, match="only grows"), restored._connection.write() as connection:
            connection.exec_driver_sql("DELETE FROM fills")


def test_a_backup_taken_while_others_write_is_one_state(ledger_url: str, elsewhere: str, tmp_path: Path) -> None:
    done = threading.Event()
    days = 0

    def write() -> None:
        nonlocal days
        with open_ledger(ledger_url) as ledger:
            while not done.is_set():
                ledger.record_settlement(settlement_of(days), [])
                days += 1

    writer = threading.Thread(target=write)
    writer.start()
    while days < 5:
        done.wait(0.01)
    made = back_up(ledger_url, tmp_path / "backup")
    done.set()
    writer.join()

    assert restore(elsewhere, tmp_path / "backup").heads == made.heads
    assert 5 <= made.entries <= days


def test_a_backup_that_is_not_whole_is_refused(ledger_url: str, elsewhere: str, tmp_path: Path) -> None:
    with open_ledger(ledger_url) as ledger:
        fill_ledger(ledger)
    folder = tmp_path / "backup"
    back_up(ledger_url, folder)
    whole, manifest = (folder / CONTENT).read_bytes(), (folder / MANIFEST).read_text()

    (folder / CONTENT).write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(CorruptInput, match="does not hash"):
        restore(elsewhere, folder)
    (folder / CONTENT).write_bytes(whole)
    (folder / MANIFEST).unlink()
    with pytest.raises(ConfigurationError, match="no complete backup"):
        restore(elsewhere, folder)
    (folder / MANIFEST).write_text(manifest.replace('"sequence":7', '"sequence":8'))
    with pytest.raises(CorruptInput, match="does not end"):
        restore(elsewhere, folder)


def test_nothing_that_is_there_is_written_over(ledger_url: str, tmp_path: Path) -> None:
    with open_ledger(ledger_url) as ledger:
        ledger.record_settlement(settlement_of(), [])
        heads = ledger.chain_heads()
    back_up(ledger_url, tmp_path / "backup")
    with pytest.raises(ConfigurationError, match="not empty"):
        back_up(ledger_url, tmp_path / "backup")
    with pytest.raises(ConfigurationError, match=r"there already|not empty"):
        restore(ledger_url, tmp_path / "backup")
    with open_ledger(ledger_url) as ledger:
        assert ledger.chain_heads() == heads


def test_a_ledger_that_is_not_there_is_not_backed_up(elsewhere: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no ledger"):
        back_up(elsewhere, tmp_path / "backup")


def test_a_backup_is_brought_back_to_its_own_kind_of_database(ledger_url: str, tmp_path: Path) -> None:
    back_up(ledger_url, tmp_path / "backup")
    other = "sqlite:////nowhere/ledger.db" if "postgres" in ledger_url else "postgresql+psycopg://nobody@127.0.0.1/none"
    with pytest.raises(ConfigurationError, match="cannot be brought"):
        restore(other, tmp_path / "backup")


def test_a_program_that_is_missing_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("shutil.which", lambda _name: None)
    monkeypatch.setattr(copies_module, "_INSTALLED", tmp_path)
    with pytest.raises(ConfigurationError, match="pg_dump is not installed; Debian's package"):
        copies_module.find_program("pg_dump")


# Reconciliation with the broker


MSFT = InstrumentId("MSFT")


def execute_nothing(*_: object) -> SessionExecutions:
    return SessionExecutions(fills=(), changes=())


def refuse_ibm(order: object) -> str | None:
    return "not today" if order.instrument == IBM else None  # type: ignore[attr-defined]


def trade(ledger: Ledger, broker: Broker, days: int) -> None:
    for day in range(days):
        claim = ledger.claim_cycle(request_claim(day))
        ledger.record_decision(claim, record_of(claim), asked_by(claim))
        orders = record_of(claim).decision.orders
        ledger.record_order_changes(claim, [broker.submit(BOOK, order) for order in orders])
        ledger.close_cycle(claim)


def differences(ledger: Ledger, broker: Broker) -> dict[str, Difference]:
    found = reconcile_orders(ledger, broker).differences
    return {one.client_order_id: one.difference for one in found}


@pytest.fixture
def broker() -> InMemoryBroker:
    return InMemoryBroker(execute_nothing, refuse_ibm)


@pytest.fixture
def paper(stores: Stores) -> Iterator[PaperBroker]:
    """A paper broker on the same kind of database as the ledger, which outlives it."""
    url = stores.empty()
    with PaperBroker(url, execute=execute_nothing, accepts=refuse_ibm) as broker:
        yield broker
    stores.remove(url)


def check_restored_ledger_agrees(url: str, elsewhere: str, folder: Path, broker: Broker) -> None:
    """What is on record after a restore is what the broker has."""
    with open_ledger(url) as ledger:
        trade(ledger, broker, 4)
    back_up(url, folder)
    restore(elsewhere, folder)
    with open_ledger(elsewhere) as restored:
        found = reconcile_orders(restored, broker)
        assert (found.recorded, found.taken, found.differences) == (8, 8, ())


def test_a_restored_ledger_agrees_with_the_broker(
    ledger_url: str, elsewhere: str, tmp_path: Path, paper: PaperBroker
) -> None:
    check_restored_ledger_agrees(ledger_url, elsewhere, tmp_path / "backup", paper)


def test_mutant_backup_that_lacks_one_order_is_seen(
    ledger_url: str, elsewhere: str, tmp_path: Path, paper: PaperBroker
) -> None:
    """One whole decision, with nothing in the chains to tell of it: taken before the last day was traded."""
    with open_ledger(ledger_url) as ledger:
        trade(ledger, paper, 3)
        back_up(ledger_url, tmp_path / "backup")
        trade(ledger, paper, 4)
    restore(elsewhere, tmp_path / "backup")
    lost = [order_of(request_claim(3), name).client_order_id for name in (AAPL, IBM)]  # type: ignore[arg-type]
    with open_ledger(elsewhere) as restored:
        assert differences(restored, paper) == dict.fromkeys(lost, Difference.NOT_RECORDED)


def test_mutant_order_taken_out_of_a_ledger_is_seen_by_its_chains(ledger_url: str, broker: InMemoryBroker) -> None:
    with open_ledger(ledger_url) as ledger:
        trade(ledger, broker, 1)
        with behind_its_back(ledger_url) as connection:
            assert change(connection, "DELETE FROM orders WHERE instrument = 'IBM'") == 1
        with pytest.raises(CorruptInput, match="orders"):
            ledger.verify_chains()


def claimed(ledger: Ledger, day: int = 0) -> Claim:
    claim = ledger.claim_cycle(request_claim(day))
    ledger.record_decision(claim, record_of(claim), asked_by(claim))
    return claim


class TestEachDifference:
    def test_what_is_not_sent_yet_is_none(self, broker: InMemoryBroker) -> None:
        ledger = InMemoryLedger()
        claimed(ledger)
        assert differences(ledger, broker) == {}

    def test_what_was_sent_and_not_marked_is_told(self, broker: InMemoryBroker) -> None:
        ledger = InMemoryLedger()
        order = order_of(claimed(ledger), AAPL)
        broker.submit(BOOK, order)
        assert differences(ledger, broker) == {order.client_order_id: Difference.NOT_MARKED}

    def test_what_is_recorded_as_sent_and_never_arrived_is_told(self, broker: InMemoryBroker) -> None:
        ledger = InMemoryLedger()
        claim = claimed(ledger)
        order = order_of(claim, AAPL)
        ledger.record_order_changes(claim, [change_of(order)])
        assert differences(ledger, broker) == {order.client_order_id: Difference.NOT_AT_BROKER}

    def test_another_answer_or_another_content_is_told(self, broker: InMemoryBroker) -> None:
        ledger = InMemoryLedger()
        claim = claimed(ledger)
        bought, refused = order_of(claim, AAPL), order_of(claim, IBM)
        broker.submit(BOOK, replace(bought, quantity=Decimal(41)))
        broker.submit(BOOK, refused)
        ledger.record_order_changes(claim, [change_of(bought), change_of(refused)])
        assert differences(ledger, broker) == dict.fromkeys(
            (bought.client_order_id, refused.client_order_id), Difference.OTHERWISE
        )

    @pytest.mark.parametrize("arrived", [True, False])
    def test_what_expired_without_an_answer_agrees_whether_it_arrived_or_not(
        self, broker: InMemoryBroker, arrived: bool
    ) -> None:
        ledger = InMemoryLedger()
        claim = claimed(ledger)
        order = order_of(claim, AAPL)
        if arrived:
            broker.submit(BOOK, order)
        ledger.record_order_changes(claim, [change_of(order, OrderState.UNKNOWN), change_of(order, OrderState.EXPIRED)])
        assert differences(ledger, broker) == {}

    def test_a_compensated_package_agrees_whether_its_legs_were_sent_or_not(self, broker: InMemoryBroker) -> None:
        ledger, claim, (first, second) = self.package()
        broker.submit(BOOK, first)
        cancelled = [broker.cancel(BOOK, leg.client_order_id) for leg in (first, second)]
        ledger.record_order_changes(claim, [change_of(first), *cancelled])
        assert differences(ledger, broker) == {}

    def test_a_cancel_that_only_one_of_them_knows_is_told(self, broker: InMemoryBroker) -> None:
        ledger, claim, legs = self.package()
        for leg in legs:
            broker.submit(BOOK, leg)
        broker.cancel(BOOK, legs[1].client_order_id)
        changes = [change_of(leg) for leg in legs] + [change_of(legs[0], OrderState.CANCELLED, "said so")]
        ledger.record_order_changes(claim, changes)
        assert differences(ledger, broker) == {
            legs[0].client_order_id: Difference.NOT_CANCELLED,
            legs[1].client_order_id: Difference.OTHERWISE,
        }

    def package(self) -> tuple[InMemoryLedger, Claim, tuple[Order, ...]]:
        ledger = InMemoryLedger()
        claim = ledger.claim_cycle(request_claim())
        record = record_of(claim, names=(AAPL, MSFT), package=PackageId("hedged"))
        ledger.record_decision(claim, record, asked_by(claim))
        return ledger, claim, record.decision.orders
