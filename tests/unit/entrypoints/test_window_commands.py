"""`tradeops window` as a person uses it."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tradeops.domain.errors import ConfigurationError
from tradeops.entrypoints.command_line.main import app


@pytest.fixture(autouse=True)
def state_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEOPS_STATE_DIR", str(tmp_path / "state"))


def run(*words: str) -> Result:
    return CliRunner().invoke(app, ["window", *words], catch_exceptions=False)


def test_state_is_shown_with_who_said_so_and_why_newest_first() -> None:
    assert run("show").output == "window open: nobody ever closed it\n"
    closed = run("close", "--person", "ann", "--reason", "bars look wrong").output
    opened = run("open", "--person", "bob", "--reason", "bars are right again").output

    assert closed.startswith("window closed since 20")
    assert opened.endswith(" UTC by bob: bars are right again\n")
    assert run("show").output == opened + closed
    (newest, older) = json.loads(run("show", "--json").output)
    assert (newest["state"], newest["person"], older["state"]) == ("open", "bob", "closed")


def test_nobody_speaks_for_the_schedule_nor_without_a_reason() -> None:
    for person, reason in (("schedule", "because"), ("ann", " ")):
        with pytest.raises(ConfigurationError):
            run("close", "--person", person, "--reason", reason)
    assert run("close", "--person", "ann").exit_code == 2
    assert run("show").output == "window open: nobody ever closed it\n"
