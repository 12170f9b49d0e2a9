"""A decision cycle on fakes: three names, one agent, everything in memory."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import numpy as np

from agents.roster import Agent
from graphs.decision_cycle.nodes import NODES, Node
from tests.contract.examples import BOOK, BUNDLE, HERE
from tests.fakes.broker import InMemoryBroker
from tests.fakes.ledger import InMemoryLedger
from tests.fakes.value_store import InMemoryValueStore
from tests.unit.examples import base_policy, build_state, build_view, random_closes
from tradeops.coordination.blend import PriorBlend
from tradeops.domain.claims import Claim
from tradeops.domain.decisions import CycleRequest
from tradeops.domain.identifiers import AgentId, LearnerStateId
from tradeops.domain.learners import RESIDUAL_QUANTILES, LearnerState
from tradeops.domain.market import MarketView
from tradeops.domain.opinions import AgentSpecification, Opinions, OpinionTarget
from tradeops.learning.residual_quantiles import start_residual_quantiles
from tradeops.ports.broker import SessionExecutions
from tradeops.ports.input_reader import ReadInputs
from tradeops.services.cycle.state import CyclePorts

TECHNICAL = AgentSpecification(
    agent=AgentId("technical"), version=1, target=OpinionTarget.RETURN, horizon=5, features=()
)


@dataclass(frozen=True)
class SureAgent:
    """Wants everything."""

    specification: AgentSpecification = TECHNICAL

    def judge(self, view: MarketView) -> Opinions:
        count = len(view.instruments)
        return Opinions(
            agent=self.specification.agent,
            instruments=view.instruments,
            score=np.linspace(0.5, 1.0, count),
            confidence=np.ones(count),
            abstention=np.zeros(count, dtype=np.int8),
        )


@dataclass(frozen=True)
class RaisingAgent:
    error: Exception
    specification: AgentSpecification = TECHNICAL

    def judge(self, view: MarketView) -> Opinions:
        raise self.error


@dataclass
class FixedInputs:
    view: MarketView
    learner: LearnerState = field(default_factory=start_residual_quantiles)

    def read(self, request: CycleRequest, claim: Claim) -> ReadInputs:
        return ReadInputs(
            view=replace(self.view, watermark=claim.watermark),
            state=build_state(self.view),
            learner_states={RESIDUAL_QUANTILES: self.learner.state_id},
        )

    def learner_state(self, state_id: LearnerStateId) -> LearnerState:
        assert state_id == self.learner.state_id
        return self.learner


class StoppedClock:
    def monotonic(self) -> float:
        return 0.0


def no_executions(*_: object) -> SessionExecutions:
    return SessionExecutions(fills=(), changes=())


@dataclass
class Bench:
    """Ports of a cycle, and what its nodes were called."""

    ledger: InMemoryLedger = field(default_factory=InMemoryLedger)
    broker: InMemoryBroker = field(default_factory=lambda: InMemoryBroker(no_executions, lambda order: None))
    values: InMemoryValueStore = field(default_factory=InMemoryValueStore)
    roster: tuple[Agent, ...] = (SureAgent(),)
    view: MarketView = field(default_factory=lambda: build_view(random_closes(7, 130, 3)))
    called: Counter[str] = field(default_factory=Counter)

    def ports(self, **others: Any) -> CyclePorts:
        given = {
            "ledger": self.ledger,
            "values": self.values,
            "broker": self.broker,
            "inputs": FixedInputs(self.view),
            "clock": StoppedClock(),
            "roster": self.roster,
            "policy": base_policy(),
            "model": PriorBlend(),
            "bundle": BUNDLE,
            "owner": "somebody",
            "fingerprint": {},
        }
        return CyclePorts(**{**given, **others})

    def request(self, next_session: date | None = date(2002, 1, 2)) -> CycleRequest:
        return CycleRequest(book_id=BOOK, session=self.view.session, as_of=self.view.as_of, next_session=next_session)

    def counted_nodes(self, **failures: list[Exception]) -> Mapping[str, Node]:
        """The real nodes; each counts its calls and raises what is left of its failures first."""
        return {name: self._count(name, node, failures.get(name, [])) for name, node in NODES.items()}

    def _count(self, name: str, node: Node, failures: list[Exception]) -> Node:
        async def counted(state: Any, runtime: Any) -> Any:
            self.called[name] += 1
            if failures:
                raise failures.pop(0)
            return await node(state, runtime)

        return counted


OWNER = HERE
