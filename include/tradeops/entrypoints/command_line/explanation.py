"""Why a decision was made, in lines that a person can follow."""

from collections.abc import Iterator

from tradeops.bootstrap.runtime import Runtime
from tradeops.domain.decisions import Decision, DecisionRecord
from tradeops.domain.opinions import Abstention
from tradeops.domain.verdicts import RiskVerdict, VerdictKind
from tradeops.services.cycle.stored_values import decode_forecasts, decode_opinions


def explain_decision(record: DecisionRecord, runtime: Runtime) -> Iterator[str]:
    """What the cycle saw, who said what, what was chosen, sized, limited, sent and done."""
    decision = record.decision
    yield f"cycle      {decision.cycle_id}"
    yield f"book       {decision.book_id}, session {decision.session}, decided as of {decision.as_of.isoformat()}"
    yield f"outcome    {decision.outcome}"
    if decision.inputs is None:
        return
    yield from _explain_inputs(decision)
    yield from _explain_opinions(decision, runtime)
    yield from _explain_forecasts(decision, runtime)
    yield from _explain_slate(decision)
    for found in decision.opportunities:
        edge = f"mean {found.mean:+.3%} less cost {found.cost:.3%} leaves {found.net_edge:+.3%}"
        yield f"edge       {found.instrument}: {edge}"
    for target in decision.targets:
        yield f"target     {target.instrument} {target.quantity} shares ({target.weight:.2%}), {target.reason}"
    for verdict in decision.verdicts:
        yield _explain_verdict(verdict)
    yield from _explain_orders(decision, runtime)
    yield f"recorded   digest {decision.digest[:16]}, epoch {record.trace.epoch}, by {record.trace.owner}"


def _explain_inputs(decision: Decision) -> Iterator[str]:
    if decision.inputs is None:
        return
    state, bundle = decision.inputs.state, decision.inputs.bundle
    held = ", ".join(f"{position.quantity} {name}" for name, position in state.book.positions.items())
    yield f"bundle     {bundle.bundle_id[:16]} ({bundle.model}, policy {bundle.policy[:8]}, code {bundle.code[:8]})"
    money = f"{state.equity:,.2f} USD (peak {state.peak_equity:,.2f}), cash {state.book.cash:,.2f}"
    yield f"book was   {money}, {held or 'flat'}"
    yield f"kill       {state.kill_switch}"


def _explain_opinions(decision: Decision, runtime: Runtime) -> Iterator[str]:
    for agent, ref in decision.opinions.items():
        opinions = decode_opinions(runtime.values.get(ref))
        for at, name in enumerate(opinions.instruments):
            reason = Abstention(int(opinions.abstention[at]))
            if reason is Abstention.NONE:
                score, confidence = opinions.score[at], opinions.confidence[at]
                yield f"opinion    {agent} on {name}: score {score:+.3f}, confidence {confidence:.3f}"
            else:
                yield f"opinion    {agent} on {name}: abstains, {reason.name.lower()}"


def _explain_forecasts(decision: Decision, runtime: Runtime) -> Iterator[str]:
    if decision.forecasts is None:
        return
    found = decode_forecasts(runtime.values.get(decision.forecasts))
    for at, name in enumerate(found.instruments):
        mean, sigma, up = found.mean[at], found.sigma[at], found.probability_up[at]
        yield f"forecast   {name}: mean {mean:+.3%} ± {sigma:.3%} in 5 sessions, P(up) {up:.3f}"


def _explain_slate(decision: Decision) -> Iterator[str]:
    if decision.slate is None:
        return
    for draw in decision.slate.draws:
        yield f"slate      {draw.chosen} drawn with probability {draw.propensity:.4f} of {len(draw.candidates)}"


def _explain_verdict(verdict: RiskVerdict) -> str:
    line = f"gate       {verdict.side} {verdict.proposed} {verdict.instrument}: {verdict.kind}"
    if verdict.kind is VerdictKind.APPROVED:
        return line
    why = "; ".join(
        f"{use.limit} allows {use.allowed:.4f}, was {use.before:.4f}, is {use.after:.4f}" for use in verdict.limits
    )
    return f"{line} to {verdict.approved} ({why}), cost {verdict.clamp_cost:.2f} USD"


def _explain_orders(decision: Decision, runtime: Runtime) -> Iterator[str]:
    states = runtime.ledger.order_states(decision.book_id) if decision.orders else {}
    for order in decision.orders:
        changes = states.get(order.client_order_id, ())
        history = " → ".join(f"{change.state}" for change in changes)
        reason = f" ({changes[-1].reason})" if changes else ""
        wish = f"{order.side} {order.quantity} {order.instrument} on {order.valid_on}"
        yield f"order      {wish}: {history}{reason}"
