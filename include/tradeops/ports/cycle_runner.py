"""What runs one decision cycle."""

from dataclasses import dataclass
from datetime import date
from typing import Protocol

from tradeops.domain.decisions import CycleRequest, Outcome
from tradeops.domain.identifiers import AgentId, CycleId


@dataclass(frozen=True, slots=True, kw_only=True)
class CycleOutcome:
    """How a cycle ended.

    Args:
        cycle_id: Its identity.
        session: Its session.
        status: What was decided.
        orders: Orders sent.
        already_decided: True when the record was there before.
        hung_agents: Agents that were late and are at work still: replace this process when its work is done.
    """

    cycle_id: CycleId
    session: date
    status: Outcome
    orders: int
    already_decided: bool
    hung_agents: tuple[AgentId, ...] = ()


class CycleRunner(Protocol):
    """Claims, decides, records, routes and closes; the same for history and present."""

    def run_cycle(self, request: CycleRequest) -> CycleOutcome:
        """Run one cycle to its end; harmless when repeated.

        Raises:
            CycleHeld: A living owner runs it.
            CycleConflict: The recorded decision saw other inputs.
        """
        ...
