"""`tradeops replay` as an operator types it: a fresh process, elsewhere, with another hash seed."""

import json
import re
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.conftest import decide_history
from tradeops.bootstrap.runtime import Runtime, open_runtime
from tradeops.domain.decisions import Decision
from tradeops.domain.identifiers import BookId, content_hash
from tradeops.settings import Settings, make_child_environment

SHORT = "2001-06-29"


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    error: str


@dataclass(frozen=True)
class Installation:
    folder: Path

    def say(self, *words: str, cwd: Path | None = None) -> Said:
        """Run the command line in a fresh process with a random hash seed."""
        seed = {"PYTHONHASHSEED": str(secrets.randbelow(2**32))}
        done = subprocess.run(
            [sys.executable, "-m", "tradeops.entrypoints.command_line", *words],
            env=make_child_environment(Settings(state_dir=self.folder), seed),
            cwd=cwd or self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        return Said(done.returncode, done.stdout, done.stderr)

    def decisions(self) -> list[Decision]:
        with self.open() as runtime:
            return [record.decision for record in runtime.ledger.list_decisions()]

    def open(self) -> "_Opened":
        return _Opened(self.folder)


class _Opened:
    def __init__(self, folder: Path) -> None:
        self._context = open_runtime(Settings(state_dir=folder))

    def __enter__(self) -> Runtime:
        return self._context.__enter__()

    def __exit__(self, *error: object) -> None:
        self._context.__exit__(None, None, None)


@pytest.fixture(scope="module")
def history(decided_history: Path) -> Installation:
    return Installation(decided_history)


@pytest.fixture
def copied(history: Installation, scratch: Path) -> Iterator[Installation]:
    folder = scratch / "copied"
    shutil.copytree(history.folder, folder)
    yield Installation(folder)
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def decided_with_orders(history: Installation) -> Decision:
    """A decision late in the history that sent orders."""
    return next(decision for decision in reversed(history.decisions()) if decision.orders)


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_replay_of_every_decision_elsewhere_with_another_hash_seed_is_identical(
    jobs: str, history: Installation, tmp_path: Path
) -> None:
    said = history.say("replay", "--all", "--jobs", jobs, cwd=tmp_path)

    count = len(history.decisions())
    assert (said.code, said.error) == (0, "")
    assert said.out.splitlines()[-1] == f"replayed {count}, identical {count}"
    assert count >= 290


def test_replay_changes_no_row_and_no_file(history: Installation) -> None:
    before = _look_at(history)
    assert history.say("replay", "2001-06-15", "--override", "close:AAPL:2001-06-15=+0.01").code == 3

    assert _look_at(history) == before


def test_flipped_byte_in_a_stored_view_is_refused_in_one_clear_line(
    copied: Installation, decided_with_orders: Decision
) -> None:
    assert decided_with_orders.inputs is not None
    ref = decided_with_orders.inputs.view
    path = copied.folder / "values" / ref[:2] / ref
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)

    said = copied.say("replay", "--all")

    assert (said.code, said.out) == (1, "")
    assert len(said.error.splitlines()) == 1
    assert ref in said.error
    assert "hashes to" in said.error


def test_missing_view_is_refused_in_one_clear_line(copied: Installation, decided_with_orders: Decision) -> None:
    assert decided_with_orders.inputs is not None
    ref = decided_with_orders.inputs.view
    (copied.folder / "values" / ref[:2] / ref).unlink()

    said = copied.say("replay", decided_with_orders.session.isoformat())

    assert (said.code, len(said.error.splitlines())) == (1, 1)
    assert ref in said.error


def test_changed_close_names_the_first_input_and_the_first_output_with_its_step(
    history: Installation, decided_with_orders: Decision
) -> None:
    session = decided_with_orders.session.isoformat()
    said = history.say("replay", session, "--override", f"close:AAPL:{session}=+0.01")

    assert said.code == 3
    assert re.search(rf"first input   load_view: view\.close\.AAPL\.{session} was (\S+), is (\S+)", said.out)
    # Agents judge from recorded features; a close reaches the decision by its volatility.
    assert re.search(r"first output  blend_opinions: forecasts\.\w+\.AAPL was \S+, is \S+", said.out)
    was, new = re.findall(rf"AAPL\.{session} was (\S+), is (\S+)", said.out)[0]
    assert float(new) == pytest.approx(float(was) + 0.01)


