"""Adapters are chosen by URL, the bundle names who decides, and the process says who it is."""

import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agents.roster import build_roster
from tests.unit.examples import base_policy
from tradeops.adapters.liveness import identify_process
from tradeops.bootstrap import bundle as bundles
from tradeops.bootstrap.bundle import hash_code, make_bundle
from tradeops.bootstrap.diagnosis import diagnose
from tradeops.bootstrap.event_log import open_event_log
from tradeops.bootstrap.process import MonotonicClock, take_fingerprint
from tradeops.bootstrap.runtime import open_runtime
from tradeops.domain.errors import ConfigurationError, UnknownRecord
from tradeops.domain.identifiers import AgentId
from tradeops.domain.topics import BARS_RAW
from tradeops.ports.event_log import NewMessage
from tradeops.services.dead_letters import redrive_dead_letters
from tradeops.services.ingest_events import ingest_events
from tradeops.settings import Settings


@pytest.mark.parametrize(
    ("setting", "url", "known"),
    [
        ("ledger_url", "postgresql://host/db", "sqlite"),
        ("broker_url", "ibkr://host", "paper broker"),
        ("values_dir", "gs://bucket", "file, s3"),
        ("lake_url", "gs://bucket", "file, s3"),
    ],
)
def test_address_that_no_adapter_serves_is_refused_with_those_that_are_known(
    setting: str, url: str, known: str, tmp_path: Path
) -> None:
    settings = Settings.model_validate({"state_dir": tmp_path, setting: url})

    with pytest.raises(ConfigurationError, match=known), open_runtime(settings):
        pass


def test_bundle_changes_with_the_policy_and_with_nothing_that_does_not_decide() -> None:
    policy = base_policy()
    other = replace(policy, sizing=replace(policy.sizing, volatility_target=0.2))

    assert make_bundle(policy) == make_bundle(policy)
    assert make_bundle(other).bundle_id != make_bundle(policy).bundle_id
    assert make_bundle(other).code == make_bundle(policy).code


def test_code_hash_changes_with_one_byte_of_one_deciding_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "step.py"
    source.write_text("x = 1\n")
    monkeypatch.setattr(bundles, "_list_sources", lambda: iter([("step.py", source)]))
    before = hash_code()
    source.write_text("x = 2\n")

    assert hash_code() != before


def test_deciding_sources_hold_the_steps_and_leave_the_edges_out() -> None:
    names = {name for name, _ in bundles._list_sources()}

    assert {"tradeops/services/cycle/route_orders.py", "agents/technical.py", "requirements.lock"} <= names
    assert {name.split("/")[1] for name in names if name.startswith("tradeops/")} <= {
        "domain",
        "features",
        "pricing",
        "coordination",
        "risk",
        "execution",
        "learning",
        "services",
    }


def test_code_that_is_not_beside_its_lock_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundles, "LOCK", "no-such.lock")

    with pytest.raises(ConfigurationError, match="not beside the sources"):
        hash_code()


def test_agent_that_does_not_exist_is_refused_by_name() -> None:
    policy = replace(base_policy(), roster={AgentId("oracle"): 1.0})

    with pytest.raises(ConfigurationError, match="unknown agents oracle; known: macro"):
        build_roster(policy)


def test_owner_is_this_process_and_another_one_after_a_fork() -> None:
    mine = identify_process()
    read, write = os.pipe()
    if (pid := os.fork()) == 0:
        os.write(write, str(identify_process()).encode())
        os._exit(0)
    os.waitpid(pid, 0)

    assert mine == identify_process()
    assert mine.pid == os.getpid()
    assert os.read(read, 200).decode() != str(mine)


def test_clock_goes_forward_and_the_fingerprint_names_what_floats_depend_on() -> None:
    clock = MonotonicClock()

    assert clock.monotonic() <= clock.monotonic()
    assert {"python", "numpy", "blas", "threads", "machine"} <= take_fingerprint().keys()


def test_new_installation_is_diagnosed_item_by_item(tmp_path: Path) -> None:
    findings = {finding.name: finding for finding in diagnose(Settings(state_dir=tmp_path / "state"))}

    assert {"disk", "sqlite", "policy", "bundle", "market clock", "ledger chains", "kept values"} <= findings.keys()
    assert "run backfill_history" in findings["market clock"].detail
    assert findings["dead letters"].detail == "none open"
    assert findings["ledger chains"].ok


def test_open_dead_letters_are_counted_until_they_are_sent_again(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path / "state")
    broken = NewMessage(topic=BARS_RAW.name, key="AAPL", value=b"{")
    with open_event_log(settings.event_log_url) as log:
        log.append([broken])
        ingest_events(log, is_session=lambda _day: True, at=datetime(2013, 3, 1, tzinfo=UTC))
    before = {finding.name: finding for finding in diagnose(settings)}["dead letters"]
    with open_event_log(settings.event_log_url) as log:
        redrive_dead_letters(log, topic=BARS_RAW.name)
    after = {finding.name: finding for finding in diagnose(settings)}["dead letters"]

    assert (before.ok, before.detail) == (True, "1 open: see tradeops dlq list")
    assert after.detail == "none open"


def test_installation_that_cannot_be_opened_is_one_finding(tmp_path: Path) -> None:
    settings = Settings.model_validate({"state_dir": tmp_path, "ledger_url": "postgresql://host/db"})
    last = diagnose(settings)[-1]

    assert (last.name, last.ok) == ("installation", False)
    assert "sqlite" in last.detail


@pytest.mark.parametrize("reference", ["2001-03-01", "abcdef"])
def test_record_that_is_not_there_is_said_so(reference: str, tmp_path: Path) -> None:
    with open_runtime(Settings(state_dir=tmp_path)) as runtime, pytest.raises(UnknownRecord):
        runtime.find_record(reference)
