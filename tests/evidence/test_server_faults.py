"""What faults of real servers come to, without servers: the fault suite strikes every class."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.evidence import server_faults
from tests.evidence.effects import Effects
from tests.evidence.server_faults import CASES, describe, describe_part, find_failures, gather, list_rows
from tests.evidence.store import Part, open_evidence
from tests.faults.real_servers.cases import Case, Verdict
from tests.faults.real_servers.faults import FAULTS


def run_well(case: Case) -> Verdict:
    return Verdict(
        case=case,
        injected=case.faults,
        recoveries=[0.5] * case.faults,
        scheduled=10,
        in_time=10,
        ended=["signal 9"],
        seconds=9.0,
    )


def make_parts(**others: Verdict) -> list[Part]:
    verdicts = {fault: [run_well(Case(fault, seed, 3)) for seed in range(CASES)] for fault in FAULTS}
    for verdict in others.values():
        verdicts[verdict.case.fault][0] = verdict
    return [describe_part(found) for found in verdicts.values()]


def test_enough_faults_that_cost_nothing_are_no_failure() -> None:
    parts = make_parts()

    assert find_failures(parts) == []
    assert describe(parts)["injected"] == 3 * CASES * len(FAULTS) >= 100
    assert [row.injected for row in list_rows(parts)] == [3 * CASES] * len(FAULTS)


BROKEN = run_well(Case("poison", 0, 3))


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        (
            replace(BROKEN, faults=["events: not all are committed"], effects=Effects(lost=1)),
            "python -m tests.faults.real_servers poison 0 --faults 3: events: not all are committed",
        ),
        (replace(BROKEN, recoveries=[0.5, 0.5, 301.0]), "poison: a recovery took 301 s"),
        (replace(BROKEN, injected=0), "poison: only 9 faults"),
    ],
)
def test_mutant_case_is_a_failure(verdict: Verdict, words: str) -> None:
    assert find_failures(make_parts(broken=verdict)) == [words]


def test_mutant_class_that_recovers_slowly_is_a_failure() -> None:
    slow = [replace(run_well(Case("process killed", seed, 3)), recoveries=[5.5] * 3) for seed in range(CASES)]
    parts = [part for part in make_parts() if part["fault"] != "process killed"] + [describe_part(slow)]

    assert find_failures(parts) == ["process killed: the median recovery takes 5.5 s"]


def test_mutant_session_that_is_held_counts_against_availability_and_is_no_loss() -> None:
    held = replace(BROKEN, in_time=9, held=1)

    figures = describe(make_parts(held=held))

    assert (figures["cycles"] - figures["cycles_complete_in_time"], figures["effects_lost"]) == (1, 0)


def test_gathering_goes_on_with_the_classes_that_are_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Case] = []

    def run_cases(cases: list[Case]) -> list[Verdict]:
        asked.extend(cases)
        return [run_well(case) for case in cases]

    monkeypatch.setattr(server_faults, "run_cases", run_cases)
    evidence = open_evidence(server_faults.NAME, "a commit", tmp_path)
    evidence.parts = [part for part in make_parts() if part["fault"] != "poison"]

    assert len(list(gather(evidence))) == 1
    assert {case.fault for case in asked} == {"poison"}
    assert find_failures(open_evidence(server_faults.NAME, "a commit", tmp_path).parts) == []
    assert list(gather(evidence)) == []
