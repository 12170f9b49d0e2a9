"""Whose opinion earned what: the book's profit, name by name, shared out among the agents that spoke.

The profit of a name in a session belongs to the newest earlier decision that had the name in its
slate and in which somebody spoke of it: that decision sized what is held. It is shared out by
`|w·c·score|`, each agent's part of the blended score there. What no opinion stands behind (interest, and
what rounding to a millionth of a dollar leaves) is `unattributed`, so that everything sums to the
book's profit exactly.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal

from tradeops.domain.books import ZERO
from tradeops.domain.decisions import Decision
from tradeops.domain.identifiers import AgentId, InstrumentId
from tradeops.domain.policy import TradingPolicy
from tradeops.domain.settlements import Settlement
from tradeops.ports.value_store import ValueStore
from tradeops.services.cycle.stored_values import decode_opinions

STEP = Decimal("0.000001")
Shares = Mapping[AgentId, Decimal]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribution:
    """A book's profit, USD; `total` is the sum of the others, exactly.

    Args:
        by_agent: Profit attributed to each agent.
        unattributed: What no opinion stands behind.
        by_name: The same profit by name.
        total: The change of equity since the account opened.
        history: Each agent's profit, session by session.
    """

    by_agent: Mapping[AgentId, Decimal]
    unattributed: Decimal
    by_name: Mapping[InstrumentId, Decimal]
    total: Decimal
    history: Mapping[AgentId, tuple[Decimal, ...]]


def attribute_profit(
    settlements: Sequence[Settlement],
    decisions: Sequence[Decision],
    values: ValueStore,
    find_policy: Callable[[Decision], TradingPolicy],
) -> Attribution:
    """Share out a book's profit.

    Args:
        settlements: Of one book, oldest first, from its opening on.
        decisions: Of the same book, oldest first.
        values: Where opinions are stored.
        find_policy: The policy that a decision was made under.
    """
    shares = _ShareBook(decisions, values, find_policy)
    rows: list[dict[AgentId, Decimal]] = []
    by_name: dict[InstrumentId, Decimal] = defaultdict(Decimal)
    previous: Settlement | None = None
    for settlement in settlements:
        shares.advance_to(settlement)
        row: dict[AgentId, Decimal] = defaultdict(Decimal)
        for name, profit in split_profit(settlement, previous).items():
            by_name[name] += profit
            for agent, share in shares.of(name).items():
                row[agent] += (profit * share).quantize(STEP, rounding=ROUND_DOWN)
        rows.append(row)
        previous = settlement
    agents = sorted({agent for decision in decisions for agent in decision.opinions})
    history = {agent: tuple(row.get(agent, ZERO) for row in rows) for agent in agents}
    by_agent = {agent: sum(profits, ZERO) for agent, profits in history.items()}
    total = sum((settlement.profit.total for settlement in settlements), ZERO)
    return Attribution(
        by_agent=by_agent,
        unattributed=total - sum(by_agent.values(), ZERO),
        by_name=dict(sorted(by_name.items())),
        total=total,
        history=history,
    )


def split_profit(settlement: Settlement, previous: Settlement | None) -> dict[InstrumentId, Decimal]:
    """A session's profit by name, fees and dividends included, USD; interest and borrow are left.

    `value now − value at the previous close + cash from fills + dividends + fractions`.
    """
    profit: dict[InstrumentId, Decimal] = defaultdict(Decimal)
    for name, position in settlement.closing.positions.items():
        profit[name] += position.quantity * settlement.marks[name]
    if previous is not None:
        for name, position in previous.closing.positions.items():
            profit[name] -= position.quantity * previous.marks[name]
    for fill in settlement.fills:
        profit[fill.instrument] += fill.cash
    for effect in settlement.corporate:
        profit[effect.instrument] += effect.dividend + effect.fraction
    return profit


def share_score(decision: Decision, values: ValueStore, policy: TradingPolicy) -> dict[InstrumentId, Shares]:
    """Each agent's share of `Σ|w·c·score|`, for every name that somebody spoke of."""
    parts: dict[InstrumentId, dict[AgentId, Decimal]] = defaultdict(dict)
    for agent, ref in decision.opinions.items():
        opinions = decode_opinions(values.get(ref))
        weighted = abs(policy.roster.get(agent, 0.0) * opinions.confidence * opinions.score)
        for at, name in enumerate(opinions.instruments):
            if opinions.spoke[at] and weighted[at] > 0:
                parts[name][agent] = Decimal(repr(float(weighted[at])))
    return {name: dict(_normalise(given)) for name, given in parts.items()}


def _normalise(parts: Mapping[AgentId, Decimal]) -> Iterator[tuple[AgentId, Decimal]]:
    whole = sum(parts.values(), ZERO)
    for agent, part in parts.items():
        yield agent, part / whole


class _ShareBook:
    """Shares in force for each name, moved on from decision to decision."""

    def __init__(
        self, decisions: Sequence[Decision], values: ValueStore, find_policy: Callable[[Decision], TradingPolicy]
    ) -> None:
        self._left, self._values, self._find_policy = list(reversed(decisions)), values, find_policy
        self._shares: dict[InstrumentId, Shares] = {}

    def advance_to(self, settlement: Settlement) -> None:
        """Take in every decision before the session: those that its holdings come from."""
        while self._left and self._left[-1].session < settlement.session:
            decision = self._left.pop()
            if decision.slate is not None:
                found = share_score(decision, self._values, self._find_policy(decision))
                chosen = decision.slate.chosen
                self._shares.update({name: found[name] for name in chosen if name in found})

    def of(self, name: InstrumentId) -> Shares:
        """Shares of a name; none when no opinion stands behind it."""
        return self._shares.get(name, {})
