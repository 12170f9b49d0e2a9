"""Evidence in files: what was measured, at which commit, in parts that are not done twice."""

import json
import os
import platform
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.conftest import ROOT

FOLDER = ROOT / "docs" / "evidence"
# A change of anything else leaves what was measured as it is.
MEASURED = (
    *("include", "agents", "graphs", "requirements.lock"),
    *("tests/evidence", "tests/faults", "tests/integration/test_oracle_earns.py"),
    *("tests/integration/concurrent_cycles.py", "tests/integration/cycles_on_postgres.py"),
    *(":(exclude)tests/evidence/test_*.py", ":(exclude)tests/faults/test_*.py"),
)
Part = dict[str, Any]


@dataclass
class Evidence:
    """One file of `docs/evidence`.

    Args:
        commit: The last one that changed anything that is measured.
        parts: Finished ones; everything else in the file is computed from them.
    """

    name: str
    commit: str
    parts: list[Part] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)
    folder: Path = FOLDER

    def save(self) -> None:
        """All of it or nothing, so that a killed run loses one part at most."""
        body = {
            "name": self.name,
            "commit": self.commit,
            "python": platform.python_version(),
            "cores": len(os.sched_getaffinity(0)),
            "figures": self.figures,
            "parts": self.parts,
        }
        self.folder.mkdir(parents=True, exist_ok=True)
        temporary = self.folder / f".{self.name}.json"
        temporary.write_text(lay_out(body))
        temporary.replace(self.folder / f"{self.name}.json")


def open_evidence(name: str, commit: str, folder: Path = FOLDER) -> Evidence:
    """What is there for this commit, or nothing yet."""
    path = folder / f"{name}.json"
    body = json.loads(path.read_text()) if path.exists() else {}
    if body.get("commit") != commit:
        return Evidence(name, commit, folder=folder)
    return Evidence(name, commit, body["parts"], body["figures"], folder)


def lay_out(body: dict[str, Any]) -> str:
    """JSON with one line a list of plain values."""
    text = json.dumps(body, indent=2, ensure_ascii=False)
    return re.sub(r"\[[^\[\]{}]*\]", lambda found: re.sub(r"\s+", " ", found[0]), text) + "\n"


def find_commit() -> str:
    """The last commit that changed what is measured, with its day.

    Raises:
        SystemExit: Something that is measured differs from it.
    """
    if changed := _ask_git("status", "--porcelain", "--", *MEASURED):
        raise SystemExit(f"evidence names a commit, and this is in none:\n{changed}\nCommit it first.")
    return _ask_git("log", "-1", "--format=%h of %as", "--abbrev=12", "--", *MEASURED)


def _ask_git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise SystemExit("evidence names a commit: run it in a clone, with git")
    return done.stdout.strip()
