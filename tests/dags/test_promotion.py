"""What a run of promote_models asks, records and tells, on every way through it."""

import email
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.policy import default
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from tests.contract.test_ledger_promotions import TO_CANARY, TO_SHADOW
from tests.fakes.ledger import InMemoryLedger
from tests.fakes.trading_calendar import FakeTradingCalendar, business_days
from tests.fakes.value_store import InMemoryValueStore
from tests.unit.examples import base_policy
from tests.unit.learning.test_promotion_evidence import make_evidence
from tests.unit.services.test_mirror_aliases import Aliases
from tradeops.bootstrap import runtime as bootstrap_runtime
from tradeops.domain.claims import ClockMove
from tradeops.domain.identifiers import ValueRef
from tradeops.domain.models import ModelState, Promotion, StagedModel, Verdict, name_blender
from tradeops.entrypoints.airflow import promotion_approval, promotion_tasks
from tradeops.entrypoints.airflow.promotion_approval import PromotionApproval
from tradeops.learning.promotion_evidence import Evidence
from tradeops.ports.model_registry import ModelRegistry
from tradeops.services.evaluate_model import ModelEvaluator
from tradeops.services.promotion_desk import PromotionDesk
from tradeops.settings import Settings

MODEL = name_blender(ValueRef("a" * 64))
DAYS = business_days(datetime(2013, 2, 25, tzinfo=UTC).date(), 10)
BETTER, NO_BETTER = (300, -0.02, -0.03, -0.01), (300, -0.02, -0.03, 0.01)
ANN = {"id": "7", "name": "ann"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptedEvaluator(ModelEvaluator):
    """Finds what the test says, for whoever is staged."""

    found: tuple[int, float, float, float] = BETTER

    def gather_evidence(self, staged: StagedModel, *, incumbent: str) -> Evidence:
        return make_evidence(*self.found, staged.state)


@dataclass
class Room:
    """A ledger with one staged model, an alias table, and the runtime that tasks open."""

    settings: Settings
    evaluator: ScriptedEvaluator
    aliases: Aliases = field(default_factory=lambda: Aliases({"shadow": 1}))
    asked: list[dict[str, Any]] = field(default_factory=list)

    @property
    def policy(self) -> Any:
        return self.evaluator.policy

    def promotion_desk(self) -> PromotionDesk:
        return PromotionDesk(evaluator=self.evaluator, open_registry=lambda: cast("ModelRegistry", self.aliases))

    def read_entries(self) -> tuple[Promotion, ...]:
        return self.evaluator.ledger.list_promotions()

    def find(self, found: tuple[int, float, float, float]) -> None:
        self.evaluator = replace(self.evaluator, found=found)


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Room:
    monkeypatch.setenv("TRADEOPS_STATE_DIR", str(tmp_path))
    ledger = InMemoryLedger()
    ledger.record_promotion(TO_SHADOW)
    ledger.record_clock_move(ClockMove(before=None, after=DAYS[3], sessions=4, requested_by="load"))
    evaluator = ScriptedEvaluator(
        ledger=ledger,
        values=InMemoryValueStore(),
        source=cast("Any", None),
        calendar=FakeTradingCalendar(DAYS),
        policy=base_policy(),
    )
    room = Room(Settings(state_dir=tmp_path), evaluator)

    @contextmanager
    def open_runtime(settings: object) -> Iterator[Room]:
        yield room

    monkeypatch.setattr(bootstrap_runtime, "open_runtime", open_runtime)
    monkeypatch.setattr(promotion_tasks, "note_run", lambda text: None)
    return room


def enter_canary(room: Room) -> None:
    room.evaluator.ledger.record_promotion(TO_CANARY)
    room.aliases.found = {"canary": 1}


@pytest.fixture
def run(bag: DagBag) -> Callable[..., Any]:
    """One run in this process."""
    from airflow.utils.db import initdb

    initdb()

    def run(**conf: Any) -> Any:
        # What one run was given stays in the parsed DAG, so each run gives everything.
        return bag.dags["promote_models"].test(run_conf={"version": None, "approval_minutes": None, **conf})

    return run


@pytest.fixture
def answer(room: Room, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, dict[str, str] | None], None]:
    """What the approval is answered with, as Airflow would resume it."""

    def answer(option: str, person: dict[str, str] | None) -> None:
        event = {
            "chosen_options": [option],
            "params_input": {},
            "responded_at": datetime.now(UTC),
            "responded_by_user": person,
        }

        def wait(operator: PromotionApproval, context: Any) -> Any:
            room.asked.append(
                {
                    "subject": operator.subject,
                    "body": operator.body,
                    "timeout": operator.response_timeout,
                    "of": operator.assigned_users,
                }
            )
            return operator.execute_complete(context, event)

        monkeypatch.setattr(promotion_approval.HITLOperator, "execute", wait)

    return answer


