"""What flows through a decision cycle, and what its steps may touch."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Protocol, TypedDict

from agents.roster import Agent
from tradeops.coordination.blend import BlendModel
from tradeops.domain.bundles import Bundle
from tradeops.domain.claims import Claim
from tradeops.domain.decisions import CycleRequest
from tradeops.domain.identifiers import AgentId, ValueRef
from tradeops.domain.market import MarketView
from tradeops.domain.opinions import Opinions
from tradeops.domain.policy import TradingPolicy
from tradeops.ports.broker import Broker
from tradeops.ports.clock import Clock
from tradeops.ports.input_reader import InputReader
from tradeops.ports.ledger import CycleLedger
from tradeops.ports.notifier import Notification
from tradeops.ports.value_store import ValueStore


def merge_opinions(before: dict[AgentId, ValueRef], after: dict[AgentId, ValueRef]) -> dict[AgentId, ValueRef]:
    """Reducer of the fan-out: agents in ascending order, whoever answered first."""
    merged = {**before, **after}
    return {agent: merged[agent] for agent in sorted(merged)}


def name_the_later(before: str, after: str) -> str:
    """Reducer of failures: several agents may fail in one step."""
    return after


class CycleProgress(TypedDict, total=False):
    """State of the graph: references and canonical text, nothing large.

    Stored values are named by hash; domain values are their canonical JSON text. `failed` is the node that
    failed for good, until a later attempt goes on there.
    """

    inputs: str
    plan: list[AgentId]
    opinions: Annotated[dict[AgentId, ValueRef], merge_opinions]
    forecasts: ValueRef | None
    slate: ValueRef | None
    opportunities: str
    targets: str
    intents: str
    verdicts: str
    orders: str
    failed: Annotated[str, name_the_later]


class Consultation(TypedDict):
    """What one `consult_agent` is sent."""

    agent: AgentId
    view: ValueRef


def _nobody_is_told(notification: Notification) -> None:
    """A replay concerns nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CyclePorts:
    """Everything a cycle may call; the same type for replay, shadow, canary and live."""

    ledger: CycleLedger
    values: ValueStore
    broker: Broker
    inputs: InputReader
    clock: Clock
    roster: tuple[Agent, ...]
    policy: TradingPolicy
    model: BlendModel
    bundle: Bundle
    owner: str
    fingerprint: Mapping[str, str]
    tell: Callable[[Notification], object] = _nobody_is_told


class AskInTime(Protocol):
    """Asks agents that may take so long and no longer."""

    async def ask(self, agent: AgentId, judge: Callable[[], Opinions]) -> Opinions | None:
        """What the agent says; None when it is late."""
        ...


def _nothing_waits() -> None:
    """Every value was stored when it was put."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFailure:
    """A node that failed for good.

    Args:
        node: Its name.
        error: Its last error.
        attempts: How often it was tried.
    """

    node: str
    error: BaseException
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CycleContext:
    """One run of one cycle.

    Args:
        ports: What it may call.
        request: What is asked for.
        claim: The right to write; fresh at every run, so never part of a checkpoint.
        started: Monotonic seconds at the claim.
        views: Views that this run has decoded already, by reference.
        judges: Who asks the agents within a time limit; None asks them without one, as a replay does.
        attempts: Failures of this run by node.
        failures: Nodes that failed for good in this run.
        make_durable: Called before the record is written: whatever it names is stored by then.
    """

    ports: CyclePorts
    request: CycleRequest
    claim: Claim
    started: float
    views: dict[ValueRef, MarketView] = field(default_factory=dict)
    judges: AskInTime | None = None
    attempts: dict[str, int] = field(default_factory=dict)
    failures: list[NodeFailure] = field(default_factory=list)
    make_durable: Callable[[], None] = _nothing_waits
