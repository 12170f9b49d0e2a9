"""The real Compose program without an engine: it reads, fills in and checks the file, and starts nothing."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.conftest import ROOT

PROGRAM = Path(sys.executable).with_name("docker-compose")
COMPOSE = ROOT / "docker-compose.yaml"
PROFILES = ("core",)
_NO_ENGINE = {"DOCKER_HOST": "tcp://127.0.0.1:1", "PATH": os.environ["PATH"], "HOME": "/nonexistent"}


class ComposeRefuses(Exception):
    """What the program says is wrong."""


def draw_env(folder: Path) -> Path:
    """The `.env` that `deploy/make_env` writes, in a folder of its own."""
    (folder / "deploy").mkdir(parents=True)
    shutil.copy(ROOT / "deploy" / "make_env", folder / "deploy")
    shutil.copy(ROOT / ".env.example", folder)
    make_env(folder)
    return folder / ".env"


def make_env(folder: Path) -> None:
    subprocess.run([folder / "deploy" / "make_env"], check=True, capture_output=True, timeout=120)


def read_env(env: Path) -> dict[str, str]:
    rows = [row.split("=", 1) for row in env.read_text().splitlines() if row and not row.startswith("#")]
    return {key: value for key, value in rows}


def run_config(file: Path, env: Path, *words: str) -> str:
    """Output of `docker-compose config`.

    Raises:
        ComposeRefuses: Its exit code is not 0, or it warns.
    """
    profiles = [word for name in PROFILES for word in ("--profile", name)]
    command = [PROGRAM, "--project-directory", ROOT, "--file", file, "--env-file", env, *profiles, "config", *words]
    done = subprocess.run(command, check=False, env=_NO_ENGINE, capture_output=True, text=True, timeout=300)
    if done.returncode != 0 or done.stderr:
        raise ComposeRefuses(done.stderr)
    return done.stdout


def load_config(file: Path, env: Path) -> dict[str, Any]:
    """The file as the engine would get it: anchors, variables and defaults filled in."""
    loaded: dict[str, Any] = json.loads(run_config(file, env, "--format", "json"))
    return loaded
