"""Claim, look, run, close: what is done once, what is gone on with, and what is refused."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from graphs.checkpoints import open_saver
from graphs.decision_cycle import run_cycle
from graphs.decision_cycle.nodes import NODES
from graphs.decision_cycle.run_cycle import DecisionCycleRunner
from tests.contract.examples import BOOK, ELSEWHERE
from tests.unit.graphs.cycle_bench import OWNER, Bench, RaisingAgent
from tradeops.domain.claims import InboxKey
from tradeops.domain.decisions import Outcome
from tradeops.domain.errors import ConfigurationError, CycleHeld, ExternalServiceError, NotKnownYet
from tradeops.domain.lifecycle import OrderState
from tradeops.services.cycle import single_thread
from tradeops.services.cycle.state import CycleContext

BEFORE_BLEND = ("load_view", "plan_agents", "consult_agent", "review_opinions")
AFTER_BLEND = tuple(name for name in NODES if name not in (*BEFORE_BLEND, "blend_opinions"))


def open_runner(bench: Bench, checkpoints: Path | None = None, **named: Any) -> DecisionCycleRunner:
    failures = named.pop("failures", {})
    ports = named.pop("ports", bench.ports())
    url = None if checkpoints is None else f"sqlite:///{checkpoints}"
    nodes = bench.counted_nodes(**failures)
    return DecisionCycleRunner(ports, owner=OWNER, checkpoints=url, nodes=nodes, **named)


def test_cycle_runs_every_node_once_sends_its_orders_and_is_closed(bench: Bench) -> None:
    with open_runner(bench) as runner:
        outcome = runner.run_cycle(bench.request())

    assert (outcome.status, outcome.already_decided) == (Outcome.DECIDED, False)
    assert bench.called == dict.fromkeys(NODES, 1)
    assert outcome.orders == len(bench.broker.orders) > 0
    assert bench.ledger.last_closed_session(BOOK) == bench.view.session
    states = [changes[-1].state for changes in bench.ledger.order_states(BOOK).values()]
    assert states == [OrderState.SUBMITTED] * outcome.orders


def test_closed_cycle_is_not_run_again_and_gives_its_record(bench: Bench) -> None:
    with open_runner(bench) as runner:
        first = runner.run_cycle(bench.request())
        rows, heads = bench.ledger.count_rows(), bench.ledger.chain_heads()
        again = runner.run_cycle(bench.request())

    assert (again.cycle_id, again.orders, again.already_decided) == (first.cycle_id, first.orders, True)
    assert bench.called == dict.fromkeys(NODES, 1)
    assert (bench.ledger.count_rows(), bench.ledger.chain_heads()) == (rows, heads)


def test_decided_cycle_that_was_not_closed_only_sends_what_is_pending_and_closes(bench: Bench) -> None:
    failures = {"route_orders": [RuntimeError("died")]}
    with open_runner(bench, failures=failures) as runner:
        with pytest.raises(RuntimeError):
            runner.run_cycle(bench.request())
        assert not bench.broker.orders
        outcome = runner.run_cycle(bench.request())

    assert bench.called == dict.fromkeys(NODES, 1)
    assert outcome.already_decided
    assert len(bench.broker.orders) == outcome.orders > 0
    assert bench.ledger.last_closed_session(BOOK) == bench.view.session


def test_session_without_a_next_one_is_closed_undecided(bench: Bench) -> None:
    with open_runner(bench) as runner:
        outcome = runner.run_cycle(bench.request(next_session=None))

    assert (outcome.status, outcome.orders) == (Outcome.FINAL_SESSION, 0)
    assert not bench.called
    assert bench.ledger.last_closed_session(BOOK) == bench.view.session


def test_superseded_session_is_closed_as_skipped_without_inputs_or_orders(bench: Bench) -> None:
    request = replace(bench.request(), superseded=True)
    with open_runner(bench) as runner:
        outcome = runner.run_cycle(request)
        again = runner.run_cycle(replace(request, superseded=False))

    assert (outcome.status, outcome.orders) == (Outcome.SKIPPED, 0)
    assert (again.status, again.already_decided, again.cycle_id) == (Outcome.SKIPPED, True, outcome.cycle_id)
    assert not bench.called
    assert bench.ledger.get_decision(outcome.cycle_id).decision.inputs is None


def test_event_that_asked_is_recorded_with_the_decision(bench: Bench) -> None:
    event = InboxKey(consumer=BOOK.stream, topic="market.features", event_id="e")
    with open_runner(bench) as runner:
        outcome = runner.run_cycle(replace(bench.request(), asked_by=event))

    assert bench.ledger.find_effect(event) == outcome.cycle_id


def test_nobody_speaks_and_the_book_is_held_without_slate_or_orders() -> None:
    bench = Bench(roster=(RaisingAgent(NotKnownYet("tomorrow")),))
    with open_runner(bench) as runner:
        outcome = runner.run_cycle(bench.request())

    assert (outcome.status, outcome.orders) == (Outcome.NO_OPINION, 0)
    assert bench.called["select_slate"] == bench.called["check_risk"] == 0
    assert bench.called["record_decision"] == bench.called["route_orders"] == 1


@pytest.mark.parametrize(("durability", "judged"), [("exit", 2), ("sync", 1)])
def test_cycle_that_failed_goes_on_where_its_durability_says(
    durability: Any, judged: int, bench: Bench, tmp_path: Path
) -> None:
    """`sync` takes up the unfinished node; `exit` starts again, for its values were in memory."""
    failures = {"blend_opinions": [RuntimeError("died")]}
    broken = open_runner(bench, tmp_path / "c.db", durability=durability, failures=failures)
    with broken as runner, pytest.raises(RuntimeError):
        runner.run_cycle(bench.request())
    with open_runner(bench, tmp_path / "c.db", durability=durability) as runner:
        outcome = runner.run_cycle(bench.request())

    assert outcome.status is Outcome.DECIDED
    assert {bench.called[name] for name in BEFORE_BLEND} == {judged}
    assert bench.called["blend_opinions"] == 2
    assert {bench.called[name] for name in AFTER_BLEND} == {1}


def test_without_checkpoints_a_cycle_that_failed_is_redone_from_its_beginning(bench: Bench) -> None:
    with open_runner(bench, failures={"blend_opinions": [RuntimeError("died")]}) as runner:
        with pytest.raises(RuntimeError):
            runner.run_cycle(bench.request())
        assert runner.run_cycle(bench.request()).status is Outcome.DECIDED

    assert {bench.called[name] for name in BEFORE_BLEND} == {2}


def test_finished_thread_is_not_run_again(bench: Bench, tmp_path: Path) -> None:
    with open_runner(bench, tmp_path / "c.db", durability="sync") as runner:
        for _ in range(2):
            claim = bench.ledger.claim_cycle(runner._ask(bench.request(), bench.ports()))
            context = CycleContext(ports=bench.ports(), request=bench.request(), claim=claim, started=0.0)
            runner._loop.run(runner._run_graph(context))

    assert bench.called == dict.fromkeys(NODES, 1)


def test_cycle_of_a_living_owner_is_left_alone(bench: Bench) -> None:
    with open_runner(bench) as runner:
        asked = runner._ask(bench.request(), bench.ports())
        bench.ledger.claim_cycle(type(asked)(**{n: getattr(asked, n) for n in asked.__slots__} | {"owner": ELSEWHERE}))
        with pytest.raises(CycleHeld):
            runner.run_cycle(bench.request())

    assert not bench.called


def test_claim_is_renewed_while_the_graph_runs_and_no_longer(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    renewed: list[int] = []
    monkeypatch.setattr(run_cycle, "RENEW_SECONDS", 0.0)
    monkeypatch.setattr(bench.ledger, "renew_claim", lambda claim: renewed.append(claim.epoch))
    with open_runner(bench) as runner:
        runner.run_cycle(bench.request())
        count = len(renewed)
        runner._loop.run(asyncio.sleep(0.01))

    assert count > 3
    assert len(renewed) == count


def test_renewal_every_five_seconds_leaves_two_spare_within_the_life_of_a_claim(bench: Bench) -> None:
    with open_runner(bench) as runner:
        asked = runner._ask(bench.request(), bench.ports())

    assert asked.ttl_seconds >= 3 * run_cycle.RENEW_SECONDS


def test_broker_that_does_not_answer_leaves_the_order_unknown_and_the_cycle_closed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(*_: object) -> None:
        raise ExternalServiceError("no answer")

    monkeypatch.setattr(bench.broker, "submit", silent)
    with open_runner(bench) as runner:
        outcome = runner.run_cycle(bench.request())

    states = [changes[-1].state for changes in bench.ledger.order_states(BOOK).values()]
    assert states == [OrderState.UNKNOWN] * outcome.orders
    assert bench.called["route_orders"] == 1


def test_several_numeric_threads_are_refused(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    pools = [{"prefix": "libopenblas", "num_threads": 2}, {"prefix": "libgomp", "num_threads": 1}]
    monkeypatch.setattr(single_thread, "threadpool_info", lambda: pools)

    with pytest.raises(ConfigurationError, match=r"libopenblas may use several threads.*OPENBLAS_NUM_THREADS=1"):
        open_runner(bench).__enter__()


def test_unknown_durability_is_refused(bench: Bench) -> None:
    with pytest.raises(ConfigurationError, match="neither exit nor sync"):
        open_runner(bench, durability="async")


def test_runner_that_was_not_opened_is_refused(bench: Bench) -> None:
    runner = open_runner(bench)
    with runner:
        pass
    runner = open_runner(bench)
    runner._loop.__enter__()
    try:
        with pytest.raises(ConfigurationError, match="open the runner"):
            runner.run_cycle(bench.request())
    finally:
        runner._loop.__exit__(None, None, None)


def test_checkpoints_of_an_unknown_scheme_are_refused() -> None:
    async def open_it() -> None:
        async with open_saver("postgres://nowhere"):
            pass

    with pytest.raises(ConfigurationError, match="must begin with sqlite:/// or postgresql"):
        asyncio.run(open_it())
