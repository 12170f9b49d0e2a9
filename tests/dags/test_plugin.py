"""The listener binds a task to the worker that forked it; real processes, without Airflow's servers."""

import os
import subprocess
import sys
import time
from contextlib import suppress

import psutil
import pytest

from tests.conftest import ROOT

WORKER = """
import importlib.util, os, sys, time
spec = importlib.util.spec_from_file_location("plugin", sys.argv[1])
plugin = importlib.util.module_from_spec(spec)
spec.loader.exec_module(plugin)
(listener,) = plugin.TaskDiesWithWorkerPlugin.listeners
if os.fork() == 0:
    if sys.argv[2] == "heard":
        listener.on_task_instance_running(previous_state=None, task_instance=None)
    print(os.getpid(), flush=True)
    time.sleep(60)
time.sleep(60)
"""


@pytest.mark.parametrize(("mode", "survives"), [("heard", False), ("mutant-not-heard", True)])
def test_a_task_dies_with_its_worker(mode: str, survives: bool) -> None:
    file = str(ROOT / "plugins" / "tradeops_task_dies_with_worker_plugin.py")
    command = [sys.executable, "-c", WORKER, file, mode]
    worker = subprocess.Popen(command, env=dict(os.environ), stdout=subprocess.PIPE, text=True)
    assert worker.stdout is not None
    with worker.stdout as output:
        task = psutil.Process(int(output.readlines(1)[0]))
        worker.kill()
        worker.wait()
        until = time.monotonic() + (1 if survives else 60)
        while time.monotonic() < until and _is_living(task):
            time.sleep(0.02)
        assert _is_living(task) is survives
        if survives:
            task.kill()


def _is_living(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):  # it may end between the two looks
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False
