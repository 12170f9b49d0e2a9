"""From names judged to orders filled: how many were left after each step, and why the others were not."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tradeops.domain.decisions import Decision
from tradeops.domain.identifiers import ClientOrderId
from tradeops.domain.lifecycle import OrderState
from tradeops.domain.opinions import Opinions
from tradeops.domain.orders import Fill, OrderChange
from tradeops.domain.verdicts import VerdictKind
from tradeops.ports.value_store import ValueStore
from tradeops.services.cycle.stored_values import decode_forecasts, decode_opinions

# Words by which the broker says why an order did not fill whole, and what we call it.
UNFILLED = {
    "cancelled with its package": "cancelled with its package",
    "cash buffer": "cash buffer",
    "participation": "participation limit",
    "no more shares held": "no more shares held",
    "did not trade": "did not trade",
    "had no volume": "no volume",
    "rejected": "rejected",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FunnelStep:
    """One step.

    Args:
        name: What was counted, in words.
        count: How many are left.
        lost: Those of the step before that are not, by reason.
        joined: Those that came in here and were not in the step before, by reason.
        reduced: Those that are left in part only, by reason.
    """

    name: str
    count: int
    lost: Mapping[str, int] = field(default_factory=dict)
    joined: Mapping[str, int] = field(default_factory=dict)
    reduced: Mapping[str, int] = field(default_factory=dict)


def count_funnel(
    decisions: Iterable[Decision],
    values: ValueStore,
    fills: Iterable[Fill],
    order_states: Mapping[ClientOrderId, Sequence[OrderChange]],
) -> tuple[FunnelStep, ...]:
    """Count a book's names a session, then its orders.

    Args:
        decisions: Of one book.
        values: Where opinions and forecasts are stored.
        fills: Of the same book.
        order_states: All states of all its orders.
    """
    counts: Counter[str] = Counter()
    lost: dict[str, Counter[str]] = {step: Counter() for step in ("forecast", "chosen", "proposed", "approved")}
    joined, reduced = Counter[str](), Counter[str]()
    sent: list[ClientOrderId] = []
    for decision in decisions:
        if decision.inputs is None:
            continue
        _count_choice(decision, values, counts, lost)
        _count_proposals(decision, counts, lost["proposed"], joined)
        _count_verdicts(decision, counts, lost["approved"], reduced)
        sent += [order.client_order_id for order in decision.orders]
    filled = {fill.client_order_id for fill in fills}
    unfilled, partly = _explain_fills(sent, filled, order_states)
    return (
        FunnelStep(name="names judged", count=counts["judged"]),
        FunnelStep(name="with a forecast", count=counts["forecast"], lost=_sort(lost["forecast"])),
        FunnelStep(name="drawn into the slate", count=counts["chosen"], lost=_sort(lost["chosen"])),
        FunnelStep(
            name="orders proposed", count=counts["proposed"], lost=_sort(lost["proposed"]), joined=_sort(joined)
        ),
        FunnelStep(name="orders sent", count=counts["approved"], lost=_sort(lost["approved"]), reduced=_sort(reduced)),
        FunnelStep(name="orders filled", count=sum(order in filled for order in sent), lost=unfilled, reduced=partly),
    )


def _count_choice(
    decision: Decision, values: ValueStore, counts: Counter[str], lost: Mapping[str, Counter[str]]
) -> None:
    judged: list[Opinions] = [decode_opinions(values.get(ref)) for ref in decision.opinions.values()]
    names = {name for each in judged for name in each.instruments}
    forecast = decode_forecasts(values.get(decision.forecasts)).instruments if decision.forecasts else ()
    chosen = decision.slate.chosen if decision.slate else ()
    candidates = decision.slate.candidates if decision.slate else ()
    counts.update(judged=len(names), forecast=len(forecast), chosen=len(chosen))
    lost["forecast"].update({"nobody spoke of it": len(names) - len(forecast)})
    lost["chosen"].update(
        {"no finite edge": len(forecast) - len(candidates), "not drawn": len(candidates) - len(chosen)}
    )


def _count_proposals(decision: Decision, counts: Counter[str], lost: Counter[str], joined: Counter[str]) -> None:
    proposed = {intent.instrument for intent in decision.intents}
    chosen = set(decision.slate.chosen) if decision.slate else set()
    reasons = {target.instrument: target.reason for target in decision.targets}
    counts["proposed"] += len(proposed)
    for name in chosen - proposed:
        reason = reasons.get(name, "no target")
        lost[{"sized": "already at its size", "no_edge": "no edge after costs"}.get(reason, _say(reason))] += 1
    for name in proposed - chosen:
        joined[f"held, {_say(reasons.get(name, 'no target'))}"] += 1


def _count_verdicts(decision: Decision, counts: Counter[str], lost: Counter[str], reduced: Counter[str]) -> None:
    counts["approved"] += len(decision.orders)
    for verdict in decision.verdicts:
        why = _say(verdict.limits[0].limit) if verdict.limits else "no limit named"
        if verdict.kind is VerdictKind.VETOED:
            lost[why] += 1
        elif verdict.kind is VerdictKind.CLAMPED:
            reduced[why] += 1


def _explain_fills(
    sent: Sequence[ClientOrderId],
    filled: set[ClientOrderId],
    order_states: Mapping[ClientOrderId, Sequence[OrderChange]],
) -> tuple[Mapping[str, int], Mapping[str, int]]:
    unfilled, partly = Counter[str](), Counter[str]()
    for order in sent:
        last = order_states[order][-1] if order_states.get(order) else None
        if order not in filled:
            unfilled["waits for its session" if _waits(last) else _classify(last)] += 1
        elif last is not None and last.state is OrderState.EXPIRED:
            partly[_classify(last)] += 1
    return _sort(unfilled), _sort(partly)


def _waits(last: OrderChange | None) -> bool:
    return last is None or last.state in (OrderState.NEW, OrderState.SUBMITTED, OrderState.UNKNOWN)


def _classify(last: OrderChange | None) -> str:
    told = f"{last.state} {last.reason}" if last else ""
    return next((name for words, name in UNFILLED.items() if words in told), "expired at the close")


def _sort(counts: Mapping[str, int]) -> Mapping[str, int]:
    return {reason: count for reason, count in _descending(counts) if count}


def _descending(counts: Mapping[str, int]) -> Iterator[tuple[str, int]]:
    yield from sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _say(reason: str) -> str:
    return reason.replace("_", " ").replace(":", " ")
