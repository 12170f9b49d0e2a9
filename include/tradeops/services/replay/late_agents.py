"""Agents whose answer came too late for a decision are as late in its replay."""

from dataclasses import dataclass

import numpy as np

from agents.roster import Agent
from tradeops.domain.decisions import Decision
from tradeops.domain.identifiers import ValueRef
from tradeops.domain.market import MarketView
from tradeops.domain.opinions import Abstention, AgentSpecification, Opinions, abstain_everywhere
from tradeops.ports.value_store import ValueStore
from tradeops.services.cycle.stored_values import decode_opinions


@dataclass(frozen=True, slots=True)
class LateAgent:
    """Stands for an agent that was not waited for."""

    specification: AgentSpecification

    def judge(self, view: MarketView) -> Opinions:
        """What the record has of it."""
        return abstain_everywhere(self.specification.agent, view.instruments, Abstention.TIMED_OUT)


def silence_late(roster: tuple[Agent, ...], recorded: Decision, values: ValueStore) -> tuple[Agent, ...]:
    """A roster in which those who were late for a recorded decision say nothing."""
    return tuple(
        LateAgent(agent.specification) if _was_late(recorded.opinions.get(agent.specification.agent), values) else agent
        for agent in roster
    )


def _was_late(ref: ValueRef | None, values: ValueStore) -> bool:
    if ref is None:
        return False
    said = decode_opinions(values.get(ref)).abstention
    return bool(len(said) and np.all(said == int(Abstention.TIMED_OUT)))