def states(dag_run: Any) -> dict[str, str]:
    return {task.task_id: str(task.state) for task in dag_run.get_task_instances()}


def test_a_shadow_that_is_no_better_stays_and_nobody_is_asked(room: Room, run: Callable[..., Any]) -> None:
    room.find(NO_BETTER)
    done = run()

    assert done.state == "success"
    assert (states(done)["approve_live"], states(done)["record_outcome"]) == ("skipped", "success")
    (*_, entry) = room.read_entries()
    assert (entry.verdict, entry.after, entry.approver) == (Verdict.STAYED, ModelState.SHADOW, "rule")
    assert entry.requested_by == f"promote_models/{done.run_id}"
    assert room.aliases.found == {"shadow": 1}


def test_a_better_shadow_enters_canary_by_rule(room: Room, run: Callable[..., Any]) -> None:
    assert run(version=1).state == "success"
    (*_, entry) = room.read_entries()

    assert (entry.verdict, entry.after, entry.opens_on) == (Verdict.PROMOTED, ModelState.CANARY, DAYS[4])
    assert room.aliases.found == {"canary": 1}


def test_an_approved_canary_acts_live_and_the_entry_names_who(
    room: Room, run: Callable[..., Any], answer: Callable[..., None]
) -> None:
    enter_canary(room)
    answer("Approve", ANN)
    assert run().state == "success"
    (*_, entry) = room.read_entries()

    assert (entry.verdict, entry.after, entry.approver) == (Verdict.PROMOTED, ModelState.LIVE, "ann")
    assert room.aliases.found == {"live": 1}
    (asked,) = room.asked
    assert asked["subject"] == "Promote blender v1 to live?"
    assert asked["timeout"] == timedelta(hours=4)
    assert asked["of"] == [{"id": "admin", "name": "admin"}]
    assert "| evaluated sessions | 300 " in asked["body"]
    assert f"`{entry.evidence}`" in asked["body"]
    assert "- **Approve**: v1 decides on the live account in place of prior_blend/1" in asked["body"]
    assert "no answer within 4 hours: v1 stays in canary" in asked["body"]


def test_on_call_is_told_once_that_a_question_waits_with_evidence_deadline_and_link(
    room: Room, run: Callable[..., Any], answer: Callable[..., None], tmp_path: Path
) -> None:
    enter_canary(room)
    answer("Reject", ANN)
    before = datetime.now(UTC).replace(second=0, microsecond=0)
    done = run()
    (mail,) = [email.message_from_bytes(f.read_bytes(), policy=default) for f in (tmp_path / "mail").iterdir()]
    (*_, entry) = room.read_entries()
    text = " ".join(mail.get_content().split())

    assert mail["Subject"] == "[tradeops] blender v1 waits for a person's approval to act live"
    said = text.split("until ")[1][:16]
    asked_until = datetime.strptime(said, "%Y-%m-%d %H:%M").replace(tzinfo=UTC)
    assert before + timedelta(hours=4) <= asked_until <= datetime.now(UTC) + timedelta(hours=4)
    link = f"{room.settings.airflow_url}/dags/promote_models/runs/{done.run_id}/tasks/approve_live/required_actions"
    for part in (f"rule met: {entry.reason.split('met: ')[1]}", str(entry.evidence), "may answer admin", link):
        assert part in text


def test_no_mail_is_written_where_nobody_is_asked(room: Room, run: Callable[..., Any], tmp_path: Path) -> None:
    assert run().state == "success"
    assert not (tmp_path / "mail").exists()


@pytest.mark.parametrize(("person", "approver"), [(ANN, "ann"), (None, "nobody")])
def test_a_rejection_and_no_answer_are_entries_of_a_run_that_succeeds(
    room: Room, run: Callable[..., Any], answer: Callable[..., None], person: dict[str, str] | None, approver: str
) -> None:
    enter_canary(room)
    answer("Reject", person)
    done = run(approval_minutes=0.5)

    assert (done.state, states(done)["approve_live"]) == ("success", "success")
    (*_, entry) = room.read_entries()
    assert (entry.verdict, entry.after, entry.approver) == (Verdict.REJECTED, ModelState.CANARY, approver)
    assert room.asked[0]["timeout"] == timedelta(seconds=30)
    answered = "answered no" if person else "no answer in time"
    assert entry.reason.startswith(f"{answered}; the rule was met: pinball difference")
    assert room.aliases.found == {"canary": 1}


