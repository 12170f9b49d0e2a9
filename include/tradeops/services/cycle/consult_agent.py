"""One agent's judgement of the whole universe."""

from agents.roster import Agent
from tradeops.domain.errors import AgentError, NotKnownYet
from tradeops.domain.market import MarketView
from tradeops.domain.opinions import Abstention, Opinions, abstain_everywhere
from tradeops.services.cycle.found import read_view
from tradeops.services.cycle.state import Consultation, CycleContext, CycleProgress
from tradeops.services.cycle.stored_values import encode_opinions

JUDGEMENT_ERRORS = (AgentError, ArithmeticError, LookupError, TypeError, ValueError)


def consult_agent(message: Consultation, context: CycleContext) -> CycleProgress:
    """Ask one agent and store what it says; its failure is an abstention, never an opinion."""
    agent, view = find_question(message, context)
    return store_opinions(judge(agent, view), context)


def find_question(message: Consultation, context: CycleContext) -> tuple[Agent, MarketView]:
    """Who is asked, and about what."""
    (agent,) = (a for a in context.ports.roster if a.specification.agent == message["agent"])
    return agent, read_view(message["view"], context)


def store_opinions(opinions: Opinions, context: CycleContext) -> CycleProgress:
    """Keep what an agent said."""
    return {"opinions": {opinions.agent: context.ports.values.put(encode_opinions(opinions))}}


def abstain_late(agent: Agent, view: MarketView) -> Opinions:
    """What stands for an answer that did not come in time."""
    return abstain_everywhere(agent.specification.agent, view.instruments, Abstention.TIMED_OUT)


def judge(agent: Agent, view: MarketView) -> Opinions:
    """The agent's opinions, or an abstention about everything with the reason."""
    try:
        opinions = agent.judge(view)
    except NotKnownYet:
        reason = Abstention.NOT_KNOWN_YET
    except JUDGEMENT_ERRORS:
        reason = Abstention.AGENT_FAILED
    else:
        if opinions.instruments == view.instruments:
            return opinions
        reason = Abstention.AGENT_FAILED
    return abstain_everywhere(agent.specification.agent, view.instruments, reason)
