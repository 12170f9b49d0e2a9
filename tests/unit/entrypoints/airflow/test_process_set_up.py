"""Only the process that forks tasks pays for their imports."""

import importlib
import runpy
import sys

import pytest

from tests.conftest import ROOT
from tradeops.entrypoints.airflow import process_set_up

COMPOSED = str(ROOT / "deploy" / "airflow" / "airflow_local_settings.py")


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    made: list[str] = []
    monkeypatch.setattr(process_set_up, "bind_forks_to_parent", lambda: made.append("bound"))
    monkeypatch.setattr(process_set_up, "_WARM", ("numpy",))
    monkeypatch.setattr(importlib, "import_module", made.append)
    return made


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["scheduler", "--skip-serve-logs"], ["bound", "numpy"]),
        (["dag-processor"], ["bound"]),
        (["celery", "worker"], ["bound"]),
    ],
)
def test_embedded_the_scheduler_imports_what_tasks_need(
    calls: list[str], monkeypatch: pytest.MonkeyPatch, words: list[str], expected: list[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["airflow", *words])
    process_set_up.set_up_process()
    assert calls == expected


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["celery", "worker", "--skip-serve-logs"], ["bound", "numpy"]),
        (["scheduler"], ["bound"]),
        (["celery", "list-workers"], ["bound"]),
    ],
)
def test_composed_the_celery_worker_does(
    calls: list[str], monkeypatch: pytest.MonkeyPatch, words: list[str], expected: list[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["airflow", *words])
    runpy.run_path(COMPOSED)
    assert calls == expected