def test_changed_feature_names_the_first_input_and_the_agent_that_judges_otherwise(
    history: Installation, decided_with_orders: Decision
) -> None:
    said = history.say("replay", decided_with_orders.session.isoformat(), "--override", "feature:ret_5:AAPL=+0.1")

    assert said.code == 3
    was, new = re.findall(r"first input   load_view: view\.feature\.ret_5\.AAPL was (\S+), is (\S+)", said.out)[0]
    assert re.search(r"first output  consult_agent: opinions\.technical\.score\.AAPL was \S+, is \S+", said.out)
    assert float(new) == pytest.approx(float(was) + 0.1)


def test_changed_policy_value_names_it_and_the_step_that_first_decides_otherwise(
    history: Installation, decided_with_orders: Decision
) -> None:
    said = history.say(
        "replay", decided_with_orders.session.isoformat(), "--override", "policy:limits.single_name=0.05"
    )

    assert said.code == 3
    assert "first input   load_view: policy.limits.single_name was 0.2, is 0.05" in said.out
    # The largest size sets the costs that the slate is drawn with.
    assert re.search(r"first output  select_slate: slate\.\S+ was \S+, is \S+", said.out)


def test_changed_learner_parameter_names_it_and_the_forecast_that_follows(
    history: Installation, decided_with_orders: Decision
) -> None:
    said = history.say(
        "replay", decided_with_orders.session.isoformat(), "--override", "learner:residual_quantiles.q05=-3.5"
    )

    assert said.code == 3
    assert re.search(
        r"first input   load_view: learner\.residual_quantiles\.parameters\.q05 was \S+, is -3\.5", said.out
    )
    assert re.search(r"first output  blend_opinions: forecasts\.\w+\.\w+ was", said.out)


def test_override_over_all_decisions_counts_those_that_saw_it(history: Installation) -> None:
    session = "2001-06-15"
    said = history.say("replay", "--all", "--jobs", "2", "--json", "--override", f"close:AAPL:{session}=+0.01")

    report = json.loads(said.out)
    assert said.code == 3
    seen = [found["session"] for found in report["different"] if found["first_input"]]
    decided = [decision.session.isoformat() for decision in history.decisions() if decision.inputs]
    assert seen == decided[decided.index(session) : decided.index(session) + 126]


@pytest.mark.parametrize(
    "words",
    [
        ["replay", "--override", "close:AAPL=1"],
        ["replay", "2001-06-15", "--override", "feature:nothing:AAPL=1"],
        ["replay", "2001-06-16"],
        ["replay", "ffff"],
        ["replay"],
    ],
    ids=["malformed override", "unknown feature", "no session", "unknown cycle", "nothing named"],
)
def test_request_that_cannot_be_served_is_refused_in_one_line(words: list[str], history: Installation) -> None:
    said = history.say(*words)

    assert (said.code, said.out, len(said.error.splitlines())) == (1, "", 1)


def test_history_decided_in_two_folders_has_the_same_digests_and_chain_heads(scratch: Path) -> None:
    folders = [scratch / "one", scratch / "other"]
    for folder in folders:
        decide_history(folder, SHORT)

    first, second = (_read_ends(Installation(folder)) for folder in folders)
    assert first == second
    assert len(first[0]) == 85


def _read_ends(installation: Installation) -> tuple[list[str], list[str], dict[str, str]]:
    """Digests, settlements and heads; a claim names its owner's process, so the claims' heads are left out."""
    digests = [decision.digest for decision in installation.decisions()]
    with installation.open() as runtime:
        settlements = [content_hash(settlement) for settlement in runtime.ledger.list_settlements(BookId())]
        heads = {head.stream: head.digest for head in runtime.ledger.chain_heads()}
    heads.pop(BookId().claims_stream)
    return digests, settlements, heads


def _look_at(installation: Installation) -> object:
    with installation.open() as runtime:
        rows, heads = runtime.ledger.count_rows(), runtime.ledger.chain_heads()
    files = sorted(path.name for path in (installation.folder / "values").rglob("*"))
    return rows, heads, files
