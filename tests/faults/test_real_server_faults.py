"""A fresh sample of the faults on real servers, every class once, and mistakes that the same judge sees."""

import subprocess

import pytest

from tests.conftest import ROOT
from tests.faults.real_servers.cases import UNDISTURBED, Case, Verdict
from tests.faults.real_servers.faults import FAULTS
from tests.faults.real_servers.mistakes import MISTAKES
from tests.faults.real_servers.process import run_cases
from tests.faults.real_servers.servers import require_servers

pytestmark = pytest.mark.slow
CONTROLS = ("overtaken",)
NO_EFFECT, TWICE, UNKNOWN = "had no effect on record", "was sent 2 times", "was sent before its decision was on record"
WRONG = {
    "no inbox": NO_EFFECT,
    "offset committed first": NO_EFFECT,
    "routed before recorded": TWICE,
    "no epoch check": TWICE,
    "new client_order_id on retry": UNKNOWN,
}
Verdicts = dict[str, Verdict]


def draw_seed() -> int:
    """Another one for each commit; a failure tells the command that has it."""
    words = ("git", "rev-parse", "HEAD")
    found = subprocess.run(words, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False).stdout.strip()
    return int(found[:7] or "1", 16)


@pytest.fixture(scope="module")
def verdicts(request: pytest.FixtureRequest) -> Verdicts:
    """The cases of exactly the tests that were asked for, by a process of its own with servers of its own."""
    require_servers()
    asked = [getattr(item, "callspec", None) for item in request.session.items if item.path == request.path]
    names = list(dict.fromkeys(spec.params["name"] for spec in asked if spec))
    seed = draw_seed()
    cases = [Case(name, seed) if name in FAULTS else Case(UNDISTURBED, 1, 0, name) for name in names]
    return dict(zip(names, run_cases(cases), strict=True))


@pytest.mark.parametrize("name", [*FAULTS, *CONTROLS])
def test_nothing_is_lost_or_done_twice(name: str, verdicts: Verdicts) -> None:
    verdict = verdicts[name]

    assert verdict.faults == [], f"repeat: {verdict.case}"
    assert (verdict.effects.lost, verdict.effects.duplicated) == (0, 0), f"repeat: {verdict.case}"
    assert len(verdict.recoveries) == verdict.injected == (name in FAULTS)
    assert verdict.in_time + verdict.held == verdict.scheduled


@pytest.mark.parametrize(("name", "words"), WRONG.items())
def test_mutant_loses_or_doubles_an_effect(name: str, words: str, verdicts: Verdicts) -> None:
    verdict = verdicts[name]

    assert verdict.effects.lost + verdict.effects.duplicated > 0, verdict
    assert any(words in fault for fault in verdict.faults), verdict


def test_every_mistake_has_a_test() -> None:
    assert {*WRONG, *CONTROLS} == set(MISTAKES)
