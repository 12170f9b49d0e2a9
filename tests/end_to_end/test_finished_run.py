"""What `make run ONCE=1` leaves behind: decisions, settlements, money and a record that replays."""

import json
import os
import random
import shutil
import sqlite3
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from tests.end_to_end.conftest import read_ledger, run_command
from tests.integration.conftest import decide_history
from tests.integration.test_independent_recomputation import Market, recompute
from tradeops.adapters.ledger_sqlalchemy.ledger import open_ledger
from tradeops.domain.decisions import Outcome
from tradeops.domain.identifiers import BookId, Stage
from tradeops.domain.models import PRIOR_BLEND, ModelState

pytestmark = pytest.mark.slow
LIVE = BookId()


SHADOW = BookId(account="shadow", stage=Stage.SHADOW, run="blender_v1")


def count_outcomes(state_dir: Path, book_id: BookId = LIVE) -> dict[str, tuple[int, date, date]]:
    """Outcome: how often, first and last session."""
    with open_ledger(f"sqlite:///{state_dir}/ledger.db") as ledger:
        decisions = [record.decision for record in ledger.list_decisions(book_id)]
    sessions: dict[str, list[date]] = {}
    for decision in decisions:
        name = "final" if decision.outcome is Outcome.FINAL_SESSION else "decided"
        sessions.setdefault(name, []).append(decision.session)
    return {name: (len(days), min(days), max(days)) for name, days in sessions.items()}


def list_runs(state_dir: Path) -> dict[str, list[tuple[str, str]]]:
    """Runs of each DAG: type and state, in the order started."""
    with sqlite3.connect(f"file:{state_dir}/airflow/airflow.db?mode=ro", uri=True) as database:
        rows = database.execute("select dag_id, run_type, state from dag_run order by start_date").fetchall()
    runs: dict[str, list[tuple[str, str]]] = {}
    for dag_id, kind, state in rows:
        runs.setdefault(dag_id, []).append((kind, state))
    return runs


def test_every_session_is_decided_and_the_last_one_settled(finished: Path) -> None:
    assert count_outcomes(finished) == {
        "decided": (3017, date(2001, 3, 1), date(2013, 2, 28)),
        "final": (1, date(2013, 3, 1), date(2013, 3, 1)),
    }


def test_the_shadow_decided_every_session_after_its_training(finished: Path) -> None:
    replayed = [name for name in count_outcomes(finished, SHADOW).values()]
    assert replayed == [
        (1046, date(2009, 1, 2), date(2013, 2, 28)),  # 1,045 of the replay, one woken by new bars
        (1, date(2013, 3, 1), date(2013, 3, 1)),
    ]


def test_the_shadow_decides_with_the_trained_model_on_an_account_of_its_own(finished: Path) -> None:
    with open_ledger(f"sqlite:///{finished}/ledger.db") as ledger:
        (entry,) = ledger.list_promotions()
        models = {
            book_id: {
                record.decision.inputs.bundle.model
                for record in ledger.list_decisions(book_id)
                if record.decision.inputs
            }
            for book_id in (LIVE, SHADOW)
        }
        opening = next(ledger.list_settlements(SHADOW)).opening
    assert (entry.after, entry.book_id, entry.session) == (ModelState.SHADOW, SHADOW, date(2008, 12, 31))
    assert models == {LIVE: {PRIOR_BLEND}, SHADOW: {entry.model}}
    assert (opening.cash, opening.positions) == (Decimal(100_000), {})


def test_each_step_ran_once_and_woke_the_next(finished: Path) -> None:
    runs = list_runs(finished)
    assert {state for of_dag in runs.values() for _, state in of_dag} == {"success"}
    assert runs["publish_report"]
    assert {dag_id: [kind for kind, _ in of_dag] for dag_id, of_dag in runs.items() if dag_id != "publish_report"} == {
        "backfill_history": ["manual"],
        "build_features": ["asset_triggered"] * 3,
        "replay_history": ["manual"],
        "train_blender": ["operator_triggered"],
        "ingest_market_data": ["manual"] * 2,
        "run_decision_cycle": ["asset_triggered"] * 2,
    }


