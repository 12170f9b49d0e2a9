"""A model's way through the stages in the real Airflow and MLflow, on a test market in which it is better.

The prior blend decides live. One trained blender is better on a planted effect: shadow → canary by rule → live by
a person's answer → back. Another, trained where nothing can be forecast, stays in shadow. Every figure is of a test
market.
"""

import email
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from email.policy import default
from pathlib import Path

import pytest

from tests.end_to_end.conftest import run_command
from tests.end_to_end.promotion_floor import (
    APPROVER,
    CHECKED,
    LONG_S,
    OTHER,
    SHADOWED,
    Floor,
    find_models,
    open_floor,
    prepare_shadow,
)
from tests.fakes.ledger import InMemoryLedger
from tests.fakes.planted_market import NOTHING, PLANTED
from tradeops.bootstrap.policy import load_policy
from tradeops.bootstrap.runtime import Runtime, open_runtime
from tradeops.domain.identifiers import ValueRef
from tradeops.domain.models import PRIOR_BLEND, ModelRef, ModelStanding, ModelState, Promotion, Verdict
from tradeops.learning.promotion_evidence import Ruling, describe_estimate
from tradeops.services import promote_model
from tradeops.services.promote_model import NOBODY, PromotionCase, apply_promotion, read_case
from tradeops.settings import Settings

pytestmark = pytest.mark.slow
BACK = ("models", "rollback", "--person", OTHER, "--reason", "the test wants it back")


@dataclass(frozen=True)
class Asked:
    """A question that waits for a person."""

    run_id: str
    body: str
    case: PromotionCase
    refused: dict[str, int]


