"""Makes the registry's aliases what the ledger says; nothing decides by an alias."""

from collections.abc import Mapping
from dataclasses import dataclass

from tradeops.domain.identifiers import Stage
from tradeops.domain.models import ModelStanding
from tradeops.ports.model_registry import ModelRegistry


@dataclass(frozen=True, slots=True, kw_only=True)
class AliasDifference:
    """An alias that does not say what the ledger says.

    Args:
        alias: Its name.
        found: The version it names; None where it is missing.
        wanted: The version of the ledger; None where there should be no such alias.
    """

    alias: str
    found: int | None
    wanted: int | None

    def __str__(self) -> str:
        return f"alias {self.alias} names {_name(self.found)}, the ledger {_name(self.wanted)}"


def name_aliases(standing: ModelStanding) -> Mapping[str, int]:
    """The aliases that mirror a standing; of several models in a stage, the one that entered last.

    The prior blend is in no registry and has no alias.
    """
    aliases = {model.state.value: model.version for model in standing.staged}
    if standing.live_version:
        aliases[Stage.LIVE.value] = standing.live_version
    return aliases


def find_differences(registry: ModelRegistry, standing: ModelStanding) -> list[AliasDifference]:
    """Aliases that somebody moved by hand, or that an interrupted run has not set yet."""
    found, wanted = registry.aliases(), name_aliases(standing)
    return [
        AliasDifference(alias=alias, found=found.get(alias), wanted=wanted.get(alias))
        for alias in sorted({*found, *wanted})
        if found.get(alias) != wanted.get(alias)
    ]


def mirror_aliases(registry: ModelRegistry, standing: ModelStanding) -> list[AliasDifference]:
    """Set the aliases as in the ledger.

    Returns:
        What was found otherwise, to be reported.
    """
    differences = find_differences(registry, standing)
    if differences:
        registry.set_aliases(name_aliases(standing))
    return differences


def _name(version: int | None) -> str:
    return "nothing" if version is None else f"v{version}"
