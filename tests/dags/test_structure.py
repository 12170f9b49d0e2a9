"""What an operator may rely on in every DAG."""

import copy
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG
from airflow.sdk.exceptions import ParamValidationError

from tests.conftest import ROOT
from tradeops.entrypoints.airflow.failure_mail import mail_failure

NAMES = sorted(path.stem for path in (ROOT / "dags").glob("*.py"))
SECTIONS = ("## Parameters", "## Safe to clear", "## If it fails")


def list_faults(dag: Any, file_name: str) -> list[str]:
    faults = {
        "dag_id is not the file's name": dag.dag_id != file_name,
        "documentation lacks a section": not all(section in (dag.doc_md or "") for section in SECTIONS),
        "no tags": not dag.tags,
        "no failure message at DAG level": dag.on_failure_callback != mail_failure,
        "catches up": bool(dag.catchup),
        "runs beside itself": dag.max_active_runs != 1,
        "a task has no owner": any(task.owner in ("", "airflow") for task in dag.tasks),
        "a task is not retried": any(task.retries < 3 for task in dag.tasks),
        "a task is not documented": any(not _document(task) for task in dag.tasks),
    }
    return [fault for fault, is_true in faults.items() if is_true]


def _document(task: Any) -> str | None:
    return task.doc_md or getattr(getattr(task, "python_callable", None), "__doc__", None)


def test_the_folder_parses(bag: DagBag) -> None:
    assert bag.import_errors == {}
    assert sorted(bag.dags) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_dags_keep_the_rules(bag: DagBag, name: str) -> None:
    assert list_faults(bag.dags[name], name) == []


def test_mutant_a_bare_dag_breaks_the_rules() -> None:
    dag = DAG("some_dag", schedule=None)

    @dag.task
    def work() -> None: ...

    work()
    assert len(list_faults(dag, "other_name")) == 8


@pytest.mark.parametrize("name", NAMES)
def test_no_dag_asks_for_the_logical_date(name: str) -> None:
    assert "logical_date" not in (ROOT / "dags" / f"{name}.py").read_text()


@pytest.mark.parametrize(
    ("name", "retries", "delay", "longest"),
    [
        ("ingest_market_data", 3, timedelta(minutes=5), timedelta(minutes=30)),
        ("backfill_history", 3, timedelta(minutes=5), timedelta(minutes=30)),
        ("build_features", 3, timedelta(minutes=5), timedelta(minutes=30)),
        ("train_blender", 3, timedelta(minutes=5), timedelta(minutes=30)),
        ("replay_history", 3, timedelta(minutes=5), timedelta(minutes=30)),
        ("run_decision_cycle", 6, timedelta(seconds=10), timedelta(seconds=60)),
    ],
)
def test_retries_answer_the_death_of_a_process(
    bag: DagBag, name: str, retries: int, delay: timedelta, longest: timedelta
) -> None:
    tasks = bag.dags[name].tasks
    found = {(t.retries, t.retry_delay, t.max_retry_delay, t.retry_exponential_backoff) for t in tasks}
    assert found == {(retries, delay, longest, 2.0)}


def test_order_of_the_replay(bag: DagBag) -> None:
    tasks = bag.dags["replay_history"].task_dict
    assert tasks["train"].upstream_task_ids == {"decide_before_training"}
    assert tasks["train"].trigger_dag_id == "train_blender"
    assert tasks["train"].wait_for_completion
    assert tasks["decide_after_training"].upstream_task_ids == {"train"}


def _list_awaited(dag: Any) -> list[str]:
    condition = getattr(dag.timetable, "asset_condition", None)
    return sorted(asset.name for asset in condition.objects) if condition else []


ASSETS = {
    "ingest_market_data": ([], ["session_bars"]),
    "backfill_history": ([], ["history_bars"]),
    "build_features": (["history_bars", "session_bars"], ["history_features", "session_features"]),
    "run_decision_cycle": (["session_features"], ["decisions"]),
    "publish_report": (["decisions"], []),
    "replay_history": ([], []),
}


@pytest.mark.parametrize("name", ASSETS)
def test_assets_chain_the_dags(bag: DagBag, name: str) -> None:
    dag = bag.dags[name]
    waited_for = _list_awaited(dag)
    made = sorted(asset.name for task in dag.tasks for asset in task.outlets)
    assert (waited_for, made) == ASSETS[name]


def test_features_of_the_history_wake_no_decision(bag: DagBag) -> None:
    made_for_history = bag.dags["build_features"].task_dict["build_history"].outlets
    assert not set(_list_awaited(bag.dags["run_decision_cycle"])) & {asset.name for asset in made_for_history}


@pytest.mark.parametrize(
    ("name", "param", "value"),
    [
        ("ingest_market_data", "sessions", 0),
        ("ingest_market_data", "sessions", 21),
        ("ingest_market_data", "sessions", "many"),
        ("replay_history", "until", "27.2.2013"),
        ("backfill_history", "until", "yesterday"),
        ("build_features", "first", "1.3.2001"),
        ("train_blender", "until", "2008"),
        ("replay_history", "run", "My Book"),
        ("run_decision_cycle", "session", "tomorrow"),
    ],
)
def test_the_form_refuses_bad_parameters(bag: DagBag, name: str, param: str, value: object) -> None:
    params = copy.deepcopy(bag.dags[name].params)
    with pytest.raises(ParamValidationError):
        params[param] = value


def test_the_form_accepts_its_defaults(bag: DagBag) -> None:
    for name in NAMES:
        bag.dags[name].params.validate()


def test_the_plugin_folder_is_named_as_agreed() -> None:
    names = [path.name for path in Path(ROOT / "plugins").glob("*.py")]
    assert names
    assert all(name.startswith("tradeops_") and name.endswith("_plugin.py") for name in names)