@pytest.fixture(scope="module")
def better(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return prepare_shadow(tmp_path_factory.mktemp("better"), PLANTED)


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return prepare_shadow(tmp_path_factory.mktemp("honest"), NOTHING)


@pytest.fixture(scope="module")
def kept(better: Settings, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A copy of the better market's state as it is before anybody asks for anything."""
    return copy_state(better, tmp_path_factory.mktemp("kept"))


@pytest.fixture(scope="module")
def floor(kept: Settings, better: Settings) -> Iterator[Floor]:
    with open_floor(better) as floor:
        yield floor


@pytest.fixture(scope="module")
def canary(floor: Floor) -> dict[str, str]:
    """The model has entered canary; the states of the tasks that did it."""
    return floor.run_dag("to_canary")


@pytest.fixture(scope="module")
def tried(canary: dict[str, str], floor: Floor) -> dict[str, int]:
    """Sixty sessions on, with the alias `live` moved by hand before them; the aliases then."""
    floor.move_alias("live", 1)
    assert floor.read_aliases()["live"] == 1
    floor.run_dag("more", "backfill_history", until=CHECKED.isoformat())
    floor.await_woken("build_features", "more")
    floor.run_dag("more", "run_decision_cycle")
    floor.await_woken("publish_report", "more")
    return floor.read_aliases()


@pytest.fixture(scope="module")
def unanswered(tried: dict[str, int], floor: Floor) -> Promotion:
    """What became of a request that nobody answered within three seconds."""
    floor.run_dag("unanswered", approval_minutes=0.05)
    return floor.read_entries()[-1]


@pytest.fixture(scope="module")
def asked(unanswered: Promotion, floor: Floor) -> Asked:
    """The second request, while it waits; whoever may not answer has tried to."""
    assert floor.api.trigger("promote_models", "to_live", {})
    floor.run.wait_for(
        lambda: floor.list_states("promote_models", "to_live")["approve_live"] == "awaiting_input", LONG_S
    )
    with floor.log_in(APPROVER) as person:
        body = str(person.read_question("to_live")["body"])
    refused = {}
    for name in (OTHER, "tradeops_tasks"):
        with floor.log_in(name) as person:
            refused[name] = person.answer("to_live", "Approve")
    with floor.open() as runtime:
        reference = ValueRef(body.split("| evidence | `")[1].split("`", maxsplit=1)[0])
        case = read_case(runtime.values, reference, runtime.policy.promotion)
    return Asked("to_live", body, case, refused)


@pytest.fixture(scope="module")
def live(asked: Asked, floor: Floor) -> Promotion:
    """The person has approved, and one more session has arrived."""
    with floor.log_in(APPROVER) as person:
        assert person.answer(asked.run_id, "Approve") == 200
    floor.await_run("promote_models", asked.run_id)
    floor.run_dag("next", "ingest_market_data", sessions=1)
    floor.await_woken("run_decision_cycle", floor.await_woken("build_features", "next"))
    return floor.read_entries()[-1]


@pytest.fixture(scope="module")
def rolled_back(live: Promotion, floor: Floor) -> Promotion:
    """The command was given twice."""
    for _ in range(2):
        done = run_command(floor.settings.state_dir, *BACK, TRADEOPS_SOURCE_URL=floor.settings.source_url)
        assert (done.returncode, done.stdout.split()[0]) == (0, PRIOR_BLEND), done.stderr
    return floor.read_entries()[-1]


def copy_state(settings: Settings, folder: Path) -> Settings:
    shutil.copytree(settings.state_dir, folder / "state")
    return Settings(state_dir=folder / "state", source_url=settings.source_url)


def list_subjects(floor: Floor, about: str) -> list[str]:
    mails = [email.message_from_bytes(f.read_bytes(), policy=default) for f in floor.settings.mail_dir.iterdir()]
    return [str(mail["Subject"]) for mail in mails if about in mail["Subject"]]


def decide_next(runtime: Runtime) -> date:
    """One more session arrives and is decided."""
    runtime.ingest_sessions(1, requested_by="test/next")
    runtime.build_features()
    last = runtime.decide_sessions().last
    assert last is not None
    return last


def find_decider(runtime: Runtime, session: date) -> ModelRef | None:
    inputs = runtime.find_record(session.isoformat()).decision.inputs
    return inputs.bundle.model if inputs else None


def check_shadow_stays(settings: Settings) -> None:
    with open_runtime(settings) as runtime:
        desk = runtime.promotion_desk()
        entry = desk.conclude(desk.evaluate().evidence_ref, approver="x", approved=True, requested_by="test")
        assert (entry.verdict, entry.after) == (Verdict.STAYED, ModelState.SHADOW)
        assert "does not lie below 0" in entry.reason
        assert runtime.standing().live == PRIOR_BLEND


def check_alias_decides_nothing(settings: Settings) -> None:
    with open_runtime(settings) as runtime:
        runtime.open_registry().set_aliases({"shadow": 1, "live": 1})
        assert find_decider(runtime, decide_next(runtime)) == PRIOR_BLEND


def check_silence_is_a_rejection(entry: Promotion) -> None:
    assert (entry.verdict, entry.before, entry.after) == (Verdict.REJECTED, ModelState.CANARY, ModelState.CANARY)
    assert entry.approver == NOBODY


def test_a_better_shadow_becomes_canary_by_the_rule_alone(floor: Floor, canary: dict[str, str]) -> None:
    assert (canary["approve_live"], canary["record_outcome"]) == ("skipped", "success")
    _, entry = floor.read_entries()
    assert (entry.verdict, entry.before, entry.after) == (Verdict.PROMOTED, ModelState.SHADOW, ModelState.CANARY)
    assert (entry.approver, entry.requested_by) == ("rule", "promote_models/to_canary")
    assert entry.opens_on is not None and entry.opens_on > SHADOWED
    assert "lies below 0" in entry.reason


def test_an_alias_moved_by_hand_decides_nothing_is_told_and_set_back(floor: Floor, tried: dict[str, int]) -> None:
    with floor.open() as runtime:
        assert find_models(runtime, after=SHADOWED) == {PRIOR_BLEND}
    assert tried == {"canary": 1}
    assert list_subjects(floor, "alias") == ["[tradeops] alias live names v1, the ledger nothing; set back"]


def test_no_answer_in_time_is_a_rejection_and_the_run_succeeds(unanswered: Promotion) -> None:
    check_silence_is_a_rejection(unanswered)
    assert unanswered.requested_by == "promote_models/unanswered"


def test_the_question_shows_the_evidence_and_only_who_may_answers(floor: Floor, asked: Asked) -> None:
    evidence = asked.case.evidence
    assert evidence.difference is not None
    assert evidence.sessions >= load_policy().promotion.canary_sessions
    first, last = evidence.losses[0].session, evidence.losses[-1].session
    for text in (
        f"| evaluated sessions | {evidence.sessions} ({first} … {last}), {evidence.interventions} with",
        f"pinball loss less that of {PRIOR_BLEND}: {describe_estimate(evidence.difference)}, 95%",
        f"{evidence.profit:+,.2f} USD on its paper account, {evidence.incumbent_profit:+,.2f} USD live",
        f"| rule | met: {asked.case.reason} |",
        f"- **Approve**: v{asked.case.version} decides on the live account in place of {PRIOR_BLEND}",
        "no answer within 4 hours: v1 stays in canary",
    ):
        assert text in asked.body
    assert asked.refused == {OTHER: 403, "tradeops_tasks": 403}
    waits = "[tradeops] blender v1 waits for a person's approval to act live"
    assert list_subjects(floor, "waits") == [waits, waits]  # one a question: the one without an answer, and this one


def test_a_person_s_yes_goes_live_and_the_next_decision_is_the_new_model_s(
    floor: Floor, asked: Asked, live: Promotion
) -> None:
    assert (live.verdict, live.before, live.after) == (Verdict.PROMOTED, ModelState.CANARY, ModelState.LIVE)
    assert (live.approver, live.requested_by) == (APPROVER, "promote_models/to_live")
    assert (live.evidence, live.previous_live) == (asked.case.evidence_ref, PRIOR_BLEND)
    assert floor.read_aliases()["live"] == live.version
    with floor.open() as runtime:
        assert find_models(runtime, after=CHECKED) == {live.model}


def test_a_rollback_ordered_twice_is_one_and_the_next_decision_is_the_previous_model_s(
    floor: Floor, live: Promotion, rolled_back: Promotion
) -> None:
    assert (rolled_back.verdict, rolled_back.model, rolled_back.approver) == (Verdict.ROLLED_BACK, PRIOR_BLEND, OTHER)
    assert rolled_back.previous_live == live.model
    assert [entry.verdict for entry in floor.read_entries()].count(Verdict.ROLLED_BACK) == 1
    assert "live" not in floor.read_aliases()
    with floor.open() as runtime:
        assert find_decider(runtime, decide_next(runtime)) == PRIOR_BLEND
        assert runtime.ledger.verify_chains() is None


def test_a_model_that_nothing_can_be_known_of_stays_in_shadow(honest: Settings, tmp_path: Path) -> None:
    check_shadow_stays(copy_state(honest, tmp_path))


def test_the_bundled_data_s_model_stays_in_shadow(copied: Path) -> None:
    with open_runtime(Settings(state_dir=copied)) as runtime:
        case = runtime.promotion_desk().evaluate()
    assert (case.allowed, case.before) == (False, ModelState.SHADOW)
    assert case.reason


def test_a_moved_alias_alone_decides_nothing(kept: Settings, tmp_path: Path) -> None:
    check_alias_decides_nothing(copy_state(kept, tmp_path))


def test_mutant_rule_that_always_says_yes_is_found(
    honest: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(promote_model, "judge_evidence", lambda evidence, policy: Ruling(allowed=True, reason="yes"))
    with pytest.raises(AssertionError):
        check_shadow_stays(copy_state(honest, tmp_path))


def test_mutant_that_asks_and_does_not_listen_is_found(floor: Floor, asked: Asked, unanswered: Promotion) -> None:
    ledger = InMemoryLedger()
    for entry in floor.read_entries()[:3]:
        ledger.record_promotion(entry)
    assert ledger.list_promotions()[-1] == unanswered
    deaf = apply_promotion(
        ledger, asked.case, approver=NOBODY, approved=True, requested_by="deaf", opens_on=asked.case.evidence.opens_on
    )
    with pytest.raises(AssertionError):
        check_silence_is_a_rejection(deaf)


def test_mutant_whose_live_reads_the_alias_is_found(
    kept: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_ledger = Runtime.standing

    def by_alias(runtime: Runtime) -> ModelStanding:
        standing = by_ledger(runtime)
        version = runtime.open_registry().aliases().get("live")
        return replace(
            standing, live=next((one.model for one in standing.staged if one.version == version), standing.live)
        )

    monkeypatch.setattr(Runtime, "standing", by_alias)
    with pytest.raises(AssertionError):
        check_alias_decides_nothing(copy_state(kept, tmp_path))
