"""What is committed is what its parts say."""

import json
from typing import Any

import pytest

from tests.evidence import kafka_to_lake, oracle, random_kills
from tests.evidence.figures import bound_rate
from tests.evidence.store import FOLDER

KINDS: dict[str, Any] = {each.NAME: each for each in (random_kills, oracle, kafka_to_lake)}


@pytest.mark.parametrize("name", KINDS)
def test_committed_figures_are_those_of_their_parts_and_show_no_failure(name: str) -> None:
    body = json.loads((FOLDER / f"{name}.json").read_text())

    assert body["figures"] == json.loads(json.dumps(KINDS[name].describe(body["parts"])))
    assert KINDS[name].find_failures(body["parts"]) == []
    assert body["commit"]


def test_committed_bounds_follow_from_their_samples() -> None:
    figures = json.loads((FOLDER / "random_kills.json").read_text())["figures"]

    for name in ("effects_lost", "effects_duplicated", "any_fault"):
        rate = figures[name]
        assert rate["of"] == figures["installations_killed"] >= 300
        assert rate["at_most_95"] == pytest.approx(bound_rate(rate["events"], rate["of"]), abs=1e-6)
