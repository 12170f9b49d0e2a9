"""What a command writes is its owner's only, whatever the shell's own mask is."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tradeops.entrypoints.command_line.main import main

SHELLS_MASK = 0o022


@pytest.fixture(autouse=True)
def mask_of_a_shell() -> Iterator[None]:
    before = os.umask(SHELLS_MASK)
    yield
    os.umask(before)


def check_the_state_is_its_owners_only(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first command makes the folder; nobody else may look into it."""
    monkeypatch.setenv("TRADEOPS_STATE_DIR", str(folder))
    monkeypatch.setattr(sys, "argv", ["tradeops", "window", "show"])
    with pytest.raises(SystemExit):
        main()
    assert {path.stat().st_mode & 0o077 for path in (folder, *folder.rglob("*"))} == {0}


def test_a_state_folder_that_a_command_makes_is_its_owners_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_the_state_is_its_owners_only(tmp_path / "state", monkeypatch)
    assert os.umask(SHELLS_MASK) == SHELLS_MASK


def test_a_folder_that_is_there_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path.chmod(0o750)
    with pytest.raises(AssertionError):
        check_the_state_is_its_owners_only(tmp_path, monkeypatch)
    assert tmp_path.stat().st_mode & 0o777 == 0o750


def test_mutant_with_the_mask_of_the_shell_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "umask", lambda _: SHELLS_MASK)
    with pytest.raises(AssertionError):
        check_the_state_is_its_owners_only(tmp_path / "state", monkeypatch)
