"""Parts are kept for their commit only, and done once."""

from pathlib import Path

import pytest

from tests.evidence import random_kills
from tests.evidence.effects import Effects
from tests.evidence.kills import Outcome
from tests.evidence.store import Evidence, Part, open_evidence

OUTCOME = Outcome(landed=["before node size"], faults=[], effects=Effects(), recovery=100.0)


def test_parts_of_the_same_commit_are_there_again(tmp_path: Path) -> None:
    Evidence("some", "abc", [{"mutant": "none", "values": [1, 2]}], {"figure": 1}, tmp_path).save()

    found = open_evidence("some", "abc", tmp_path)

    assert (found.parts, found.figures) == ([{"mutant": "none", "values": [1, 2]}], {"figure": 1})


def test_parts_of_another_commit_are_not(tmp_path: Path) -> None:
    Evidence("some", "abc", [{"mutant": "none"}], {}, tmp_path).save()

    assert open_evidence("some", "abd", tmp_path).parts == []


def run_well(first_seed: int, trials: int, mutant: str) -> Part:
    outcomes = [OUTCOME] * (trials - 1) + [Outcome([], [], Effects(), 90.0)]
    return random_kills.describe_part(first_seed, mutant, outcomes)


def test_gathering_goes_on_where_it_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def run(first_seed: int, trials: int, mutant: str) -> Part:
        asked.append((first_seed, trials, mutant))
        return run_well(first_seed, trials, mutant)

    monkeypatch.setattr(random_kills, "run_part", run)
    for total in (150, 200):
        list(random_kills.gather(open_evidence("some", "abc", tmp_path), total))

    own = [(first, trials) for first, trials, mutant in asked if mutant == "none"]
    assert [first for first, _ in own] == [1 + sum(trials for _, trials in own[:n]) for n in range(len(own))]
    assert len(asked) - len(own) == len(random_kills.MUTANTS)
    figures = open_evidence("some", "abc", tmp_path).figures
    trials = sum(trials for _, trials in own)
    assert figures["installations_killed"] == trials - len(own) >= 200
    assert figures["killed_too_late"] == len(own)
    assert list(random_kills.gather(open_evidence("some", "abc", tmp_path), 200)) == []


@pytest.mark.parametrize("landed", [["opening"], []])
def test_mutant_fault_of_any_trial_is_a_failure(landed: list[str]) -> None:
    part = random_kills.describe_part(1, "none", [OUTCOME, Outcome(landed, ["chain: broken"], Effects(), 0.0)])

    assert random_kills.find_failures([part]) == ["chain: broken"]


def test_mutant_mistake_that_nothing_saw_is_a_failure() -> None:
    part = random_kills.describe_part(1, "dead owners respected", [OUTCOME])

    assert random_kills.find_failures([part]) == ["mistake not seen: dead owners respected"]
