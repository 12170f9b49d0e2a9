"""What a book's decisions and settlements amount to."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from tradeops.domain.decisions import Decision, DecisionRecord, Outcome
from tradeops.domain.identifiers import BookId, CycleId
from tradeops.domain.opinions import Abstention
from tradeops.domain.verdicts import VerdictKind
from tradeops.ports.ledger import DecisionLog
from tradeops.ports.value_store import ValueStore
from tradeops.services.cycle.stored_values import decode_opinions

TIMED = "claim_to_record"


@dataclass(frozen=True, slots=True, kw_only=True)
class NotableDecision:
    """The decision with the largest order, for whoever asks why."""

    cycle_id: CycleId
    session: date
    order: str
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """Counts of one book.

    Args:
        first: First session.
        last: Last session.
        outcomes: Sessions by how they ended.
        median_ms: Of the time from claim to record.
        p95_ms: Of the same.
        orders: Sent.
        clamped: Orders that the gate made smaller or refused.
        clamp_cost: Expected USD that this gave up.
        abstentions: Times that an agent said nothing of a name, by agent and reason.
        opinions: Opinions by agent.
        notable: Largest order; None when there is none.
    """

    first: date | None
    last: date | None
    outcomes: Mapping[Outcome, int]
    median_ms: float
    p95_ms: float
    orders: int
    clamped: int
    clamp_cost: Decimal
    abstentions: Mapping[str, int]
    opinions: Mapping[str, int]
    notable: NotableDecision | None


def summarize_run(ledger: DecisionLog, values: ValueStore, book_id: BookId) -> RunSummary:
    """Read all decisions of a book once."""
    records = list(ledger.list_decisions(book_id))
    decisions = [record.decision for record in records]
    cuts = [v for d in decisions for v in d.verdicts if v.kind is not VerdictKind.APPROVED]
    times = sorted(_list_times(records)) or [0.0]
    spoken, silent = _count_opinions(decisions, values)
    return RunSummary(
        first=decisions[0].session if decisions else None,
        last=decisions[-1].session if decisions else None,
        outcomes=dict(Counter(decision.outcome for decision in decisions)),
        median_ms=1000 * times[len(times) // 2],
        p95_ms=1000 * times[int(len(times) * 0.95)],
        orders=sum(len(decision.orders) for decision in decisions),
        clamped=len(cuts),
        clamp_cost=sum((verdict.clamp_cost for verdict in cuts), Decimal(0)),
        abstentions=silent,
        opinions=spoken,
        notable=_find_notable(decisions, values),
    )


def _list_times(records: Iterable[DecisionRecord]) -> Iterable[float]:
    for record in records:
        if record.decision.inputs is not None:
            yield record.trace.seconds[TIMED]


def _count_opinions(decisions: Iterable[Decision], values: ValueStore) -> tuple[Mapping[str, int], Mapping[str, int]]:
    spoken: Counter[str] = Counter()
    silent: Counter[str] = Counter()
    for decision in decisions:
        for agent, ref in decision.opinions.items():
            for code in decode_opinions(values.get(ref)).abstention:
                reason = Abstention(int(code))
                if reason is Abstention.NONE:
                    spoken[agent] += 1
                else:
                    silent[f"{agent} {reason.name.lower()}"] += 1
    return dict(sorted(spoken.items())), dict(sorted(silent.items()))


def _find_notable(decisions: Iterable[Decision], values: ValueStore) -> NotableDecision | None:
    pairs = [(order, decision) for decision in decisions for order in decision.orders]
    if not pairs:
        return None
    order, decision = max(pairs, key=lambda pair: pair[0].quantity * pair[0].reference_price)
    verb = "bought" if order.side == "buy" else "sold"
    return NotableDecision(
        cycle_id=decision.cycle_id,
        session=decision.session,
        order=f"{verb} {order.quantity} {order.instrument}",
        because=_explain(decision, order.instrument, values),
    )


def _explain(decision: Decision, instrument: str, values: ValueStore) -> str:
    parts = []
    for agent, ref in decision.opinions.items():
        opinions = decode_opinions(values.get(ref))
        at = list(opinions.instruments).index(instrument)  # type: ignore[arg-type]
        if opinions.spoke[at]:
            parts.append(f"{agent} {opinions.score[at]:+.2f}×{opinions.confidence[at]:.2f}")
    targets = [target for target in decision.targets if target.instrument == instrument]
    parts += [f"target {target.quantity} shares ({target.reason})" for target in targets]
    verdicts = [v for v in decision.verdicts if v.instrument == instrument and v.limits]
    parts += [f"{v.kind} from {v.proposed} by {v.limits[0].limit}" for v in verdicts if v.approved != v.proposed]
    return ", ".join(parts) or "nobody spoke"
