"""The one way to build agents."""

from collections.abc import Callable, Mapping
from typing import Protocol

from agents.technical import TechnicalAgent
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


BUILDERS: Mapping[AgentId, Callable[[], Agent]] = {AgentId("technical"): TechnicalAgent}


def build_roster(policy: TradingPolicy) -> tuple[Agent, ...]:
    """The policy's agents, ascending by name.

    Raises:
        ConfigurationError: The policy names an agent that does not exist.
    """
    unknown = sorted(set(policy.roster) - set(BUILDERS))
    if unknown:
        raise ConfigurationError(
            f"policy.toml names unknown agents {', '.join(unknown)}; known: {', '.join(sorted(BUILDERS))}",
            unknown=unknown,
        )
    return tuple(BUILDERS[agent]() for agent in sorted(policy.roster))
