"""Our import names belong to this distribution and load from this working tree."""

import importlib
from collections.abc import Mapping, Sequence
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.architecture.source_tree import ROOT

OURS = ("tradeops", "agents", "graphs", "dags", "plugins", "include")


def find_strangers(owners: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    others = {name: [owner for owner in owners.get(name, ()) if owner != "tradeops"] for name in OURS}
    return {name: found for name, found in others.items() if found}


def test_no_other_distribution_has_our_names() -> None:
    assert find_strangers(packages_distributions()) == {}


def test_mutant_a_second_owner_of_agents_is_found() -> None:
    owners = {"agents": ["tradeops", "openai-agents"], "httpx": ["httpx"]}
    assert find_strangers(owners) == {"agents": ["openai-agents"]}


@pytest.mark.parametrize("name", ["tradeops", "agents", "graphs"])
def test_our_packages_load_from_this_tree(name: str) -> None:
    found = importlib.import_module(name).__file__
    assert found is not None
    assert Path(found).resolve().is_relative_to(ROOT)
