"""What runs while Kafka is away, and what must hold afterwards."""

import email
import json
import os
import re
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, cast

from tests.conftest import ROOT
from tests.fakes.market_source import make_bar
from tests.faults.outage_airflow import DATABASE, SUPERVISE
from tests.integration import make_run
from tests.integration.serving import MOST_SECONDS, Installation, insist
from tests.servers.kafka import KafkaServer
from tests.servers.postgres import open_databases
from tests.unit.services.test_seal_lake import tell_bar
from tradeops.adapters.breakers_sqlalchemy import POLICY
from tradeops.adapters.ledger_sqlalchemy import open_ledger
from tradeops.adapters.trading_calendar_exchange_calendars import ExchangeTradingCalendar
from tradeops.bootstrap import breakers
from tradeops.bootstrap.event_log import open_event_log
from tradeops.bootstrap.guarded_event_log import open_guarded_event_log
from tradeops.bootstrap.lake import open_lake
from tradeops.bootstrap.policy import load_policy
from tradeops.bootstrap.runtime import open_runtime
from tradeops.bootstrap.s3 import read_s3_access
from tradeops.domain.errors import ExternalServiceError
from tradeops.domain.event_schemas import decode_event
from tradeops.domain.lake_tables import BARS_TABLE, SEALED_AS
from tradeops.domain.topics import DECISIONS, SEALED, SETTLEMENTS
from tradeops.entrypoints.supervisor.airflow_api import AirflowApi
from tradeops.ports.event_log import EventLog, NewMessage
from tradeops.services import describe_outage, seal_lake
from tradeops.services.dead_letters import list_dead_letters
from tradeops.services.read_log import count_unread, read_forward
from tradeops.services.relay_outbox_once import OutboxRelay
from tradeops.settings import Settings, make_child_environment

RUNBOOK = ROOT / "docs" / "runbooks" / "kafka_down.md"
AIRFLOW = (sys.executable, "-m", "tests.faults.outage_airflow")
WAITS = {"running", "queued", "scheduled", "up_for_retry", "deferred"}
T = TypeVar("T")
FAR_AWAY = date(2031, 3, 3)  # nobody decides by such bars


class Said(NamedTuple):
    """What a command said, with its exit code."""

    code: int
    text: str


def list_typed(text: str) -> list[str]:
    """The commands that a runbook has a person type."""
    return re.findall(r"^\$ (tradeops .+)$", text, re.MULTILINE)


