"""Kafka is down for two minutes while events flow: one notification, tasks tried again, nothing lost or doubled."""

import multiprocessing as mp
import re
import shlex
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.faults.kafka_outage import (
    RUNBOOK,
    Operator,
    Publisher,
    Said,
    check_all_told,
    check_each_effect_once,
    check_tasks_wait,
    check_told_once,
    has_handed_on_everything,
    list_typed,
    log_in,
    meet_outage,
    start_airflow,
    start_process,
    tell_all_again,
    type_all,
)
from tests.faults.outage_airflow import BACKFILL, FEATURES, IMPATIENT, INGEST
from tests.integration.make_run import Run
from tests.integration.serving import LOADED_UNTIL, Installation, load_sessions, wait_for
from tests.servers.kafka import KafkaServer, find_free_ports, run_kafka
from tradeops.bootstrap.runtime import open_runtime
from tradeops.entrypoints.command_line.main import app
from tradeops.entrypoints.processes.health import NAMES, WITHIN_SECONDS, describe_health
from tradeops.services.describe_outage import SUBJECT

pytestmark = pytest.mark.slow

FORKSERVER = mp.get_context("forkserver")
FORKSERVER.set_forkserver_preload(["tests.faults.kafka_outage"])
DOWN_SECONDS, TYPING_SECONDS = 120.0, 30.0
RUN = "during"
WAITING = (INGEST, BACKFILL)


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What was seen at the end of the outage.

    Args:
        decided: The session that was decided meanwhile.
        states: Of the tasks, by DAG.
        health: Of the processes, by name.
        said: What the runbook's commands said.
    """

    decided: date
    states: dict[str, str]
    health: dict[str, str]
    said: dict[str, Said]


@dataclass(frozen=True, kw_only=True)
class Outage:
    """What is left when it is over.

    Args:
        seen: During it.
        sessions: Decided before, during and after it.
        published: Names that were acknowledged.
        health: Of the processes, by name.
        said: What the runbook's commands say.
    """

    kafka: KafkaServer
    here: Installation
    seen: Seen
    sessions: tuple[date, ...]
    published: tuple[str, ...]
    health: dict[str, str]
    said: dict[str, Said]


@pytest.fixture(scope="module")
def outage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outage]:
    with run_kafka() as kafka:
        here = Installation(tmp_path_factory.mktemp("outage") / "state", f"{kafka.url}/outage")
        with start_airflow(here) as run:
            here.load_history()
            yield live_through(kafka, here, run)


def live_through(kafka: KafkaServer, here: Installation, run: Run) -> Outage:
    with ExitStack() as stack:
        processes = [stack.enter_context(start_process(here, name)) for name in NAMES]
        (before,) = here.deliver()
        wait_for(lambda: here.is_closed(before), *processes)
        with open_runtime(here.settings) as runtime:
            load_sessions(runtime)
        operator = stack.enter_context(log_in(run, here))
        publisher = stack.enter_context(Publisher(here.event_log_url).at_work())
        seen = take_down(kafka, here, operator)
        kafka.process.start()
        after = recover(here, operator)
        wait_for(lambda: here.is_closed(after), *processes)
        publisher.stop()
        wait_for(lambda: has_handed_on_everything(here), *processes)
        health, said = ask_health(here), type_all(here, "after")
    return Outage(
        kafka=kafka,
        here=here,
        seen=seen,
        sessions=(before, seen.decided, after),
        published=tuple(publisher.acknowledged),
        health=health,
        said=said,
    )


def take_down(kafka: KafkaServer, here: Installation, operator: Operator) -> Seen:
    """Two minutes, with a load in mid-air and another that begins; a session is decided all the same."""
    operator.trigger(INGEST, RUN, sessions=1)
    operator.await_state(INGEST, RUN, "running")
    kafka.process.kill()
    back_at = time.monotonic() + DOWN_SECONDS
    operator.supervise()
    for dag in (BACKFILL, IMPATIENT):
        operator.trigger(dag, RUN, until=f"{LOADED_UNTIL}", first="2001-03-01")
    with open_runtime(here.settings) as runtime:
        decided = runtime.decide_sessions().last
    assert decided is not None
    sleep_until(back_at - TYPING_SECONDS)
    said = type_all(here, RUN)
    operator.await_look()
    sleep_until(back_at)
    states = operator.read_states([*WAITING, IMPATIENT], RUN)
    return Seen(decided=decided, states=states, health=ask_health(here), said=said)


def recover(here: Installation, operator: Operator) -> date:
    """What the runbook has an operator do; the session that arrived meanwhile."""
    operator.clear(WAITING, RUN)
    for dag in WAITING:
        operator.await_success(dag, RUN)
    operator.await_woken(FEATURES, RUN)
    with open_runtime(here.settings) as runtime:
        arrived = runtime.ledger.market_clock()
    assert arrived is not None
    return arrived


def ask_health(here: Installation) -> dict[str, str]:
    return {name: "\n".join(describe_health(here.state_dir, name, WITHIN_SECONDS)[0]) for name in NAMES}


def sleep_until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.monotonic()))


def test_one_mail_says_why_since_when_what_was_tried_what_waits_and_what_to_do(outage: Outage) -> None:
    mail = check_told_once(outage.here.settings.mail_dir)
    text = mail.get_content()
    assert mail["Subject"] == f"[tradeops] {SUBJECT}"
    for said in (
        "no connection to 127.0.0.1:",
        "failing since",
        "5 times in a row, by all processes together",
        "records of the ledger to be told",
        "docs/runbooks/kafka_down.md",
    ):
        assert said in text, (said, text)


def test_tasks_that_met_it_wait_for_another_try_and_succeed(outage: Outage) -> None:
    check_tasks_wait({dag: outage.seen.states[dag] for dag in WAITING})
    assert outage.seen.states[BACKFILL] == "up_for_retry"


def test_processes_say_that_they_fail_and_why_and_are_well_again_by_themselves(outage: Outage) -> None:
    for name in ("serve", "seal"):
        assert "fails for" in outage.seen.health[name], outage.seen.health
        assert "no connection to 127.0.0.1" in outage.seen.health[name], outage.seen.health
    assert all(line.endswith("is well") for line in outage.health.values()), outage.health


def test_commands_of_the_runbook_work_during_the_outage_and_after_it(outage: Outage) -> None:
    during, after = outage.seen.said, outage.said
    assert list(during) == list(dict.fromkeys(list_typed(RUNBOOK.read_text())))
    assert {command for command, said in during.items() if said.code == 0} <= {"tradeops health relay"}, during
    assert "WRONG  messages to read" in during["tradeops doctor"].text
    assert {said.code for said in after.values()} == {0}, after


def test_runbook_has_the_mails_subject_and_commands_that_exist() -> None:
    text = RUNBOOK.read_text()
    assert f"Subject: [tradeops] {SUBJECT}" in text
    quoted = [*list_typed(text), *re.findall(r"`(tradeops [^`…|]+)`", text)]
    assert len(quoted) >= 8
    for command in quoted:
        result = CliRunner().invoke(app, [*shlex.split(command)[1:], "--help"])
        assert result.exit_code == 0, command


def test_mutant_command_that_does_not_exist_is_found() -> None:
    assert CliRunner().invoke(app, ["helth", "--help"]).exit_code != 0


def test_every_event_has_its_effect_once_and_none_is_dead(outage: Outage) -> None:
    check_each_effect_once(outage.here, outage.sessions, outage.published)


def test_mutant_task_that_is_tried_once_is_found(outage: Outage) -> None:
    with pytest.raises(AssertionError, match="failed"):
        check_tasks_wait(outage.seen.states)


@pytest.mark.parametrize("forgiving", [False, True])
def test_mutant_relay_that_drops_what_it_could_not_publish_is_found(
    outage: Outage, tmp_path: Path, forgiving: bool
) -> None:
    here = Installation(tmp_path / "state", f"{outage.kafka.url}/again{forgiving}")
    here.state_dir.mkdir()
    for file in outage.here.state_dir.glob("ledger.db*"):
        shutil.copy(file, here.state_dir)
    tell_all_again(here, outage.kafka, forgiving)

    if not forgiving:
        check_all_told(here)
        return
    with pytest.raises(AssertionError, match="told"):
        check_all_told(here)


@pytest.mark.parametrize("alone", [False, True])
def test_mutant_processes_that_tell_each_for_itself_are_found(tmp_path: Path, alone: bool) -> None:
    (port,) = find_free_ports(1)
    url = f"kafka://127.0.0.1:{port}/x?session_s=1&patience_s=1"
    children = [FORKSERVER.Process(target=meet_outage, args=(tmp_path, url, alone)) for _ in range(3)]
    for child in children:
        child.start()
    for child in children:
        child.join()

    assert [child.exitcode for child in children] == [0, 0, 0]
    if not alone:
        check_told_once(tmp_path / "mail")
        return
    with pytest.raises(AssertionError, match=SUBJECT):
        check_told_once(tmp_path / "mail")
