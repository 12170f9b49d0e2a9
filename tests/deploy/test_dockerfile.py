"""The Dockerfile passes hadolint, copies what is there, and lets nothing else in; planted errors are refused."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

HADOLINT = Path(sys.executable).with_name("hadolint")
DOCKERFILE = ROOT / "Dockerfile"


def lint(file: Path) -> list[str]:
    done = subprocess.run([HADOLINT, "--no-color", file], check=False, capture_output=True, text=True, timeout=60)
    codes = re.findall(r" ((?:DL|SC)\d{4}) ", done.stdout)
    assert bool(codes) == (done.returncode != 0), done.stdout + done.stderr
    return codes


def list_copied(text: str) -> list[str]:
    rows = re.findall(r"^COPY (?!--from)(.+)$", text, flags=re.MULTILINE)
    return [name for row in rows for name in row.split()[:-1]]


def list_allowed(ignore: str) -> set[str]:
    return {row.removeprefix("!") for row in ignore.splitlines() if row.startswith("!")}


def test_hadolint_finds_nothing() -> None:
    assert lint(DOCKERFILE) == []


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("python:3.11.14-slim-bookworm", "python:latest", "DL3007"),
        ("python:3.11.14-slim-bookworm", "python", "DL3006"),
        ("uv==0.13.8", "uv", "DL3013"),
        ("--no-install-recommends ", "", "DL3015"),
        ("USER 10001:10001", "USER root", "DL3002"),
        ("# hadolint ignore=DL3008\n", "", "DL3008"),
        ("WORKDIR /opt/tradeops", "WORKDIR opt/tradeops", "DL3000"),
        ('CMD ["tradeops", "--help"]', "CMD tradeops --help", "DL3025"),
    ],
)
def test_mutant_hadolint_finds_a_planted_error(tmp_path: Path, old: str, new: str, code: str) -> None:
    text = DOCKERFILE.read_text()
    assert old in text
    (tmp_path / "Dockerfile").write_text(text.replace(old, new))
    assert code in lint(tmp_path / "Dockerfile")


def test_the_packages_are_those_of_the_lock_by_hash_and_the_project_brings_none() -> None:
    text = DOCKERFILE.read_text()
    assert re.search(r"uv pip sync .*--require-hashes .*requirements\.lock", text)
    assert re.search(r"uv pip install .*--no-deps --editable \.", text)
    assert "uv==" + re.search(r"uv_version=(\S+)", (ROOT / ".ci" / "sync_environment").read_text())[1] in text  # type: ignore[index]


def test_all_that_is_copied_is_there_and_nothing_else_is_sent_to_the_builder() -> None:
    copied = list_copied(DOCKERFILE.read_text())
    assert [name for name in copied if not (ROOT / name).exists()] == []
    ignore = (ROOT / ".dockerignore").read_text()
    assert ignore.splitlines()[1] == "*"
    assert list_allowed(ignore) == set(copied)


def test_mutant_a_folder_that_is_not_there_is_found() -> None:
    copied = list_copied("COPY --from=packages /opt /opt\nCOPY requirements.lock seeds ./\n")
    assert [name for name in copied if not (ROOT / name).exists()] == ["seeds"]


def test_what_the_compose_file_calls_in_the_image_is_copied_into_it() -> None:
    called = set(re.findall(r"/opt/tradeops/([\w./-]+)", (ROOT / "docker-compose.yaml").read_text()))
    assert called
    assert [name for name in called if not (ROOT / name).exists()] == []
    assert {name.split("/")[0] for name in called} <= set(list_copied(DOCKERFILE.read_text()))
