"""What kills at fail points come to, without killing: the fault suite kills at every one of them."""

from collections import Counter
from pathlib import Path

import pytest

from tests.evidence import fail_point_kills
from tests.evidence.effects import Effects
from tests.evidence.fail_point_kills import MISTAKES, describe_parts, find_failures
from tests.evidence.kills import Outcome
from tests.evidence.point_requests import Answer, Request
from tests.evidence.store import open_evidence
from tests.evidence.works import count_effects

WELL = Outcome(["before order 1"], [], Effects(), 200.0)
MISSED = Outcome([], [], Effects(), 0.0)
SEEN = Outcome(["before order 1"], ["broker: order 1 was sent 2 times"], Effects(duplicated=1), 0.0)


def answer(numbers: range, *, mistakes: bool, outcome: Outcome = WELL) -> Answer:
    points = {f"decide-exit-live {number} before order 1": outcome for number in numbers}
    return Answer(points, dict.fromkeys(MISTAKES, SEEN) if mistakes else {})


def test_enough_good_kills_and_seen_mistakes_are_no_failure() -> None:
    assert find_failures(describe_parts("decide", answer(range(900), mistakes=True))) == []


def test_mutant_lost_effect_is_a_failure_with_the_command_that_repeats_it() -> None:
    parts = describe_parts("decide", answer(range(900), mistakes=True))
    bad = Outcome(["before order 1"], [], Effects(lost=1), 1.0)
    parts += describe_parts("serve", Answer({"serve-all 1 before order 2": bad}, {}))

    (failure,) = find_failures(parts)

    assert failure.startswith("serve-all 1 before order 2: 1 lost, 0 duplicated")
    assert failure.endswith("python -m tests.evidence.point_process 'serve-all 1 before order 2'")


def test_too_few_kills_are_a_failure_and_points_that_were_not_met_do_not_count() -> None:
    parts = describe_parts("decide", answer(range(899), mistakes=True))
    parts += describe_parts("decide", answer(range(899, 950), mistakes=False, outcome=MISSED))

    assert find_failures(parts) == ["only 899 kills"]
    assert fail_point_kills.describe(parts)["not_reached"] == 51


@pytest.mark.parametrize("name", MISTAKES)
def test_mutant_mistake_that_lost_and_doubled_nothing_is_a_failure(name: str) -> None:
    found = answer(range(900), mistakes=True)
    unseen = {**found.mistakes, name: Outcome(["before order 1"], ["chain: broken"], Effects(), 0.0)}

    assert find_failures(describe_parts("decide", Answer(found.points, unseen))) == [f"mistake not seen: {name}"]


def test_gathering_goes_on_where_it_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = list[Request]()

    def kill(request: Request) -> Answer:
        asked.append(request)
        most = 20 if request.most is None else request.most
        points = {f"{request.work}-some {len(request.done) + number} place": WELL for number in range(most)}
        return Answer(points, {name: SEEN for name in MISTAKES if request.mistakes})

    monkeypatch.setattr(fail_point_kills, "kill_at_points", kill)
    for total in (300, 600):
        list(fail_point_kills.gather(open_evidence("some", "abc", tmp_path), total))

    assert Counter(request.work for request in asked) == {"load": 1, "serve": 1, "decide": 4}
    assert [request.mistakes for request in asked] == [True, True, True, False, False, False]
    evidence = open_evidence("some", "abc", tmp_path)
    assert evidence.figures["kills"] == evidence.figures["distinct_points"] == 600
    assert evidence.figures == fail_point_kills.describe(evidence.parts)
    assert list(fail_point_kills.gather(evidence, 600)) == []


def test_records_are_lost_and_doubled_one_by_one() -> None:
    compared = {"rows": (Counter(a=1, b=2), Counter(a=1, b=1, c=1)), "clock": ([3], [4])}

    assert count_effects(compared) == Effects(lost=2, duplicated=2)
    assert count_effects({"rows": (Counter(a=1), Counter(a=1))}) == Effects()
