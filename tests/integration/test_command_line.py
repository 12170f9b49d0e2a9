"""The command line as a person and as a machine use it: words, exit codes, one-line errors, logs."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.conftest import ROOT
from tradeops.bootstrap import verification
from tradeops.bootstrap.replaying import ReplayReport
from tradeops.entrypoints.command_line import main as command_line
from tradeops.services.replay.compare import Difference
from tradeops.settings import Settings, make_child_environment

DECIDED, LAST = 298, "2002-05-10"
Tradeops = Callable[..., Result]


@dataclass(frozen=True)
class Shell:
    """`tradeops` in this process, on a copy of a decided history."""

    state_dir: Path
    monkeypatch: pytest.MonkeyPatch

    def __call__(self, *words: str) -> Result:
        self.monkeypatch.setenv("TRADEOPS_STATE_DIR", str(self.state_dir))
        return CliRunner().invoke(command_line.app, list(words))


@pytest.fixture
def shell(decided_history: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    state = tmp_path / "state"
    shutil.copytree(decided_history, state)
    return Shell(state, monkeypatch)


@dataclass(frozen=True)
class Checked:
    """A decided history that a first summary has checked, and what it said."""

    state_dir: Path
    said: str


@pytest.fixture(scope="module")
def checked(decided_history: Path, tmp_path_factory: pytest.TempPathFactory) -> Checked:
    state = tmp_path_factory.mktemp("checked") / "state"
    shutil.copytree(decided_history, state)
    with pytest.MonkeyPatch.context() as monkeypatch:
        return Checked(state, Shell(state, monkeypatch)("summary").stdout)


@pytest.fixture
def checked_shell(checked: Checked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """On a copy of what the summary has checked."""
    state = tmp_path / "state"
    shutil.copytree(checked.state_dir, state)
    return Shell(state, monkeypatch)


def run_process(state_dir: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = make_child_environment(Settings(state_dir=state_dir))
    command: Sequence[str] = (sys.executable, "-m", "tradeops.entrypoints.command_line", *words)
    return subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)


def test_nothing_due_is_said(shell: Shell) -> None:
    done = shell("cycle", "run")
    assert (done.exit_code, done.stdout) == (0, f"nothing is due; the newest closed session of live is {LAST}\n")


def test_a_decision_is_explained_step_by_step(shell: Shell, checked: Checked) -> None:
    wanted = next(line for line in checked.said.splitlines() if "  why" in line).split()[1]
    text = shell("cycle", "show", wanted).stdout
    for word in ("bundle", "opinion", "forecast", "slate", "edge", "target", "gate", "order", "recorded"):
        assert f"\n{word}" in text
    assert "filled" in text


def test_a_decision_is_found_by_the_beginning_of_its_id(shell: Shell) -> None:
    shown = json.loads(shell("cycle", "show", LAST, "--json").stdout)
    cycle_id = shown["decision"]["cycle_id"]
    assert json.loads(shell("cycle", "show", cycle_id[:10], "--json").stdout) == shown


def test_summary_counts_and_checks(checked: Checked, checked_shell: Shell) -> None:
    text = checked.said
    assert f"{DECIDED} sessions" in text
    assert f"replay {DECIDED}/{DECIDED} identical" in text
    assert f"of {DECIDED} sessions recomputed" in text
    assert "no evidence of skill" in text
    assert "nothing has changed since" not in text
    assert "nothing has changed since" in checked_shell("summary").stdout


@pytest.mark.parametrize(("differs", "code"), [(True, 3), (False, 0)])
def test_summary_ends_with_3_when_the_installed_code_decides_otherwise_beside_older_code(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, differs: bool, code: int
) -> None:
    cycle_id = json.loads(shell("cycle", "show", LAST, "--json").stdout)["decision"]["cycle_id"]
    found = Difference(cycle_id=cycle_id, session=LAST, first_input=None, first_output=None)
    report = ReplayReport(replayed=2, different=(found,) * differs, other_code=1)
    monkeypatch.setattr(verification, "replay_recorded", lambda *_args, **_named: report)
    assert shell("summary").exit_code == code


def test_summary_of_a_book_without_a_session_is_an_error_and_nothing_else(checked_shell: Shell) -> None:
    done = checked_shell("summary", "--run", "nobody")
    assert done.stdout == ""
    assert str(done.exception).startswith("the book live/live/nobody has no settlement")


def test_summary_is_verified_again_after_the_ledger_changed(checked_shell: Shell) -> None:
    shell = checked_shell
    shell("kill-switch", "set", "freeze", "--person", "a tester", "--reason", "a drill")
    assert "nothing has changed since" not in shell("summary").stdout


def test_performance_for_a_machine_and_for_a_person(shell: Shell, tmp_path: Path) -> None:
    report = json.loads(shell("performance", "--json", "--export", str(tmp_path / "out")).stdout)
    assert (report["sessions"], report["cost_basis"]) == (DECIDED, "assumed")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["fills.csv", "sessions.csv"]
    text = shell("performance", "--agents").stdout
    for agent in ("macro", "money_flows", "technical", "top_performers"):
        assert f"\n{agent}" in text


def test_report_is_written_where_it_says_and_again_with_the_same_bytes(shell: Shell) -> None:
    (path, before), (again, after) = [
        (found, found.read_bytes()) for found in (write_report(shell), write_report(shell))
    ]
    assert path == again and path.is_relative_to(shell.state_dir)
    assert before == after
    assert f"{DECIDED} sessions" in before.decode()


def write_report(shell: Shell) -> Path:
    done = shell("report")
    assert done.exit_code == 0, done.exception
    return Path(done.stdout.strip())


def test_doctor_finds_nothing_wrong_and_then_a_changed_entry(shell: Shell) -> None:
    healthy = shell("doctor")
    assert (healthy.exit_code, "WRONG" in healthy.stdout) == (0, False)
    view = json.loads(shell("cycle", "show", LAST, "--json").stdout)["decision"]["inputs"]["view"]
    (value,) = (shell.state_dir / "values").rglob(f"*{view[2:]}")
    value.chmod(0o600)
    value.write_bytes(b"changed")
    sick = shell("doctor", "--json")
    assert sick.exit_code == 3
    assert [found["name"] for found in json.loads(sick.stdout) if not found["ok"]] == ["kept values"]


def test_frozen_book_sends_no_order_and_a_reset_lets_it_go_on(shell: Shell) -> None:
    for level in ("freeze", "off"):
        set_level = shell("kill-switch", "set", level, "--person", "a tester", "--reason", "a drill", "--run", "drill")
        assert set_level.exit_code == 0
        assert shell("kill-switch", "show", "--run", "drill").stdout == f"{level}\n"
    shell("kill-switch", "set", "freeze", "--person", "a tester", "--reason", "a drill", "--run", "drill")
    done = json.loads(shell("cycle", "run", "--run", "drill", "--json").stdout)
    assert done["decided"] == DECIDED
    assert sum(cycle["orders"] for cycle in done["cycles"]) == 0


@pytest.mark.parametrize(
    ("words", "code", "hint"),
    [
        (("cycle", "show", "feed"), 1, "no decision begins with 'feed'; ask by its session"),
        (("cycle", "show", ""), 1, "more than one decision begins with ''; give more"),
        (("cycle", "show", "2013-02-28"), 1, "no decision of 2013-02-28"),
        (("cycle", "run", "--session", "2002-06-28"), 1, "not this book's next session"),
        (("cycle", "run", "--session", "28.6.2002"), 1, "write it as 2013-02-28"),
        (("replay",), 1, "name a cycle, or say --all"),
        (("replay", LAST, "--override", "close:AAPL=1"), 1, "is not of the form"),
        (("performance", "--run", "nobody"), 1, "has no settlement to measure; `tradeops cycle run` decides"),
        (("replay", "--everything"), 2, "No such option"),
        (("kill-switch", "set", "maybe", "--person", "x", "--reason", "y"), 2, "maybe"),
    ],
)
def test_what_cannot_be_done_is_one_line_with_its_exit_code(
    decided_history: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    code: int,
    hint: str,
) -> None:
    monkeypatch.setenv("TRADEOPS_STATE_DIR", str(decided_history))
    monkeypatch.setattr(sys, "argv", ["tradeops", *words])
    with pytest.raises(SystemExit) as ended:
        command_line.main()
    assert ended.value.code == code
    check_one_line(capsys.readouterr().err, code, hint)


@pytest.mark.parametrize(("name", "seen"), [("ZZZ", False), ("AAPL", True)])
def test_override_that_no_decision_saw_is_said(shell: Shell, name: str, seen: bool) -> None:
    done = shell("replay", LAST, "--override", f"close:{name}:{LAST}=+0.01")
    assert (done.exit_code, "no decision saw what --override changes" in done.stdout) == (3 if seen else 0, not seen)


def test_a_process_of_its_own_ends_with_that_line_and_code(decided_history: Path) -> None:
    done = run_process(decided_history, "cycle", "show", "feed")
    assert done.returncode == 1
    check_one_line(done.stderr, 1, "no decision begins with")


def check_one_line(said: str, code: int, hint: str) -> None:
    assert hint in said
    assert "Traceback" not in said
    if code == 1:
        assert said.startswith("tradeops: ") and said.count("\n") == 1


def test_logs_are_json_lines_with_run_cycle_and_bundle(decided_history: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"
    shutil.copytree(decided_history, state)
    produced = run_process(state, "cycle", "run", "--run", "logged", "--session", "2001-03-01")
    (line,) = [json.loads(line) for line in produced.stderr.splitlines()]
    assert line["run_id"] == "logged"
    assert line["cycle_id"] in produced.stdout
    assert len(line["bundle_id"]) == 64
    assert (line["level"], line["logger"]) == ("INFO", "tradeops.cycles")