def test_an_alias_moved_by_hand_is_set_back_told_once_and_changes_nothing(
    room: Room, run: Callable[..., Any], tmp_path: Path
) -> None:
    room.find(NO_BETTER)
    for _ in range(2):
        room.aliases.found = {"live": 1, "shadow": 1}
        assert run().state == "success"
    mails = [email.message_from_bytes(f.read_bytes(), policy=default) for f in (tmp_path / "mail").iterdir()]

    assert [mail["Subject"] for mail in mails] == ["[tradeops] alias live names v1, the ledger nothing; set back"]
    assert "who acts live is read from the ledger" in mails[0].get_content()
    assert room.promotion_desk().read_standing().live == "prior_blend/1"
    assert room.aliases.found == {"shadow": 1}


def test_nothing_staged_is_skipped_and_a_version_that_is_not_staged_fails(room: Room) -> None:
    with pytest.raises(AirflowFailException, match="no version 7 is in shadow or canary"):
        promotion_tasks.evaluate_model(7, None)
    room.evaluator = replace(room.evaluator, ledger=InMemoryLedger())
    with pytest.raises(AirflowSkipException, match="run train_blender first"):
        promotion_tasks.evaluate_model(None, None)


def test_a_run_with_nothing_staged_records_nothing(room: Room, run: Callable[..., Any]) -> None:
    room.evaluator = replace(room.evaluator, ledger=InMemoryLedger())
    room.aliases.found = {}
    done = run()

    assert (done.state, states(done)["record_outcome"], room.read_entries()) == ("success", "skipped", ())


def test_a_cleared_record_is_the_same_entry(room: Room) -> None:
    case = promotion_tasks.evaluate_model(None, None)
    first = promotion_tasks.record_outcome(case, None, "promote_models/r")

    assert promotion_tasks.record_outcome(case, None, "promote_models/r") == first
    assert len(room.read_entries()) == 2


def check_only_a_person_s_yes_goes_live(room: Room, conclude: Callable[..., Any]) -> None:
    enter_canary(room)
    case = promotion_tasks.evaluate_model(None, None)
    for number, answer in enumerate([None, {"chosen_options": ["Reject"], "responded_by_user": ANN}]):
        conclude(case, answer, f"r{number}")
        assert room.promotion_desk().read_standing().live == "prior_blend/1"


def test_only_a_person_s_yes_goes_live(room: Room) -> None:
    check_only_a_person_s_yes_goes_live(room, promotion_tasks.record_outcome)


def test_mutant_that_takes_silence_for_consent_is_found(room: Room) -> None:
    def lenient(case: Any, _answer: Any, request: str) -> None:
        promotion_tasks.record_outcome(case, {"chosen_options": ["Approve"], "responded_by_user": None}, request)

    with pytest.raises(AssertionError):
        check_only_a_person_s_yes_goes_live(room, lenient)


def test_order_of_the_promotion(bag: DagBag) -> None:
    tasks = bag.dags["promote_models"].task_dict
    upstream = {name: task.upstream_task_ids for name, task in tasks.items()}

    assert upstream == {
        "check_aliases": set(),
        "evaluate_model": {"check_aliases"},
        "choose_way": {"evaluate_model"},
        "approve_live": {"choose_way"},
        "record_outcome": {"choose_way", "approve_live"},
    }
    approval = tasks["approve_live"]
    assert isinstance(approval, PromotionApproval)
    assert (approval.options, approval.defaults) == (["Approve", "Reject"], ["Reject"])
    assert {task.retries for task in tasks.values()} == {6}


def test_the_page_of_a_model_without_evidence_says_so() -> None:
    from tradeops.entrypoints.airflow.promotion_page import write_page

    nothing = replace(make_evidence(0, 0, 0, 0), difference=None, undisturbed=None)
    case = SimpleNamespace(
        evidence=nothing,
        version=1,
        before="shadow",
        would_be="canary",
        reason="a | b",
        evidence_ref="e",
        allowed=False,
        needs_approval=False,
    )
    page = write_page(cast("Any", case), 240)
    assert "Approve" not in page
    assert "| evaluated sessions | none |" in page
    assert "no interval below 20 sessions" in page
    assert "a \\| b" in page
