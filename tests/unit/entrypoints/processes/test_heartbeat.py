"""A process says that it is well, that it fails, or nothing any more."""

import json
import os
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.conftest import ROOT
from tradeops.domain.errors import ConfigurationError
from tradeops.entrypoints.command_line.main import app
from tradeops.entrypoints.processes import health
from tradeops.entrypoints.processes.heartbeat import FOLDER, Beat, Heart, read_beats

HERE = Beat(process="serve", host=socket.gethostname(), pid=os.getpid(), at=0.0)


def find_dead_pid() -> int:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


def plant(state_dir: Path, beat: Beat) -> None:
    folder = state_dir / FOLDER
    folder.mkdir(exist_ok=True)
    (folder / f"{beat.process}-{beat.host}-{beat.pid}.json").write_text(
        json.dumps({name: getattr(beat, name) for name in Beat.__slots__})
    )


def stop_clock(monkeypatch: pytest.MonkeyPatch) -> float:
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now)
    return now


@pytest.mark.parametrize(
    ("age", "failing", "fault"),
    [
        (0, None, None),
        (50, None, None),
        (70, None, "says nothing for 70 s"),
        (0, 50, None),
        (0, 70, "fails for 70 s: why"),
    ],
)
def test_silence_and_failure_are_faults_after_a_while(
    age: int, failing: int | None, fault: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = stop_clock(monkeypatch)
    since = None if failing is None else now - failing
    assert replace(HERE, at=now - age, failing_since=since, detail="why").find_fault(60.0) == fault


def test_dead_process_is_at_fault_at_once() -> None:
    assert replace(HERE, pid=find_dead_pid(), at=time.time()).find_fault(60.0) == "is dead"


def test_beat_that_goes_while_others_look_hides_nobody_and_stops_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Heart(tmp_path, "serve").beat()
    listed = Path.glob

    def list_one_that_has_ended(folder: Path, pattern: str) -> list[Path]:
        return [folder / f"serve-{socket.gethostname()}-1.json", *listed(folder, pattern)]

    monkeypatch.setattr(Path, "glob", list_one_that_has_ended)
    Heart(tmp_path, "serve").beat()
    assert [beat.pid for beat in read_beats(tmp_path, "serve")] == [os.getpid()]


@pytest.mark.parametrize("hours", [5, -5])
def test_heart_goes_on_beating_when_the_wall_clock_is_set(
    hours: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heart, passed, wall = Heart(tmp_path, "serve"), iter(range(0, 100, 2)), time.time()
    monkeypatch.setattr(time, "monotonic", lambda: float(next(passed)))
    heart.beat()
    monkeypatch.setattr(time, "time", lambda: wall + 3600 * hours)
    heart.beat()
    assert read_beats(tmp_path, "serve")[0].at == wall + 3600 * hours


def test_heart_beats_fails_recovers_and_leaves_nothing_behind(tmp_path: Path) -> None:
    heart = Heart(tmp_path, "serve")
    heart.beat()
    (first,) = read_beats(tmp_path, "serve")
    assert (first.pid, first.failing_since, first.find_fault(60.0)) == (os.getpid(), None, None)
    heart.fail(OSError("disk full"))
    (failing,) = read_beats(tmp_path, "serve")
    heart.fail(OSError("disk still full"))
    (still,) = read_beats(tmp_path, "serve")
    assert failing.failing_since == still.failing_since != None  # noqa: E711
    assert still.detail == "OSError: disk still full"
    heart.beat()
    assert read_beats(tmp_path, "serve")[0].failing_since is None
    assert read_beats(tmp_path, "seal") == []
    heart.stop()
    assert list((tmp_path / FOLDER).iterdir()) == []


def test_healthy_process_says_why_it_does_nothing_until_it_does_something(tmp_path: Path) -> None:
    heart = Heart(tmp_path, "serve")
    heart.beat()
    for doing, praise in (("window closed", "is well; window closed"), ("", "is well")):
        heart.say(doing)
        heart.beat()
        (beat,) = read_beats(tmp_path, "serve")
        assert (beat.find_fault(60.0), beat.praise()) == (None, praise)
    heart.say("window closed")
    heart.fail(OSError("disk full"))
    (beat,) = read_beats(tmp_path, "serve")
    assert (beat.detail, beat.praise()) == ("OSError: disk full", "is well")


def test_beats_of_other_hosts_are_judged_by_their_age(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(tmp_path, replace(HERE, host="elsewhere", pid=find_dead_pid(), at=stop_clock(monkeypatch)))
    assert read_beats(tmp_path, "serve") == []
    (beat,) = read_beats(tmp_path, "serve", everywhere=True)
    assert beat.find_fault(60.0) is None
    assert replace(beat, at=beat.at - 70).find_fault(60.0) == "says nothing for 70 s"


def test_next_process_of_a_name_buries_the_dead_one(tmp_path: Path) -> None:
    plant(tmp_path, replace(HERE, pid=find_dead_pid(), at=time.time()))
    plant(tmp_path, replace(HERE, process="seal", pid=find_dead_pid(), at=time.time()))
    Heart(tmp_path, "serve").beat()

    assert [beat.pid for beat in read_beats(tmp_path, "serve")] == [os.getpid()]
    assert len(read_beats(tmp_path, "seal")) == 1


def test_beats_of_hosts_that_are_gone_are_forgotten_after_a_day(tmp_path: Path) -> None:
    for host, age in (("gone", 25 * 3600), ("elsewhere", 3600)):
        plant(tmp_path, replace(HERE, host=host))
        file = tmp_path / FOLDER / f"serve-{host}-{os.getpid()}.json"
        os.utime(file, (time.time() - age,) * 2)
    Heart(tmp_path, "serve")

    assert [file.name for file in (tmp_path / FOLDER).iterdir()] == [f"serve-elsewhere-{os.getpid()}.json"]


def ask(state_dir: Path, monkeypatch: pytest.MonkeyPatch, *words: str) -> tuple[int, str]:
    """The command and the light module; both say the same."""
    monkeypatch.setenv("TRADEOPS_STATE_DIR", str(state_dir))
    found = CliRunner().invoke(app, ["health", *words])
    command = [sys.executable, "-m", health.__name__, *words]
    light = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT)
    assert (light.returncode, light.stdout) == (found.exit_code, found.output)
    return found.exit_code, found.output


def test_command_is_well_only_while_a_process_runs_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ask(tmp_path, monkeypatch, "serve") == (1, "serve does not run here\n")
    plant(tmp_path, replace(HERE, at=time.time() + 3600))  # fresh however long the commands take to start
    assert ask(tmp_path, monkeypatch, "serve") == (0, f"serve {os.getpid()} is well\n")
    plant(tmp_path, replace(HERE, host="elsewhere", at=0.0))
    assert ask(tmp_path, monkeypatch, "serve")[0] == 0
    plant(tmp_path, replace(HERE, pid=find_dead_pid(), at=time.time()))
    assert ask(tmp_path, monkeypatch, "serve")[0] == 1


def test_other_names_are_refused_with_those_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="serve, seal, relay"):
        health.describe_health(tmp_path, "broker", 60.0)


def test_light_module_loads_no_library_of_numbers_or_databases() -> None:
    program = (
        f"import sys, {health.__name__}; print([m for m in ('numpy', 'polars', 'sqlalchemy') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert found.stdout == "[]\n"
