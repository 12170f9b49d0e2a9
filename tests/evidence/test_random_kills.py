"""A fresh small sample of the committed evidence, and mistakes that the same checker sees."""

import pytest

from tests.evidence.kill_process import run_trials
from tests.evidence.kills import Outcome, Trial, draw_trial

FRESH_SEED = 1_000_000
SAMPLES = {"none": 15, "line stutters": 2, "send then record": 2, "dead owners respected": 12}
# Where these land depends on how busy the machine is, so that nothing more is said of them.
TIMED = "none, by the clock"
Outcomes = dict[str, list[Outcome]]


def draw_trials(count: int, mutant: str, *, counted: bool) -> list[Trial]:
    return [draw_trial(FRESH_SEED + n, mutant, counted=counted) for n in range(count)]


@pytest.fixture(scope="module")
def outcomes() -> Outcomes:
    asked = {
        name: [draw_trial(FRESH_SEED + n, name, counted=True) for n in range(size)] for name, size in SAMPLES.items()
    }
    asked[TIMED] = [draw_trial(FRESH_SEED + n) for n in range(4)]
    found = iter(run_trials([trial for trials in asked.values() for trial in trials]))
    return {name: [next(found) for _ in trials] for name, trials in asked.items()}


@pytest.mark.parametrize("kills", ["none", TIMED])
def test_nothing_is_lost_or_done_twice_when_a_process_is_killed_at_random(kills: str, outcomes: Outcomes) -> None:
    found = outcomes[kills]

    assert [outcome.faults for outcome in found if outcome.faults] == []
    assert {(outcome.effects.lost, outcome.effects.duplicated) for outcome in found} == {(0, 0)}


def test_kills_land_in_different_places(outcomes: Outcomes) -> None:
    landed = [place for outcome in outcomes["none"] for place in outcome.landed]

    assert len(landed) >= 8
    assert len(set(landed)) >= 4


@pytest.mark.parametrize(
    ("mistake", "words"), [("line stutters", "was sent 2 times"), ("send then record", "before its decision")]
)
def test_mutant_of_routing_is_seen_by_every_trial(mistake: str, words: str, outcomes: Outcomes) -> None:
    for outcome in outcomes[mistake]:
        assert any(words in fault for fault in outcome.faults), outcome


def test_mutant_orders_sent_twice_are_counted(outcomes: Outcomes) -> None:
    assert all(outcome.effects.duplicated > 0 for outcome in outcomes["line stutters"])


def test_mutant_of_resuming_is_seen_by_some_trial_and_its_lost_effects_are_counted(outcomes: Outcomes) -> None:
    seen = [outcome for outcome in outcomes["dead owners respected"] if outcome.faults]

    assert any("CycleHeld" in fault for outcome in seen for fault in outcome.faults)
    assert any(outcome.effects.lost for outcome in seen)
