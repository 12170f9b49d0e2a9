"""The look at the processes: noted always, told once while the window is open."""

import copy
import json
import socket
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk.exceptions import ParamValidationError

from tradeops.bootstrap import diagnosis, window
from tradeops.bootstrap.event_log import open_event_log
from tradeops.bootstrap.notifier import open_notifier
from tradeops.domain.errors import ExternalServiceError, InvalidRecord
from tradeops.domain.topics import FEATURES
from tradeops.domain.trading_window import WindowChange, WindowState
from tradeops.entrypoints.airflow import supervision_tasks
from tradeops.entrypoints.airflow.supervision_tasks import AGAIN_SECONDS, PROCESSES, supervise_processes
from tradeops.entrypoints.processes.heartbeat import FOLDER
from tradeops.ports.breaker_board import Opening
from tradeops.ports.event_log import NewMessage
from tradeops.services.dead_letters import make_dead_letter
from tradeops.services.describe_outage import describe_outage
from tradeops.settings import Settings, load_settings

ALL_WELL = "window open; waiting: ingest 0, seal 0, decide 0; all processes are well"

NOBODY = 4_194_305  # above the greatest number that Linux gives


class Office:
    """An installation whose processes say what a test wants; sleeping lets `meanwhile` happen."""

    def __init__(self, settings: Settings, notes: list[str]) -> None:
        self.settings = settings
        self.notes = notes
        self.slept: list[float] = []
        for name in PROCESSES:
            self.beat(name)

    def beat(self, name: str, *, host: str = "", age: float = 0, failing: float | None = None) -> None:
        folder = self.settings.state_dir / FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        said = {
            "process": name,
            "host": host or "elsewhere",
            "pid": NOBODY,
            "at": time.time() - age,
            "failing_since": None if failing is None else time.time() - failing,
            "detail": "ExternalServiceError: away",
        }
        (folder / f"{name}-{said['host']}-{NOBODY}.json").write_text(json.dumps(said))

    def end(self, name: str) -> None:
        for file in (self.settings.state_dir / FOLDER).glob(f"{name}-*"):
            file.unlink()

    def turn(self, state: WindowState) -> None:
        at = datetime(2026, 11, 20, 14, tzinfo=UTC)
        change = WindowChange(requested_by=state, state=state, person="ann", reason="a test", at=at)
        window.record_window_change(self.settings, change)

    def send(self, count: int) -> None:
        with open_event_log(self.settings.event_log_url) as log:
            log.append([NewMessage(topic=FEATURES.name, key="XNYS", value=b"?") for _ in range(count)])

    def supervise(self, *names: str) -> dict[str, object]:
        return supervise_processes(names or PROCESSES, sleep=self.slept.append)

    def mails(self) -> list[str]:
        return sorted(mail.read_text() for mail in self.settings.mail_dir.glob("*.eml"))


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    monkeypatch.setenv("TRADEOPS_STATE_DIR", str(tmp_path))
    notes: list[str] = []
    monkeypatch.setattr(supervision_tasks, "note_run", notes.append)
    return Office(load_settings(), notes)


def test_while_all_is_well_only_the_note_says_so(office: Office) -> None:
    assert office.supervise() == {"faults": {}, "told": False}
    assert (office.notes, office.mails(), office.slept) == ([ALL_WELL], [], [])


def test_several_faults_in_an_open_window_are_one_message_with_what_to_do(office: Office) -> None:
    office.end("relay")
    office.beat("seal", failing=90)
    told = [office.supervise()["told"] for _ in range(3)]

    assert told == [True, False, False]
    (mail,) = office.mails()
    assert "Subject: [tradeops] in an open trading window: relay, seal not well" in mail
    for line in ("runs nowhere", "on elsewhere fails for", "s: ExternalServiceError: away", "window open", "decide 0"):
        assert line in mail
    assert "tradeops window close" in mail
    assert office.slept == [AGAIN_SECONDS] * 3
    office.end("serve")
    assert office.supervise()["told"]


def test_in_a_closed_window_faults_are_noted_and_nobody_is_woken(office: Office) -> None:
    office.turn(WindowState.CLOSED)
    office.end("serve")
    office.send(3)
    assert office.supervise() == {"faults": {"serve": "runs nowhere"}, "told": False}
    assert office.notes == [
        "window closed since 2026-11-20 14:00 UTC by ann: a test; waiting: ingest 0, seal 0, decide 3; "
        "serve runs nowhere"
    ]
    assert office.mails() == []
    office.turn(WindowState.OPEN)
    assert office.supervise()["told"]


