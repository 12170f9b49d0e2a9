"""What the figures rest on and nobody observed."""

from collections.abc import Iterator, Sequence

from tradeops.domain.canonical import decimal_text
from tradeops.domain.policy import CostSchedule, TradingPolicy
from tradeops.services.measure_agents import AgentMeasures
from tradeops.services.report.figures import Assumption


def list_assumptions(policy: TradingPolicy, agents: Sequence[AgentMeasures]) -> Iterator[Assumption]:
    """Everything of the policy and of the agents that is assumed, in the order shown."""
    yield from _list_costs(policy.costs)
    yield from _list_execution(policy)
    yield from _list_judgement(policy, agents)


def _list_costs(costs: CostSchedule) -> Iterator[Assumption]:
    if costs.basis != "assumed":
        return
    why = f"cost schedule {costs.version}"
    per_share, least = decimal_text(costs.commission_per_share), decimal_text(costs.commission_minimum)
    yield Assumption(what="commission", value=f"{per_share} USD a share, at least {least} USD an order", because=why)
    yield Assumption(what="half-spread", value=f"{float(costs.half_spread) * 1e4:g} bp of the open", because=why)
    yield Assumption(
        what="market impact",
        value=f"{float(costs.impact) * 1e4:g} bp at {float(costs.impact_participation):.0%} of the 20-day volume",
        because=f"{why}; grows with the square root of the order",
    )
    yield Assumption(what="interest on cash", value=f"{float(costs.cash_interest):.2%} a year", because=why)
    yield Assumption(what="borrow", value=f"{float(costs.borrow):.2%} a year", because=f"{why}; nothing is sold short")


def _list_execution(policy: TradingPolicy) -> Iterator[Assumption]:
    yield Assumption(
        what="fills at the open",
        value=f"up to {float(policy.limits.participation):.0%} of the day's volume",
        because="the paper broker; no order of ours was ever at an exchange",
    )
    yield Assumption(
        what="when a bar is known",
        value=f"{policy.time.vendor_delay_minutes} minutes after the close",
        because="the vendor's delay; decisions follow "
        f"{policy.time.decision_delay_minutes} minutes later and fill at the next open",
    )
    yield Assumption(
        what="splits and dividends",
        value="derived from adjusted closes",
        because="the file holds no list of them; dividends to the cent, on the ex-date",
    )
    yield Assumption(
        what="publication of macro series",
        value="by a fixed lag for each series",
        because="final vintages; no release calendar comes with them",
    )


def _list_judgement(policy: TradingPolicy, agents: Sequence[AgentMeasures]) -> Iterator[Assumption]:
    yield Assumption(
        what="forecast at a score of 1",
        value=f"{policy.blend.information:g} standard deviations over {policy.blend.horizon} sessions",
        because="prior blend; not fitted",
    )
    for agent in agents:
        if agent.confidence is not None:
            yield Assumption(
                what=f"confidence of {agent.agent}",
                value=f"{agent.confidence:.3f} in the median",
                because=f"its own word: the sign is right in {(1 + agent.confidence) / 2:.1%} of the cases",
            )
