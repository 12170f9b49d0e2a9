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
from tradeops.entrypoints.airflow.dead_letter_tasks import ALL, redrive_dead_letters
from tradeops.ports.event_log import Message, NewMessage
from tradeops.services import dead_letters

AT = datetime(2013, 2, 28, 21, 30, tzinfo=UTC)


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
    for name, value in (("topic", BARS_RAW.name), ("topic", ""), ("dry_run", "yes")):
        with pytest.raises(ParamValidationError):
            params[name] = value


def test_letters_of_all_topics_are_sent_once(log: SqliteEventLog, notes: list[str]) -> None:
    sent = {"letters": 3, "topics": {BARS_RAW.name: 2, MACRO_RAW.name: 1}, "dry_run": False}
    assert redrive_dead_letters(ALL, dry_run=True) == {**sent, "dry_run": True}
    assert redrive_dead_letters(ALL, dry_run=False) == sent
    assert redrive_dead_letters(ALL, dry_run=False) == {"letters": 0, "topics": {}, "dry_run": False}
    each = f"2 {BARS_RAW.name}, 1 {MACRO_RAW.name}"
    assert notes == [
        f"3 dead letters would be sent again: {each}",
        f"3 dead letters sent again: {each}",
        "0 dead letters sent again",
    ]
    assert sum(log.end_offsets(BARS_RAW.name).values()) == 2


def test_one_topic_leaves_the_others(log: SqliteEventLog, notes: list[str]) -> None:
    redrive_dead_letters(MACRO_RAW.dead_letters, dry_run=False)
    states = {letter.topic: letter.state for letter in dead_letters.list_dead_letters(log)}
    assert states == {BARS_RAW.name: LetterState.OPEN, MACRO_RAW.name: LetterState.REDRIVEN}


def test_a_held_lease_is_tried_again_and_damage_is_not(
    log: SqliteEventLog, notes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dead_letters, "_WAIT_SECONDS", 0.0)
    with log.hold(f"redrive/{MACRO_RAW.name}"), pytest.raises(LeaseHeld):
        redrive_dead_letters(MACRO_RAW.dead_letters, dry_run=False)
    log.append([NewMessage(topic=MACRO_RAW.dead_letters, key="A", value=b"?")])
    with pytest.raises(AirflowFailException, match="CorruptInput"):
        redrive_dead_letters(MACRO_RAW.dead_letters, dry_run=False)
    assert notes == []
