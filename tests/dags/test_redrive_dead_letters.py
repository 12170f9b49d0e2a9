"""The DAG that sends dead letters again: its form, and what its task does."""

import copy
from datetime import UTC, datetime
from pathlib import Path

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk.exceptions import AirflowFailException, ParamValidationError

from tradeops.adapters.event_log_sqlite import SqliteEventLog
from tradeops.domain.dead_letters import LetterState
from tradeops.domain.errors import InvalidRecord, LeaseHeld
from tradeops.domain.topics import BARS_RAW, MACRO_RAW, TOPICS
from tradeops.entrypoints.airflow import dead_letter_tasks
from tradeops.entrypoints.airflow.dead_letter_tasks import ALL, ANY, KINDS, redrive_dead_letters, tell_of_dead_letters
from tradeops.ports.event_log import Message, NewMessage
from tradeops.services import dead_letters
from tradeops.services.dead_letters import settle_letters

AT = datetime(2013, 2, 28, 21, 30, tzinfo=UTC)
NO_FILTER: dict[str, str | None] = {"kind": ANY, "error": None, "since": None, "until": None}


@pytest.fixture
def notes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    written: list[str] = []
    monkeypatch.setattr(dead_letter_tasks, "note_run", written.append)
    return written


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SqliteEventLog:
    monkeypatch.setenv("TRADEOPS_STATE_DIR", str(tmp_path))
    log = SqliteEventLog(f"sqlite:///{tmp_path}/event_log.db")
    for topic in (BARS_RAW.name, BARS_RAW.name, MACRO_RAW.name):
        message = Message(topic=topic, partition=0, offset=0, key="A", value=b"bad", headers={})
        log.append([dead_letters.make_dead_letter(message, InvalidRecord("bad"), at=AT)])
    return log


def test_the_form_offers_every_dead_letter_topic(bag: DagBag) -> None:
    params = copy.deepcopy(bag.dags["redrive_dead_letters"].params)
    assert (params["topic"], params["dry_run"]) == (ALL, False)
    for topic in TOPICS.values():
        params["topic"] = topic.dead_letters
    for kind in KINDS:
        params["kind"] = kind
    for name in ("error", "since", "until"):
        assert params[name] is None
        params[name] = "2013-02-28T21:30:00+00:00"
    wrong = {
        "topic": (BARS_RAW.name, ""),
        "dry_run": ("yes",),
        "kind": ("odd",),
        "since": ("yesterday",),
        "until": (3,),
    }
    for name, value in ((name, value) for name, values in wrong.items() for value in values):
        with pytest.raises(ParamValidationError):
            params[name] = value


def test_letters_of_all_topics_are_sent_once(log: SqliteEventLog, notes: list[str]) -> None:
    sent = {"letters": 3, "topics": {BARS_RAW.name: 2, MACRO_RAW.name: 1}, "dry_run": False}
    assert redrive_dead_letters(ALL, NO_FILTER, dry_run=True) == {**sent, "dry_run": True}
    assert redrive_dead_letters(ALL, NO_FILTER, dry_run=False) == sent
    assert redrive_dead_letters(ALL, NO_FILTER, dry_run=False) == {"letters": 0, "topics": {}, "dry_run": False}
    each = f"2 {BARS_RAW.name}, 1 {MACRO_RAW.name}"
    assert notes == [
        f"3 dead letters would be sent again: {each}",
        f"3 dead letters sent again: {each}",
        "0 dead letters sent again",
    ]
    assert sum(log.end_offsets(BARS_RAW.name).values()) == 2


def test_one_topic_leaves_the_others(log: SqliteEventLog, notes: list[str]) -> None:
    redrive_dead_letters(MACRO_RAW.dead_letters, NO_FILTER, dry_run=False)
    states = {letter.topic: letter.state for letter in dead_letters.list_dead_letters(log)}
    assert states == {BARS_RAW.name: LetterState.OPEN, MACRO_RAW.name: LetterState.REDRIVEN}


def test_a_held_lease_is_tried_again_and_damage_is_not(
    log: SqliteEventLog, notes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settle_letters, "_WAIT_SECONDS", 0.0)
    with log.hold(f"redrive/{MACRO_RAW.name}"), pytest.raises(LeaseHeld):
        redrive_dead_letters(MACRO_RAW.dead_letters, NO_FILTER, dry_run=False)
    log.append([NewMessage(topic=MACRO_RAW.dead_letters, key="A", value=b"?")])
    with pytest.raises(AirflowFailException, match="CorruptInput"):
        redrive_dead_letters(MACRO_RAW.dead_letters, NO_FILTER, dry_run=False)
    assert notes == []


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        ({"kind": "handler_failed"}, 0),
        ({"kind": "schema_invalid"}, 3),
        ({"error": "InvalidRecord"}, 3),
        ({"error": "KeyError"}, 0),
        ({"since": "2013-02-28T21:30:00+00:00"}, 3),
        ({"since": "2013-02-28T21:30:01"}, 0),
        ({"until": "2013-02-28T21:30:00Z"}, 0),
        ({"until": "2013-02-28T22:30:01+01:00"}, 3),
    ],
)
def test_filters_reach_the_letters(
    log: SqliteEventLog, notes: list[str], filters: dict[str, str | None], count: int
) -> None:
    assert redrive_dead_letters(ALL, {**NO_FILTER, **filters}, dry_run=True)["letters"] == count


def test_the_task_passes_what_the_form_says(
    bag: DagBag, log: SqliteEventLog, notes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    monkeypatch.setattr(
        dead_letter_tasks, "redrive_dead_letters", lambda topic, filters, *, dry_run: asked.append((filters, dry_run))
    )
    call = bag.dags["redrive_dead_letters"].tasks[0].python_callable
    context = {"params": {**NO_FILTER, "topic": ALL, "dry_run": True}}
    monkeypatch.setitem(call.__globals__, "get_current_context", lambda: context)
    call()
    assert asked == [({**NO_FILTER, "topic": ALL, "dry_run": True}, True)]


def test_a_load_tells_once_that_letters_grow_and_goes_on_when_it_cannot(
    log: SqliteEventLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    mails = tmp_path / "mails"
    monkeypatch.setenv("TRADEOPS_MAIL_DIR", str(mails))
    mails.write_text("no folder")
    tell_of_dead_letters()
    assert "nobody could be told of dead letters of market.bars.raw" in caplog.text
    mails.unlink()
    for _ in range(3):
        tell_of_dead_letters()
    subjects = sorted(line for mail in mails.iterdir() for line in mail.read_text().splitlines() if "Subject" in line)
    assert subjects == [
        "Subject: [tradeops] 1 message of macro.releases.raw could not be processed",
        "Subject: [tradeops] 2 messages of market.bars.raw could not be processed",
    ]
