"""Who judges is what the policy says."""

from dataclasses import replace

import pytest

from agents.roster import AGENTS, build_roster
from tests.unit.examples import base_policy
from tradeops.domain.errors import ConfigurationError
from tradeops.domain.identifiers import AgentId


def test_roster_holds_the_agents_of_the_policy_in_ascending_order() -> None:
    names = [agent.specification.agent for agent in build_roster(base_policy())]

    assert names == ["macro", "money_flows", "technical", "top_performers"]
    assert base_policy().roster == {"macro": 8.0, "money_flows": 15.0, "technical": 15.0, "top_performers": 5.0}


def test_agent_that_the_policy_leaves_out_is_not_asked() -> None:
    policy = replace(base_policy(), roster={AgentId("macro"): 1.0})

    assert [agent.specification.agent for agent in build_roster(policy)] == ["macro"]


def test_every_agent_is_known_by_the_name_of_its_specification() -> None:
    assert all(name == agent.specification.agent for name, agent in AGENTS.items())


def test_unknown_agent_is_refused_with_the_known_ones() -> None:
    policy = replace(base_policy(), roster={AgentId("technical"): 1.0, AgentId("oracle"): 1.0})

    with pytest.raises(ConfigurationError, match="unknown agents oracle; known: macro, money_flows, technical, top_"):
        build_roster(policy)
