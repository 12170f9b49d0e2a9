"""The table of all faults, from planted parts."""

import json
from pathlib import Path

import pytest

from tests.evidence import fail_point_kills
from tests.evidence.__main__ import main
from tests.evidence.effects import Effects
from tests.evidence.kills import Outcome
from tests.evidence.point_requests import Answer
from tests.evidence.table import Row, find_late, find_losses, lay_out_table

WELL = Outcome(["before order 1"], [], Effects(), 200.0)
LOST = Outcome(["before order 1"], ["broker: 1 orders, ledger: 2"], Effects(lost=1), 100.0)


def plant(folder: Path, outcomes: list[Outcome]) -> None:
    answer = Answer({f"decide-exit-live {n} before order 1": found for n, found in enumerate(outcomes, 1)}, {})
    parts = fail_point_kills.describe_parts("decide", answer)
    (folder / "fail_point_kills.json").write_text(json.dumps({"parts": parts}))


def test_planted_kills_are_a_row_with_bounds_and_times(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plant(tmp_path, [WELL] * 99)

    assert main(["--table"], tmp_path) == 0

    head, row, total = capsys.readouterr().out.splitlines()
    assert head.split("  ")[0] == "fault"
    for part in ("process killed while it decides", "99", "0 (≤ 3 %)", "0.20 s"):
        assert part in row
    assert total.startswith("all")


def test_mutant_planted_lost_effect_is_told_and_the_exit_code_is_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plant(tmp_path, [WELL, LOST])

    assert main(["--table"], tmp_path) == 1

    told = capsys.readouterr().out.splitlines()
    assert told[1].split("  ")[0] == "process killed while it decides"
    assert told[1].split()[5:7] == ["2", "1"]
    assert told[-1] == "FAILED process killed while it decides: 1 effects lost, 0 duplicated"


def test_nothing_in_the_folder_is_a_failure(tmp_path: Path) -> None:
    assert main(["--table"], tmp_path) == 1


def test_lines_are_equally_wide_and_the_last_one_sums_up() -> None:
    rows = [
        Row("short", "process", 10, 0, 1, (1000.0,)),
        Row("a longer name", "store", 20, 2, 0, (3000.0,), scheduled=40, completed=39, seconds=600.0),
    ]

    lines = lay_out_table(rows)

    assert lines[-1].split()[:4] == ["all", "30", "2", "1"]
    assert {line.index(word) for line, word in zip(lines, ("injected", "10", "20", "30"), strict=True)} == {15}
    assert lines[2].endswith("39 of 40 cycles, 97.5 %, a fault every 30 s")
    assert "2.00 s" in lines[-1]


def test_classes_with_a_loss_are_named() -> None:
    rows = [Row("one", "process", 10, 0, 0), Row("two", "process", 10, 0, 3)]

    assert find_losses(rows) == ["two: 0 effects lost, 3 duplicated"]


@pytest.mark.parametrize(("kind", "longest"), [("process", 5000), ("store", 10_000), ("broker", 30_000)])
def test_slow_recovery_of_a_class_is_a_failure(kind: str, longest: float) -> None:
    def find(*times: float) -> list[str]:
        return list(find_late([Row("some", kind, 3, 0, 0, times)]))  # type: ignore[arg-type]

    assert find(longest, longest, 300_000) == []
    assert find(longest + 1, longest + 1, 1) == [f"some: the median recovery takes {longest / 1000:.1f} s"]
    assert find(1, 1, 300_001) == ["some: a recovery took 300 s"]
