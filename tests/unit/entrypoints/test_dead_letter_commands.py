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
        f"     2  {BARS_RAW.name}  schema_invalid  InvalidRecord  open",
        f"     1  {MACRO_RAW.name}  schema_invalid  InvalidRecord  open",
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
    assert tradeops("redrive", "--all").stdout.endswith("3 letters sent again; whoever reads the topic gets them\n")
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


def listed(*words: str) -> list[str]:
    return [letter["address"] for letter in json.loads(tradeops("list", "--json", *words).stdout)]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("--kind", "schema_invalid"), [FIRST, SECOND, THIRD]),
        (("--kind", "unparseable"), []),
        (("--error", "InvalidRecord", "--topic", MACRO_RAW.name), [THIRD]),
        (("--error", "KeyError"), []),
        (("--since", "2013-02-28"), [FIRST, SECOND, THIRD]),
        (("--since", "2013-03-01"), []),
        (("--since", "2013-02-28T21:30:00", "--until", "2013-02-28T22:30:01+01:00"), [FIRST, SECOND, THIRD]),
        (("--until", "2013-02-28T21:30:00"), []),
    ],
)
def test_list_filters_by_kind_error_and_time(log: SqliteEventLog, words: tuple[str, ...], found: list[str]) -> None:
    assert listed(*words) == found


def test_what_is_no_time_is_the_commands_own_words(log: SqliteEventLog) -> None:
    assert tradeops("list", "--since", "yesterday").exit_code == 2


def test_redrive_filters(log: SqliteEventLog) -> None:
    assert tradeops("redrive", "--all", "--until", "2013-02-28").stdout.startswith("0 letters")
    assert "not filtered" in refuse("redrive", FIRST, "--kind", "timed_out").message
    assert tradeops("redrive", "--topic", MACRO_RAW.name, "--error", "InvalidRecord").stdout.startswith(f"sent {THIRD}")


SIGNED = ("--person", "Ada", "--reason", "wrong at the source")


def test_discard_keeps_the_letter_with_who_and_why(log: SqliteEventLog) -> None:
    dry = tradeops("discard", FIRST, *SIGNED, "--dry-run").stdout
    assert dry.startswith(f"would discard {FIRST}")
    assert set(states(log)) == {LetterState.OPEN}
    done = tradeops("discard", FIRST, *SIGNED).stdout.splitlines()
    assert done[-1] == "1 letter discarded; `tradeops dlq list` keeps them"
    shown = json.loads(tradeops("show", FIRST, "--json").stdout)
    assert (shown["state"], shown["discarded_by"], shown["because"]) == ("discarded", "Ada", "wrong at the source")
    assert listed("--state", "discarded") == [FIRST]
    assert tradeops("discard", FIRST, *SIGNED).stdout.startswith("0 letters")
    assert tradeops("redrive", "--all").stdout.splitlines()[-1].startswith("2 letters")
    assert tradeops("redrive", FIRST).stdout.startswith(f"sent {FIRST}")
    assert "discarded_by" not in json.loads(tradeops("show", FIRST, "--json").stdout)


def test_discard_of_a_topic_takes_filters(log: SqliteEventLog) -> None:
    words = ("discard", "--topic", BARS_RAW.name, *SIGNED, "--json")
    assert json.loads(tradeops(*words, "--kind", "timed_out").stdout)["discarded"] == []
    assert [each["address"] for each in json.loads(tradeops(*words).stdout)["discarded"]] == [FIRST, SECOND]


def test_discard_wants_a_person_a_reason_and_one_choice(log: SqliteEventLog) -> None:
    assert tradeops("discard", FIRST, "--person", "Ada").exit_code == 2
    assert tradeops("discard", FIRST, "--reason", "why").exit_code == 2
    assert "name both" in refuse("discard", FIRST, "--person", " ", "--reason", "why").message
    assert "say --all" in refuse("discard", *SIGNED).message
    missing = str(MessageAddress(topic=MACRO_RAW.dead_letters, partition=0, offset=9))
    assert isinstance(refuse("discard", FIRST, missing, *SIGNED), UnknownRecord)
    assert set(states(log)) == {LetterState.OPEN}
