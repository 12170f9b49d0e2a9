"""`tradeops dlq` as a person and as a machine use it."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tradeops.adapters.event_log_sqlite import SqliteEventLog
from tradeops.domain.dead_letters import LetterState, MessageAddress
from tradeops.domain.errors import ConfigurationError, InvalidRecord, TradeOpsError, UnknownRecord
from tradeops.domain.topics import BARS_RAW, MACRO_RAW, choose_partition
from tradeops.entrypoints.command_line.main import app
from tradeops.ports.event_log import Message
from tradeops.services.dead_letters import list_dead_letters, make_dead_letter

AT = datetime(2013, 2, 28, 21, 30, tzinfo=UTC)
PLACE = choose_partition("AAPL", BARS_RAW.partitions)
TEXT, BINARY = b'{"close": NaN}', b"\xff\x00\x1b[2J"
FIRST, SECOND, THIRD = (
    f"{BARS_RAW.dead_letters}/{PLACE}/0",
    f"{BARS_RAW.dead_letters}/{PLACE}/1",
    f"{MACRO_RAW.dead_letters}/0/0",
)


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SqliteEventLog:
    monkeypatch.setenv("TRADEOPS_STATE_DIR", str(tmp_path))
    log = SqliteEventLog(f"sqlite:///{tmp_path}/event_log.db")
    failed = [
        (BARS_RAW.name, PLACE, "AAPL", TEXT),
        (BARS_RAW.name, PLACE, "AAPL", BINARY),
        (MACRO_RAW.name, 0, "wti", b"?"),
    ]
    log.append(
        [
            make_dead_letter(
                Message(topic=topic, partition=place, offset=7, key=key, value=value, headers={}),
                InvalidRecord(f"{key} is \x1b[31mwrong"),
                at=AT,
            )
            for topic, place, key, value in failed
        ]
    )
    return log


def tradeops(*words: str) -> Result:
    return CliRunner().invoke(app, ["dlq", *words])


def refuse(*words: str) -> TradeOpsError:
    error = tradeops(*words).exception
    assert isinstance(error, TradeOpsError)
    return error


def test_list_counts_first_and_then_shows_each(log: SqliteEventLog) -> None:
    lines = tradeops("list").stdout.splitlines()
    assert lines[:3] == [
        f"     2  {BARS_RAW.name}  InvalidRecord  open",
        f"     1  {MACRO_RAW.name}  InvalidRecord  open",
        "",
    ]
    assert [line.split()[0] for line in lines[3:]] == [FIRST, SECOND, THIRD]
    assert all("open" in line and "2013-02-28T21:30:00" in line and "\x1b" not in line for line in lines[3:])


def test_list_filters(log: SqliteEventLog) -> None:
    for words, count in ((("--topic", MACRO_RAW.name), 1), (("--topic", BARS_RAW.dead_letters), 2), ((), 3)):
        assert len(json.loads(tradeops("list", "--json", *words).stdout)) == count
    assert tradeops("list", "--state", "redriven").stdout == "no dead letters\n"


def test_show_gives_the_reason_and_the_bytes(log: SqliteEventLog) -> None:
    shown = tradeops("show", FIRST).stdout
    for part in (FIRST, f"{BARS_RAW.name}/{PLACE}/7", "AAPL is \\x1b[31mwrong", "InvalidRecord", TEXT.decode()):
        assert part in shown
    binary = tradeops("show", SECOND).stdout
    assert BINARY.hex(" ") in binary
    assert "\x1b" not in shown + binary
    assert json.loads(tradeops("show", FIRST, "--json").stdout)["text"] == TEXT.decode()


def states(log: SqliteEventLog) -> list[LetterState]:
    return [letter.state for letter in list_dead_letters(log)]


def test_redrive_says_what_it_does_and_does_it_once(log: SqliteEventLog) -> None:
    dry = tradeops("redrive", "--topic", BARS_RAW.name, "--dry-run").stdout.splitlines()
    assert dry[0] == f"would send {FIRST} to {BARS_RAW.name}, key 'AAPL'"
    assert dry[-1] == "2 letters would be sent again"
    assert set(states(log)) == {LetterState.OPEN}
    done = tradeops("redrive", "--topic", BARS_RAW.name).stdout.splitlines()
    assert done[0] == f"sent {FIRST} to {BARS_RAW.name}, key 'AAPL'"
    assert [message.value for message in log.read(BARS_RAW.name, PLACE, 0)] == [TEXT, BINARY]
    assert tradeops("redrive", "--topic", BARS_RAW.name).stdout.startswith("0 letters")
    assert states(log) == [LetterState.REDRIVEN, LetterState.REDRIVEN, LetterState.OPEN]


def test_redrive_takes_addresses_of_several_topics(log: SqliteEventLog) -> None:
    done = json.loads(tradeops("redrive", SECOND, THIRD, "--json").stdout)
    assert [letter["address"] for letter in done["redriven"]] == [SECOND, THIRD]
    assert states(log) == [LetterState.OPEN, LetterState.REDRIVEN, LetterState.REDRIVEN]


def test_redrive_all(log: SqliteEventLog) -> None:
    assert tradeops("redrive", "--all").stdout.endswith("3 letters sent again; the next ingest reads them\n")
    assert set(states(log)) == {LetterState.REDRIVEN}


@pytest.mark.parametrize("words", [(), (FIRST, "--all"), ("--topic", BARS_RAW.name, "--all")])
def test_redrive_wants_one_choice(log: SqliteEventLog, words: tuple[str, ...]) -> None:
    assert "say --all" in refuse("redrive", *words).message
    assert set(states(log)) == {LetterState.OPEN}


def test_an_unknown_letter_is_refused_before_anything_is_sent(log: SqliteEventLog) -> None:
    missing = str(MessageAddress(topic=MACRO_RAW.dead_letters, partition=0, offset=9))
    for words in (("show", missing), ("redrive", FIRST, missing)):
        assert isinstance(refuse(*words), UnknownRecord)
    assert isinstance(refuse("show", "nonsense"), ConfigurationError)
    assert isinstance(refuse("list", "--topic", "market.gossip"), ConfigurationError)
    assert set(states(log)) == {LetterState.OPEN}