def type_all(here: Installation, when: str) -> dict[str, Said]:
    """Type what the runbook says; the answers lie beside the state folder too."""
    environment, said = make_environment(here), {}
    for command in list_typed(RUNBOOK.read_text()):
        words = (sys.executable, "-m", "tradeops.entrypoints.command_line", *command.split()[1:])
        done = subprocess.run(words, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
        said[command] = Said(done.returncode, done.stdout + done.stderr)
    shown = "".join(f"$ {command}\n{answer.text}[{answer.code}]\n" for command, answer in said.items())
    (here.state_dir.parent / f"{when}.txt").write_text(shown)
    return said


@dataclass(frozen=True)
class Operator:
    """A person at Airflow's page, who asks again while a busy machine's Airflow does not answer."""

    run: make_run.Run
    api: AirflowApi

    def trigger(self, dag: str, run_id: str, **conf: object) -> None:
        self._insist(lambda: self.api.trigger(dag, run_id, conf))

    def supervise(self) -> None:
        """Let Airflow look at the processes every five minutes, and now."""
        self._insist(lambda: self.api._call("PATCH", f"/dags/{SUPERVISE}", json={"is_paused": False}))

    def await_look(self) -> None:
        self.run.wait_for(lambda: "success" in [run["state"] for run in self._insist(self._list_looks)], 240)

    def _list_looks(self) -> list[dict[str, Any]]:
        return self.api.list_runs(SUPERVISE)

    def read_states(self, dags: Iterable[str], run_id: str) -> dict[str, str]:
        """States of the only task of each of these DAGs."""
        return {dag: self._insist(lambda: self.api.list_tasks(dag, run_id))[0]["state"] for dag in dags}  # noqa: B023

    def clear(self, dags: Iterable[str], run_id: str) -> None:
        """Let what waits for another try go on now."""
        for dag in dags:
            tasks = self._insist(lambda: self.api.list_tasks(dag, run_id))  # noqa: B023
            waiting = [task["task_id"] for task in tasks if task["state"] == "up_for_retry"]
            if waiting:
                self._insist(lambda: self.api.clear_tasks(dag, run_id, waiting))  # noqa: B023

    def await_state(self, dag: str, run_id: str, state: str) -> None:
        self.run.wait_for(lambda: self.read_states([dag], run_id)[dag] == state, MOST_SECONDS)

    def await_success(self, dag: str, run_id: str) -> None:
        over = ("success", "failed")
        self.run.wait_for(lambda: self._insist(lambda: self.api.read_run(dag, run_id)["state"]) in over, 240)
        assert self.api.read_run(dag, run_id)["state"] == "success", self.api.list_tasks(dag, run_id)

    def await_woken(self, dag: str, by: str) -> None:
        self.run.wait_for(lambda: self._insist(lambda: self.api.find_run_woken_by(dag, by)), 120)
        self.await_success(dag, str(self.api.find_run_woken_by(dag, by)))

    def _insist(self, ask: Callable[[], T]) -> T:
        answers: list[T] = []

        def is_answered() -> bool:
            with suppress(ExternalServiceError):
                answers.append(ask())
            return bool(answers)

        self.run.wait_for(is_answered)
        return answers[0]


@contextmanager
def start_airflow(here: Installation) -> Iterator[make_run.Run]:
    """Airflow comes up while others work."""
    more = {"TRADEOPS_EVENT_LOG_URL": here.event_log_url, "TRADEOPS_REGISTRY_URL": "http://127.0.0.1:9"}
    with open_databases() as databases:
        more[DATABASE] = databases.url(databases.create()).replace("+psycopg:", "+psycopg2:")
        with make_run.Installation(here.state_dir, more=more).start(AIRFLOW) as run:
            yield run


@contextmanager
def log_in(run: make_run.Run, here: Installation) -> Iterator[Operator]:
    run.wait_for(lambda: "up until Ctrl-C" in run.read(), 300)
    passwords = json.loads((here.state_dir / "airflow" / "passwords.json").read_text())
    url = re.search(r"airflow +(http://\S+) ", run.read())
    assert url is not None
    with closing(AirflowApi(url[1], "admin", passwords["admin"])) as api:
        yield Operator(run, api)


@dataclass
class Publisher:
    """Appends bars of names that nobody trades; what may not have come through is appended again."""

    url: str
    acknowledged: list[str] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._thread = threading.Thread(target=self.publish)

    def publish(self) -> None:
        number, known_at = 0, datetime.combine(FAR_AWAY, time(23), UTC)
        while not self._stop.is_set():
            try:
                with open_event_log(self.url) as log:
                    while not self._stop.is_set():
                        names = [f"OUT{number}.{part}" for part in range(3)]
                        log.append([tell_bar(make_bar(name, FAR_AWAY, "10", "10.5"), known_at) for name in names])
                        self.acknowledged += names
                        number += 1
                        self._stop.wait(1.0)
            except ExternalServiceError:
                self._stop.wait(1.0)

    @contextmanager
    def at_work(self) -> Iterator["Publisher"]:
        self._thread.start()
        try:
            yield self
        finally:
            self.stop()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()


@contextmanager
def start_process(here: Installation, name: str) -> Iterator[subprocess.Popen[str]]:
    """`tradeops serve`, `seal` or `relay`; what it logs lies beside the state folder."""
    words = (sys.executable, "-m", "tradeops.entrypoints.command_line", name, "--with-parent")
    with (here.state_dir.parent / f"{name}.log").open("w") as log:
        child = subprocess.Popen(words, cwd=ROOT, env=make_environment(here), stderr=log, text=True)
    try:
        yield child
    finally:
        child.kill()
        child.wait()


def make_environment(here: Installation) -> dict[str, str]:
    return make_child_environment(here.settings, {"PYTHONPATH": f"{ROOT / 'include'}:{ROOT}"})


def has_handed_on_everything(here: Installation) -> bool:
    """The lake has what the log has, and the log what is on record."""
    with open_runtime(here.settings) as runtime, here.open_log() as log:
        unsealed = sum(count_unread(log, seal_lake.GROUP, topic.name) for topic in SEALED)
        return not unsealed and not runtime.ledger.read_outbox(1)


def read_mails(mail_dir: Path) -> list[EmailMessage]:
    files = sorted(mail_dir.glob("*.eml")) if mail_dir.exists() else []
    return [email.message_from_bytes(file.read_bytes(), policy=default) for file in files]  # type: ignore[misc]


def check_told_once(mail_dir: Path) -> EmailMessage:
    """One notification, however many processes and messages met the outage."""
    subjects = [str(mail["Subject"]) for mail in read_mails(mail_dir)]
    assert len(subjects) == 1, subjects
    return read_mails(mail_dir)[0]


def check_tasks_wait(states: Mapping[str, str]) -> None:
    """No task has failed for good; each waits, or waits for another try."""
    assert set(states.values()) <= WAITS, states


def check_all_told(here: Installation) -> None:
    """Every decision and settlement on record is on its topic once."""
    with open_runtime(here.settings) as runtime:
        settled = runtime.ledger.count_rows()["settlements"]
    cycles = [decode_event(value).payload.cycle_id for value in here.read(DECISIONS.name)]  # type: ignore[union-attr]
    assert Counter(cycles) == Counter(decision.cycle_id for decision in here.list_decisions()), "told"
    settlements = here.read(SETTLEMENTS.name)
    assert len({decode_event(value).event_id for value in settlements}) == len(settlements) == settled


def check_each_effect_once(here: Installation, sessions: Sequence[date], published: Sequence[str]) -> None:
    """Nothing is lost, nothing doubled, nothing dead."""
    decisions = here.list_decisions()
    counted = Counter(decision.session for decision in decisions)
    assert set(counted.values()) == {1}
    assert set(sessions) <= counted.keys()
    check_all_told(here)
    lake = open_lake(here.settings.lake_url, read_s3_access(here.settings))
    with here.open_log() as log:
        assert list_dead_letters(log) == ()
        for topic, table in SEALED_AS.items():
            on_log = {json.loads(message.value)["event_id"] for message in read_forward(log, topic)}
            assert Counter(lake.read(table, columns=["event_id"])["event_id"]) == Counter(on_log), topic
    bars = lake.read(BARS_TABLE, columns=["instrument"], first=FAR_AWAY, last=FAR_AWAY)
    assert Counter(bars["instrument"]) == Counter(published)


def meet_outage(state_dir: Path, url: str, alone: bool) -> None:
    """A process that opens the log in vain, as often as opens a breaker; alone it knows of no other process."""
    if alone:
        own = f"{os.getpid()}"
        breakers._find_url = lambda settings: f"sqlite:///{settings.state_dir}/{own}.db"
        describe_outage.CAUSE = ("event log", own)
    settings = Settings(state_dir=state_dir, event_log_url=url)
    for _ in range(POLICY.most_failures):
        with suppress(ExternalServiceError):
            open_guarded_event_log(settings)


@dataclass
class DyingLog:
    """A log whose broker dies just before a message is appended.

    Args:
        forgiving: Whether the failure is swallowed; the mutant.
        died: Whether it did.
    """

    log: EventLog
    kafka: KafkaServer
    forgiving: bool
    died: bool = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self.log, name)

    def append(self, messages: Sequence[NewMessage]) -> None:
        self.kafka.process.kill()
        self.died = True
        try:
            self.log.append(messages)
        except ExternalServiceError:
            if not self.forgiving:
                raise


def tell_all_again(here: Installation, kafka: KafkaServer, forgiving: bool) -> None:
    """Relay everything on record to topics that are empty, with an outage in the middle."""
    with sqlite3.connect(here.state_dir / "ledger.db") as database:
        database.execute("DELETE FROM outbox_cursor")
    impatient = replace(here, event_log_url=f"{here.event_log_url}?session_s=2&patience_s=3")
    with open_ledger(here.settings.ledger_url) as ledger:
        relay = OutboxRelay(
            ledger=ledger, log=cast("EventLog", None), calendar=ExchangeTradingCalendar(), time=load_policy().time
        )

        def relay_once() -> None:
            with here.open_log() as log:
                replace(relay, log=log).relay_outbox_once()

        def meet_death() -> None:
            with impatient.open_log() as log:
                dying = DyingLog(log, kafka, forgiving)
                try:
                    replace(relay, log=cast("EventLog", dying)).relay_outbox_once()
                except ExternalServiceError:
                    if not dying.died:  # a busy broker's silence, which comes before the death
                        raise

        insist(lambda: here.open_log().close())  # makes the topics, however long that takes
        insist(meet_death)
        kafka.process.start()
        insist(relay_once)
