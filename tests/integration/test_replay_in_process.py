"""A replay by call: one decision, all of them, and in processes of their own, with the same answer."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.conftest import decide_history
from tradeops.bootstrap import replaying
from tradeops.bootstrap.replaying import replay_in_process, replay_one, replay_recorded
from tradeops.bootstrap.runtime import Runtime, open_runtime
from tradeops.services.replay.overrides import NO_OVERRIDES, Overrides, parse_override
from tradeops.settings import Settings

CHANGED = Overrides((parse_override("close:AAPL:2001-03-05=+0.01"),))


@pytest.fixture(scope="module")
def runtime(scratch: Path) -> Iterator[Runtime]:
    decide_history(scratch / "few", "2001-03-14")
    with open_runtime(Settings(state_dir=scratch / "few")) as opened:
        yield opened


def test_every_decision_is_identical(runtime: Runtime) -> None:
    report = replay_recorded(runtime, overrides=NO_OVERRIDES)

    assert (report.replayed, report.different) == (10, ())


def test_several_processes_give_the_same_report_as_one(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = replay_recorded(runtime, overrides=CHANGED)
    monkeypatch.setattr(replaying, "CHUNK", 4)

    assert replay_recorded(runtime, overrides=CHANGED, jobs=2) == alone
    assert [found.session for found in alone.different] == [
        record.decision.session.isoformat() for record in list(runtime.ledger.list_decisions())[2:]
    ]


def test_one_decision_is_replayed_alone_and_in_a_process_of_its_own(runtime: Runtime) -> None:
    record = runtime.find_record("2001-03-05")
    report = replay_one(runtime, record, overrides=CHANGED)

    assert report.replayed == 1
    assert [found.session for found in report.different] == ["2001-03-05"]
    assert replay_in_process(runtime.settings, [record.decision.cycle_id], CHANGED) == list(report.different)
