"""What is committed is what its parts say."""

import json
from typing import Any

import pytest

from tests.evidence import concurrent_cycles, fail_point_kills, kafka_to_lake, oracle, random_kills, server_faults
from tests.evidence.all_faults import read_rows
from tests.evidence.figures import bound_rate
from tests.evidence.store import FOLDER
from tests.evidence.table import find_losses

KINDS: dict[str, Any] = {
    each.NAME: each
    for each in (random_kills, fail_point_kills, oracle, kafka_to_lake, concurrent_cycles, server_faults)
}


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


def test_committed_kills_at_fail_points_are_enough_and_each_rate_has_its_sample() -> None:
    figures = json.loads((FOLDER / "fail_point_kills.json").read_text())["figures"]
    works = [figures[name] for name in fail_point_kills.CLASSES.values()]

    assert sum(work["kills"] for work in works) == figures["kills"] >= 900
    for work in works:
        for name in ("effects_lost", "effects_duplicated", "any_fault"):
            assert (work[name]["events"], work[name]["of"]) == (0, work["kills"])
            assert work[name]["at_most_95"] == pytest.approx(bound_rate(0, work["kills"]), abs=1e-6)
    assert set(figures["mutants_seen"]) == set(fail_point_kills.MISTAKES)


def test_committed_faults_are_all_in_the_table_and_none_cost_an_effect() -> None:
    rows = list(read_rows(FOLDER))

    assert sum(row.injected for row in rows) >= 1200
    assert find_losses(rows) == []
