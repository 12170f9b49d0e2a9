"""A loaded market under a ledger, a broker and checkpoints on PostgreSQL, and what its books decided."""

from collections.abc import Iterable
from datetime import date
from pathlib import Path

from tests.servers.postgres import Databases
from tradeops.bootstrap.ledger import open_ledger_by_url
from tradeops.bootstrap.migration import migrate_installation
from tradeops.bootstrap.runtime import open_runtime
from tradeops.domain.decisions import Outcome
from tradeops.domain.identifiers import BookId
from tradeops.services.reconcile_orders import reconcile_orders
from tradeops.settings import Settings


def install(databases: Databases, loaded: Path) -> Settings:
    """Ledger, broker and checkpoints of its own for the market of a state folder."""
    url = databases.url(databases.create())
    settings = Settings(state_dir=loaded, ledger_url=url, broker_url=url, checkpoints_url=url)
    list(migrate_installation(settings))
    with (
        open_ledger_by_url(f"sqlite:///{loaded}/ledger.db") as source,
        open_ledger_by_url(settings.ledger_url) as target,
    ):
        for market in range(1, source.market_sequence() + 1):
            target.record_clock_move(source.clock_move(market))
    return settings


def read_records(settings: Settings, runs: Iterable[str], session: date) -> dict[str, bytes]:
    """Canonical bytes of each book's one decision; the chains are intact, and the broker has what is on record."""
    with open_runtime(settings) as runtime:
        runtime.ledger.verify_chains()
        found = {run: runtime.ledger.find_decision(BookId(run=run), session) for run in runs}
        decided = {run: record.decision for run, record in found.items() if record}
        assert len(list(runtime.ledger.list_decisions())) == len(decided)
        assert {decision.outcome for decision in decided.values()} == {Outcome.DECIDED}
        agreed = reconcile_orders(runtime.ledger, runtime.broker)
        orders = sum(len(decision.orders) for decision in decided.values())
        assert (agreed.recorded, agreed.taken, agreed.differences) == (orders, orders, ())
        assert orders > 0
    return {run: decision.canonical_bytes for run, decision in decided.items()}
