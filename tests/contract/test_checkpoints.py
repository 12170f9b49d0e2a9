"""What every checkpoint store keeps to: an unfinished cycle goes on where its durability says."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from graphs import postgres_checkpoints
from graphs.checkpoints import prepare_checkpoints
from graphs.decision_cycle.run_cycle import DecisionCycleRunner
from tests.contract.conftest import FindStores
from tests.contract.databases import Stores, beside, change, query
from tests.integration.serving import wait_for
from tests.servers.postgres import Databases
from tests.unit.graphs.cycle_bench import OWNER, TECHNICAL, Bench, SureAgent
from tradeops.domain.decisions import Outcome
from tradeops.domain.errors import ConfigurationError, ExternalServiceError
from tradeops.domain.market import MarketView
from tradeops.domain.opinions import AgentSpecification, Opinions
from tradeops.services.cycle.state import CycleContext

BEFORE_BLEND = ("load_view", "plan_agents", "consult_agent", "review_opinions")
AT_ONCE = 6
HANG_SECONDS = 300.0
WAITING = "SELECT count(*) FROM pg_locks WHERE relation = 'checkpoint_migrations'::regclass AND NOT granted"


@pytest.fixture
def checkpoints(stores: Stores, find_stores: FindStores) -> Iterator[str]:
    url = find_stores(stores.kind)[1].copy(prepare) if stores.kind == "postgres" else stores.empty()
    yield url
    stores.remove(url)


def prepare(url: str) -> None:
    prepare_checkpoints(url)


def open_runner(bench: Bench, url: str, durability: Any = "sync", **failures: list[Exception]) -> DecisionCycleRunner:
    nodes = bench.counted_nodes(**failures)
    return DecisionCycleRunner(
        bench.ports(),
        owner=OWNER,
        checkpoints=url,
        nodes=nodes,
        durability=durability,
        agent_seconds=HANG_SECONDS,
    )


@pytest.mark.parametrize(("durability", "judged"), [("exit", 2), ("sync", 1)])
def test_cycle_that_failed_goes_on_where_its_durability_says(durability: Any, judged: int, checkpoints: str) -> None:
    bench = Bench()
    broken = open_runner(bench, checkpoints, durability, blend_opinions=[RuntimeError("died")])
    with broken as runner, pytest.raises(RuntimeError):
        runner.run_cycle(bench.request())
    with open_runner(bench, checkpoints, durability) as runner:
        outcome = runner.run_cycle(bench.request())

    assert outcome.status is Outcome.DECIDED
    assert {bench.called[name] for name in BEFORE_BLEND} == {judged}
    assert bench.called["blend_opinions"] == 2


def test_finished_thread_is_not_run_again(checkpoints: str) -> None:
    bench = Bench()
    with open_runner(bench, checkpoints) as runner:
        for _ in range(2):
            claim = bench.ledger.claim_cycle(runner._ask(bench.request(), bench.ports()))
            context = CycleContext(ports=bench.ports(), request=bench.request(), claim=claim, started=0.0)
            runner._loop.run(runner._run_graph(context))

    assert set(bench.called.values()) == {1}


@pytest.fixture
def on_server(find_stores: FindStores) -> Iterator[str]:
    """Checkpoints on PostgreSQL that nobody prepared."""
    stores = find_stores("postgres")[0]
    url = stores.empty()
    yield url
    stores.remove(url)


@pytest.fixture
def cut(databases: Databases, on_server: str) -> Callable[[], None]:
    return lambda: databases.disconnect_all(on_server.rsplit("/", 1)[1])


def test_tables_that_nobody_prepared_or_upgraded_are_refused_with_the_remedy(on_server: str) -> None:
    with pytest.raises(ConfigurationError, match="tradeops migrate"):
        open_runner(Bench(), on_server).__enter__()
    prepare_checkpoints(on_server)
    with beside(on_server) as connection:
        change(connection, "DELETE FROM checkpoint_migrations WHERE v = (SELECT max(v) FROM checkpoint_migrations)")
    with pytest.raises(ConfigurationError, match="tradeops migrate"):
        open_runner(Bench(), on_server).__enter__()
    prepare_checkpoints(on_server)
    with open_runner(Bench(), on_server):
        pass


def prepare_at_once(url: str, meanwhile: Callable[[], object] = lambda: None) -> list[Exception]:
    """What goes wrong when many prepare the same database at the same moment."""
    failures: list[Exception] = []
    together = threading.Barrier(AT_ONCE)

    def prepare_one() -> None:
        together.wait()
        try:
            prepare_checkpoints(url)
        except ExternalServiceError as error:
            failures.append(error)

    crowd = [threading.Thread(target=prepare_one) for _ in range(AT_ONCE)]
    for one in crowd:
        one.start()
    meanwhile()
    for one in crowd:
        one.join()
    return failures


def test_many_that_prepare_at_once_prepare_it_once(on_server: str) -> None:
    assert prepare_at_once(on_server) == []
    with beside(on_server) as connection:
        versions = query(connection, "SELECT v FROM checkpoint_migrations ORDER BY v")
    assert versions == sorted(set(versions))


def test_mutant_that_takes_no_turn_fails(on_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_checkpoints, "_wait_for_turn", lambda _connection: None)
    with beside(on_server) as gate, beside(on_server) as onlooker:
        change(gate, "CREATE TABLE checkpoint_migrations (v INTEGER PRIMARY KEY)")
        change(gate, "BEGIN")
        change(gate, "LOCK TABLE checkpoint_migrations IN SHARE MODE")  # all may read, and wait before they write

        def open_when_all_wait() -> None:
            wait_for(lambda: query(onlooker, WAITING) == [AT_ONCE])
            change(gate, "COMMIT")

        assert len(prepare_at_once(on_server, open_when_all_wait)) == AT_ONCE - 1


def test_a_connection_cut_between_cycles_is_replaced(on_server: str, cut: Callable[[], None]) -> None:
    prepare_checkpoints(on_server)
    bench = Bench()
    with open_runner(bench, on_server) as runner:
        cut()
        assert runner.run_cycle(bench.request()).status is Outcome.DECIDED


def pool_of(runner: DecisionCycleRunner) -> Any:
    assert runner._graph is not None
    saver: Any = runner._graph.checkpointer
    return saver.conn


@dataclass(frozen=True)
class AgentAtWorst:
    """Something happens the first time it is asked."""

    then: Callable[[], None]
    specification: AgentSpecification = TECHNICAL
    asked: list[MarketView] = field(default_factory=list)

    def judge(self, view: MarketView) -> Opinions:
        if not self.asked:
            self.then()
        self.asked.append(view)
        return SureAgent().judge(view)


def test_a_server_that_goes_away_within_a_cycle_fails_it_and_the_next_attempt_goes_on(
    on_server: str, databases: Databases, cut: Callable[[], None]
) -> None:
    prepare_checkpoints(on_server)
    door = f'ALTER DATABASE "{on_server.rsplit("/", 1)[1]}" ALLOW_CONNECTIONS'

    def go_away() -> None:
        pool.timeout = 1.0  # no sooner, and no longer: a server at work may be slow
        databases.run(f"{door} false")
        cut()

    bench = Bench(roster=(AgentAtWorst(go_away),))
    with open_runner(bench, on_server) as runner:
        pool = pool_of(runner)
        with pytest.raises(ExternalServiceError, match="checkpoints") as failed:
            runner.run_cycle(bench.request())
        assert failed.value.retryable
        databases.run(f"{door} true")
        pool.timeout = HANG_SECONDS
        assert runner.run_cycle(bench.request()).status is Outcome.DECIDED

    assert bench.called["load_view"] == 1


def test_an_address_that_does_not_answer_is_an_external_fault() -> None:
    with pytest.raises(ExternalServiceError, match="checkpoints"):
        prepare_checkpoints("postgresql+psycopg://nobody@127.0.0.1:1/none")