def test_sessions_that_wait_in_an_open_window_are_a_fault_and_in_a_closed_one_none(office: Office) -> None:
    office.send(1)
    assert office.supervise()["faults"] == {}
    office.send(1)
    assert office.supervise()["faults"] == {"serve": "leaves 2 sessions waiting"}
    office.turn(WindowState.CLOSED)
    assert office.supervise()["faults"] == {}


def test_one_process_that_is_well_is_enough_and_a_restart_is_no_incident(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.beat("serve", host="gone", age=3600)
    assert office.supervise()["faults"] == {}
    office.end("seal")
    found = supervise_processes(PROCESSES, sleep=lambda _: office.beat("seal"))
    assert (found, office.notes[-1]) == ({"faults": {}, "told": False}, ALL_WELL)


def test_on_the_same_host_the_dead_are_known_at_once(office: Office) -> None:
    office.end("serve")
    office.beat("serve", host=socket.gethostname())
    assert office.supervise("serve")["faults"] == {"serve": f"on {socket.gethostname()} is dead"}
    assert office.supervise("seal", "relay")["faults"] == {}


def test_what_does_not_answer_is_a_fault_and_hides_no_other(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    office.end("seal")
    monkeypatch.setenv("TRADEOPS_EVENT_LOG_URL", "kafka://127.0.0.1:1/?wait_s=0.1")
    monkeypatch.setenv("TRADEOPS_LEDGER_URL", "postgresql+psycopg://nobody@127.0.0.1:1/none")
    found = office.supervise()
    assert set(found["faults"]) == {"seal", "ledger", "event log"}  # type: ignore[call-overload]
    assert found["told"]
    assert "waiting: not known" in office.notes[0]


def test_event_log_that_is_away_is_one_incident_with_what_the_processes_tell_of_it(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRADEOPS_EVENT_LOG_URL", "kafka://127.0.0.1:1/?session_s=1&patience_s=1")
    opening = Opening(failures=5, failing_since=time.time())
    outage = describe_outage(opening, error="no connection", rest_seconds=30.0, waits="nothing")
    assert open_notifier(office.settings).notify(outage)
    office.beat("seal", failing=90)
    found = office.supervise()
    assert set(found["faults"]) == {"seal", "event log"}  # type: ignore[call-overload]
    assert not found["told"]
    # It comes back between the two looks, and the processes have not noticed yet.
    monkeypatch.delenv("TRADEOPS_EVENT_LOG_URL")
    count, away = diagnosis.count_waiting, [ExternalServiceError("away")]

    def count_after_an_outage(settings: Settings) -> object:
        if away:
            raise away.pop()
        return count(settings)

    monkeypatch.setattr(diagnosis, "count_waiting", count_after_an_outage)
    back = office.supervise()
    assert (set(back["faults"]), back["told"]) == ({"seal"}, False)  # type: ignore[call-overload]
    assert len(office.mails()) == 1
    assert office.supervise()["told"]


def test_dead_letters_of_a_process_that_died_before_it_told_are_told_once(office: Office) -> None:
    office.send(1)
    with open_event_log(office.settings.event_log_url) as log:
        (message,) = log.read(FEATURES.name, 0, 0)
        log.append([make_dead_letter(message, InvalidRecord("no event"), at=datetime(2026, 11, 20, tzinfo=UTC))])
    for _ in range(2):
        assert office.supervise()["faults"] == {}
        (mail,) = office.mails()
        assert "could not be processed" in mail


def test_mutant_that_leaves_dead_letters_to_those_who_write_them_is_found(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervision_tasks, "tell_of_dead_letters", lambda: None)
    with pytest.raises(ValueError, match="not enough values"):
        test_dead_letters_of_a_process_that_died_before_it_told_are_told_once(office)


def test_mutant_that_looks_at_no_file_is_found(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervision_tasks, "find_fault", lambda _settings, _name: None)
    with pytest.raises(AssertionError):
        test_several_faults_in_an_open_window_are_one_message_with_what_to_do(office)


def test_the_form_takes_names_of_processes_only(bag: DagBag, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    monkeypatch.setattr(supervision_tasks, "supervise_processes", asked.append)
    params = copy.deepcopy(bag.dags["supervise_processes"].params)
    for wrong in (["broker"], [], ["serve", "serve"]):
        with pytest.raises(ParamValidationError):
            params["processes"] = wrong
    call = bag.dags["supervise_processes"].tasks[0].python_callable
    monkeypatch.setitem(call.__globals__, "get_current_context", lambda: {"params": {"processes": ["seal"]}})
    call()
    assert asked == [["seal"]]
