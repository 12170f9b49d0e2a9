"""What must happen once: orders on record and at the broker, fills, settlements, decisions."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tests.faults.findings import Content


@dataclass(frozen=True)
class Effects:
    """How many differ from an undisturbed run's.

    Args:
        lost: Missing on record, at the broker or in the book.
        duplicated: There or sent more than once, or not expected at all.
    """

    lost: int = 0
    duplicated: int = 0


def compare_effects(found: Content, expected: Content, sent: Sequence[str]) -> Effects:
    """Count them.

    Args:
        sent: Ids of orders that the broker took, once a delivery.
    """
    have, want = _list_effects(found), _list_effects(expected)
    lost, more = set[str](), {f"order {order}" for order, count in Counter(sent).items() if count > 1}
    for place in want:
        lost |= set(want[place] - have[place])
        more |= set(have[place] - want[place])
    return Effects(lost=len(lost), duplicated=len(more))


def _list_effects(content: Content) -> dict[str, Counter[str]]:
    return {
        "ledger": _name("order", content.orders),
        "broker": _name("order", content.accepted),
        "fills": _name("fill", content.fills),
        "settlements": _name("settlement", content.settlements),
        "decisions": _name("decision", content.decisions.items()),
    }


def _name(kind: str, things: Iterable[Any]) -> Counter[str]:
    return Counter(f"{kind} {thing}" for thing in things)
