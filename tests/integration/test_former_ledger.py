"""A ledger that a former version wrote is migrated where it lies, is still whole, and replays to the same decisions.

The archive was made by the last version whose schema was revision 0001, deciding the bundled history until
2001-05-25: ledger, paper broker's book, and the stored values of the decisions from 2001-05-15 on.
"""

import tarfile
from datetime import date
from pathlib import Path

import pysqlite3
import pytest

from tests.conftest import ROOT
from tests.contract.databases import behind_its_back, change
from tests.contract.test_ledger_schema import differences
from tradeops.adapters.ledger_sqlalchemy import METADATA, open_ledger
from tradeops.adapters.ledger_sqlalchemy.tables import HEAD_REVISION
from tradeops.bootstrap.replaying import replay_one
from tradeops.bootstrap.runtime import open_runtime
from tradeops.domain.errors import CorruptInput
from tradeops.domain.identifiers import BookId
from tradeops.services.reconcile_orders import Reconciliation, reconcile_orders
from tradeops.services.replay.overrides import NO_OVERRIDES
from tradeops.settings import Settings

ARCHIVE = ROOT / "tests" / "golden" / "ledger_of_revision_0001.tar.xz"
WRITTEN_BY = "0001"
VALUES_FROM = date(2001, 5, 15)
DECIDED, REPLAYABLE, ORDERS = 61, 9, 6


@pytest.fixture
def former(tmp_path: Path) -> Path:
    """State folder with the former version's files."""
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path


def url_of(folder: Path) -> str:
    return f"sqlite:///{folder}/ledger.db"


def read(folder: Path, statement: str) -> list[tuple[object, ...]]:
    connection = pysqlite3.connect(folder / "ledger.db")
    try:
        return list(connection.execute(statement))
    finally:
        connection.close()


def test_it_is_migrated_where_it_lies_and_nothing_in_it_changes(former: Path) -> None:
    assert read(former, "SELECT version_num FROM alembic_version") == [(WRITTEN_BY,)]
    entries, heads = (
        read(former, f"SELECT * FROM {table} ORDER BY 1")  # noqa: S608
        for table in ("entries", "streams")
    )

    with open_ledger(url_of(former)) as ledger:
        ledger.verify_chains()
        assert len(list(ledger.list_decisions(BookId()))) == DECIDED

    assert read(former, "SELECT version_num FROM alembic_version") == [(HEAD_REVISION,)] != [(WRITTEN_BY,)]
    assert read(former, "SELECT * FROM entries ORDER BY 1") == entries
    assert read(former, "SELECT * FROM streams ORDER BY 1") == heads
    assert differences(url_of(former), METADATA) == []


def test_its_decisions_replay_to_the_same_bytes(former: Path) -> None:
    with open_runtime(Settings(state_dir=former)) as runtime:
        records = [record for record in runtime.ledger.list_decisions() if record.decision.session >= VALUES_FROM]
        reports = [replay_one(runtime, record, overrides=NO_OVERRIDES) for record in records]

    assert [report.replayed for report in reports] == [1] * REPLAYABLE
    assert sum(len(record.decision.orders) for record in records) == ORDERS
    assert [report.different for report in reports] == [()] * REPLAYABLE


def test_its_orders_are_those_of_the_paper_broker(former: Path) -> None:
    with open_runtime(Settings(state_dir=former)) as runtime:
        assert reconcile_orders(runtime.ledger, runtime.broker) == Reconciliation(
            recorded=ORDERS, taken=ORDERS, differences=()
        )


@pytest.mark.parametrize(
    "loss",
    [
        "DELETE FROM outbox WHERE id = 3",
        "UPDATE fills SET price = price || '1' WHERE id = 2",
        "UPDATE entries SET payload = replace(payload, 'AAPL', 'AAPM') WHERE kind = 'decision' AND sequence > 100",
    ],
)
def test_mutant_migration_that_loses_or_changes_a_row_is_found(former: Path, loss: str) -> None:
    with behind_its_back(url_of(former)) as connection:
        assert change(connection, loss) > 0
    with open_ledger(url_of(former)) as ledger, pytest.raises(CorruptInput):
        ledger.verify_chains()