def test_registry_and_ledger_agree_and_nothing_is_dead(finished: Path) -> None:
    status = run_command(finished, "models", "status")
    assert status.returncode == 0, status.stderr
    assert [line.split()[:2] for line in status.stdout.splitlines()[:2]] == [["live", "v0"], ["shadow", "v1"]]
    assert "aliases of the registry as in the ledger" in status.stdout
    letters = run_command(finished, "dlq", "list")
    assert (letters.returncode, letters.stdout.count("market.")) == (0, 0), letters.stdout
    reports = list((finished / "reports").glob("*/report.html"))
    assert reports and all(b"no evidence of skill" in path.read_bytes() for path in reports)


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_every_decision_replays_in_a_fresh_process_elsewhere(finished: Path, tmp_path: Path, jobs: str) -> None:
    seed = str(random.SystemRandom().randrange(2**32))
    done = run_command(finished, "replay", "--all", "--jobs", jobs, "--json", folder=tmp_path, PYTHONHASHSEED=seed)
    report = json.loads(done.stdout)
    assert (done.returncode, report["replayed"], report["different"]) == (0, 3017 + 1046, []), done.stderr


def test_replay_refuses_a_stored_view_with_one_changed_byte(finished: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"
    shutil.copytree(finished, state)
    shown = json.loads(run_command(state, "cycle", "show", "2005-02-25", "--json").stdout)
    ref = shown["decision"]["inputs"]["view"]
    (path,) = (path for path in (state / "values").rglob("*") if path.is_file() and ref.endswith(path.name[2:]))
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.chmod(0o600)
    path.write_bytes(content)
    done = run_command(state, "replay", "2005-02-25")
    assert done.returncode == 1
    assert ref[:12] in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("override", "first_input", "step"),
    [
        ("close:AAPL:2005-02-25=+0.01", "view.close.AAPL.2005-02-25 was 88.99, is 89.0", "blend_opinions"),
        ("policy:limits.single_name=0.10", "policy.limits.single_name was 0.2, is 0.1", ""),
        ("learner:residual_quantiles.q05=-3", "learner.residual_quantiles.parameters.q05 was ", "blend_opinions"),
    ],
)
def test_override_names_first_input_and_first_output(
    finished: Path, override: str, first_input: str, step: str
) -> None:
    done = run_command(finished, "replay", "2005-02-25", "--override", override)
    assert done.returncode == 3
    assert first_input in done.stdout
    assert f"first output  {step}" in done.stdout
    assert "all as recorded" not in done.stdout


def test_money_is_recomputed_by_somebody_else(finished: Path, tmp_path: Path) -> None:
    done = run_command(finished, "performance", "--export", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert recompute(tmp_path, Market()) == []


def test_recomputation_finds_one_cent_in_one_fee(finished: Path, tmp_path: Path) -> None:
    run_command(finished, "performance", "--export", str(tmp_path))
    lines = (tmp_path / "fills.csv").read_text().splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("fill,"))
    fields = lines[at].split(",")
    fields[5] = f"{float(fields[5]) + 0.01:.2f}"
    lines[at] = ",".join(fields)
    (tmp_path / "fills.csv").write_text("\n".join(lines) + "\n")
    assert recompute(tmp_path, Market()) != []


def test_reading_commands_write_no_row(finished: Path) -> None:
    before = read_ledger(finished)
    for words in (
        ("doctor",),
        ("cycle", "show", "2012-08-01"),
        ("replay", "2012-08-01"),
        ("summary",),
        ("models", "status"),
        ("dlq", "list"),
    ):
        assert run_command(finished, *words).returncode == 0
    assert read_ledger(finished) == before


def test_state_folder_is_closed_to_others(finished: Path) -> None:
    for name in ("airflow/passwords.json", "airflow/secrets.json", "airflow/service_account.json"):
        assert os.stat(finished / name).st_mode & 0o077 == 0


def test_a_shorter_history_and_a_failed_run_would_be_seen(finished: Path, tmp_path: Path) -> None:
    decide_history(tmp_path, "2001-03-09")
    assert count_outcomes(tmp_path) == {"decided": (7, date(2001, 3, 1), date(2001, 3, 9))}
    (tmp_path / "airflow").mkdir()
    shutil.copy(finished / "airflow" / "airflow.db", tmp_path / "airflow" / "airflow.db")
    with sqlite3.connect(tmp_path / "airflow" / "airflow.db") as database:
        database.execute("update dag_run set state = 'failed' where dag_id = 'replay_history'")
    assert list_runs(tmp_path)["replay_history"] == [("manual", "failed")]
