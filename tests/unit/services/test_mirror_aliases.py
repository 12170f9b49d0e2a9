"""Aliases follow the ledger; one moved by hand changes nothing and is told."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import cast

import pytest

from tests.fakes.ledger import InMemoryLedger
from tests.unit.services.test_promote_model import MODEL, OTHER, to_shadow
from tests.unit.services.test_roll_back_model import go_live
from tradeops.domain.models import PRIOR_BLEND, read_standing
from tradeops.ports.model_registry import ModelRegistry
from tradeops.services.mirror_aliases import find_differences, mirror_aliases


@dataclass
class Aliases:
    """The part of a registry that aliases are."""

    found: dict[str, int] = field(default_factory=dict)
    written: int = 0

    def aliases(self) -> Mapping[str, int]:
        return dict(self.found)

    def set_aliases(self, aliases: Mapping[str, int]) -> None:
        self.found, self.written = dict(aliases), self.written + 1


@pytest.fixture
def ledger() -> InMemoryLedger:
    ledger = InMemoryLedger()
    go_live(ledger, MODEL, 1)
    ledger.record_promotion(replace(to_shadow(2, OTHER), previous_live=MODEL))
    return ledger


def mirror(aliases: Aliases, ledger: InMemoryLedger) -> list[str]:
    registry = cast("ModelRegistry", aliases)
    return [str(one) for one in mirror_aliases(registry, read_standing(ledger.list_promotions()))]


def test_aliases_are_made_as_in_the_ledger_once(ledger: InMemoryLedger) -> None:
    aliases = Aliases({"shadow": 1, "champion": 1})

    assert mirror(aliases, ledger) == [
        "alias champion names v1, the ledger nothing",
        "alias live names nothing, the ledger v1",
        "alias shadow names v1, the ledger v2",
    ]
    assert aliases.found == {"live": 1, "shadow": 2}
    assert (mirror(aliases, ledger), aliases.written) == ([], 1)


def test_an_alias_moved_by_hand_changes_nothing_in_live_and_is_told(ledger: InMemoryLedger) -> None:
    aliases = Aliases({"live": 2, "shadow": 2})
    standing = read_standing(ledger.list_promotions())
    (difference,) = find_differences(cast("ModelRegistry", aliases), standing)

    assert (difference.alias, difference.found, difference.wanted) == ("live", 2, 1)
    assert (standing.live, aliases.written) == (MODEL, 0)


def test_the_prior_blend_has_no_alias() -> None:
    assert read_standing(()).live == PRIOR_BLEND
    assert mirror(Aliases(), InMemoryLedger()) == []
