"""The one way to build agents."""

from collections.abc import Mapping
from typing import Protocol

from agents.agent import FeatureAgent
from agents.macro import MACRO
from agents.money_flows import MONEY_FLOWS
from agents.technical import TECHNICAL
from agents.top_performers import TOP_PERFORMERS
from tradeops.domain.errors import ConfigurationError
from tradeops.domain.identifiers import AgentId
from tradeops.domain.market import MarketView
from tradeops.domain.opinions import AgentSpecification, Opinions
from tradeops.domain.policy import TradingPolicy


class Agent(Protocol):
    """A judgement over a view: pure, shareable between threads."""

    @property
    def specification(self) -> AgentSpecification:
        """What is fixed about it."""
        ...

    def judge(self, view: MarketView) -> Opinions:
        """Judge every instrument of the view.

        Raises:
            NotKnownYet: It asked for what nobody can know; the caller makes that an abstention.
        """
        ...


AGENTS: Mapping[AgentId, FeatureAgent] = {
    agent.specification.agent: agent for agent in (MACRO, MONEY_FLOWS, TECHNICAL, TOP_PERFORMERS)
}


def build_roster(policy: TradingPolicy) -> tuple[FeatureAgent, ...]:
    """The policy's agents, ascending by name.

    Raises:
        ConfigurationError: The policy names an agent that does not exist.
    """
    unknown = sorted(set(policy.roster) - set(AGENTS))
    if unknown:
        raise ConfigurationError(
            f"policy.toml names unknown agents {', '.join(unknown)}; known: {', '.join(sorted(AGENTS))}",
            unknown=unknown,
        )
    return tuple(AGENTS[agent] for agent in sorted(policy.roster))
