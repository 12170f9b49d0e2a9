"""Every `tradeops dlq` that the guide, the runbook and the mail tell a person to type is a command that works."""

import re
import shlex
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.fakes.notifier import InMemoryNotifier
from tradeops.adapters.event_log_sqlite import SqliteEventLog
from tradeops.domain.errors import InvalidRecord
from tradeops.domain.topics import BARS_RAW
from tradeops.entrypoints.command_line.main import app
from tradeops.ports.event_log import Message
from tradeops.services.dead_letters import make_dead_letter
from tradeops.services.watch_dead_letters import watch_dead_letters

DOCS = Path(__file__).parents[3] / "docs"
AT = datetime(2026, 11, 21, 17, 42, tzinfo=UTC)
TYPED = re.compile(r"^\$ (tradeops dlq .+)$", re.MULTILINE)
QUOTED = re.compile(r"`(tradeops dlq [^`…|]+)`")


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SqliteEventLog:
    """Letters at the addresses of the documents."""
    monkeypatch.setenv("TRADEOPS_STATE_DIR", str(tmp_path))
    log = SqliteEventLog(f"sqlite:///{tmp_path}/event_log.db")
    failed = [Message(topic=BARS_RAW.name, partition=3, offset=n, key="IBM", value=b"", headers={}) for n in range(4)]
    log.append([make_dead_letter(message, InvalidRecord("not_a_session: no"), at=AT) for message in failed])
    return log


def check_commands(text: str) -> int:
    commands = [" ".join(found.split()) for found in TYPED.findall(text) + QUOTED.findall(text)]
    for command in commands:
        words = shlex.split(command.replace("ADDRESS", f"{BARS_RAW.dead_letters}/3/0"))[1:]
        result = CliRunner().invoke(app, words)
        assert result.exit_code == 0, (command, result.output, result.exception)
    return len(commands)


@pytest.mark.parametrize(("name", "count"), [("guides/dead_letters.md", 5), ("runbooks/dead_letters_growing.md", 9)])
def test_commands_of_the_documents_work(log: SqliteEventLog, name: str, count: int) -> None:
    assert check_commands((DOCS / name).read_text()) >= count


def test_commands_of_the_mail_work(log: SqliteEventLog) -> None:
    notifier = InMemoryNotifier()
    watch_dead_letters(log, notifier, topic=BARS_RAW.name, at=AT)
    assert check_commands(notifier.sent[0].advice) == 4


@pytest.mark.parametrize(
    "command", ["tradeops dlq redrvie --all", "tradeops dlq list --sate open", "tradeops dlq redrive"]
)
def test_mutant_a_command_that_does_not_work_is_found(log: SqliteEventLog, command: str) -> None:
    with pytest.raises(AssertionError):
        check_commands(f"$ {command}\n")
