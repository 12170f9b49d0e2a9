"""Everything wrong after Airflow's tasks were disturbed: what the fault suite finds, and what spans processes."""

from collections.abc import Iterator
from contextlib import closing

from tests.contract.databases import beside, query
from tests.faults import findings
from tests.faults.findings import BOOK, Content
from tradeops.bootstrap.event_log import open_event_log
from tradeops.bootstrap.runtime import Runtime, open_runtime
from tradeops.domain.errors import ExecutionError
from tradeops.services.dead_letters import list_dead_letters
from tradeops.services.decide_sessions import find_decision_time
from tradeops.services.recompute_money import recompute_money
from tradeops.services.reconcile_orders import reconcile_orders
from tradeops.settings import Settings

# A later grant of the same cycle was on record when the entry was made.
_LATE = """
    SELECT written.kind || ' of ' || written.key
    FROM entries AS written JOIN entries AS granted
    ON granted.stream = '{claims}' AND granted.id < written.id AND granted.epoch > written.epoch
    AND granted.key LIKE written.key || '/%'
    WHERE written.stream = '{book}' AND written.kind IN ('decision', 'cycle_closed')
    ORDER BY written.id"""


def read_content(settings: Settings) -> Content:
    with open_runtime(settings) as runtime:
        return findings.read_content(runtime, settings.state_dir)


def find_faults(settings: Settings, expected: Content) -> list[str]:
    """What is lost, there twice, or otherwise than in a run that nobody disturbed; empty when all is well."""
    with open_runtime(settings) as runtime:
        return [
            *findings.find_faults(runtime, settings.state_dir, expected),
            *_reconcile(runtime),
            *_find_wrong_money(runtime),
            *_find_dead_letters(settings),
            *find_late_writes(settings),
        ]


def find_late_writes(settings: Settings) -> Iterator[str]:
    """Entries of an owner whose cycle had been granted to another one by then."""
    with beside(settings.ledger_url) as connection:
        for written in query(connection, _LATE.format(claims=BOOK.claims_stream, book=BOOK.stream)):
            yield f"epoch: {written} was written after a later grant"


def _reconcile(runtime: Runtime) -> Iterator[str]:
    for each in reconcile_orders(runtime.ledger, runtime.broker).differences:
        yield f"{each.client_order_id}: {each.difference}"


def _find_wrong_money(runtime: Runtime) -> Iterator[str]:
    settlements = runtime.ledger.list_settlements(BOOK)
    clock = runtime.ledger.market_clock()
    if clock is None:
        yield "nothing is loaded"
        return
    try:
        recompute_money(
            settlements, runtime.source, known_at=find_decision_time(clock, runtime.calendar, runtime.policy.time)
        )
    except ExecutionError as error:
        yield f"positions: {error.message}"


def _find_dead_letters(settings: Settings) -> Iterator[str]:
    with closing(open_event_log(settings.event_log_url)) as log:
        yield from (f"a dead letter: {letter}" for letter in list_dead_letters(log))
