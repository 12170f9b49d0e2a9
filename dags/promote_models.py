"""# Promote models.

Judges a model that decides on a paper account against the one that acts live, by the promotion rule of the policy, and
records one entry in the promotion ledger. A shadow that is better gets a canary's account. A canary that is not worse
is put before a person: a mail leads to the evidence on the page of `approve_live`. Live follows the ledger from its
next decision on; the registry's aliases are set after the ledger. It starts by hand or by `tradeops models promote`.

## Parameters
- `version`: the model's version in the registry. Empty means the canary, else the shadow that entered first.
- `approval_minutes`: how long a person has to answer. Empty means as long as the policy says (4 hours).

## Safe to clear
Everything, at any time. A run writes one entry: once it is written, a cleared task shows it and changes nothing.
Staying where it is, a rejection and a question that nobody answered are entries too, and the run succeeds. To ask
again, start a new run.

## If it fails
1. Read the error above. `UnknownRecord`: no such version is in shadow or canary; look with `tradeops models status`.
   `IllegalTransition`: the model, or live, moved while the question was open; start a new run. `CorruptInput`: a stored
   forecast or the evidence was changed; run `tradeops doctor`. `ExternalServiceError`: the registry cannot be reached.
2. Live is not touched by a run that failed before `record_outcome`. To take live back at once, whatever the state of
   this run: `tradeops models rollback --person NAME --reason WHY`.
3. Clear the failed task.
"""

from typing import Any

from airflow.sdk import Param, TriggerRule, dag, get_current_context, task

from tradeops.entrypoints.airflow.failure_mail import mail_failure
from tradeops.entrypoints.airflow.promotion_approval import PromotionApproval
from tradeops.entrypoints.airflow.task_defaults import DECISION


@dag(
    dag_id="promote_models",
    doc_md=__doc__,
    schedule=None,
    tags=["models"],
    default_args=DECISION,
    max_active_runs=1,
    on_failure_callback=mail_failure,
    params={
        "version": Param(None, type=["null", "integer"], minimum=1, description="version in the registry"),
        "approval_minutes": Param(
            None,
            type=["null", "number"],
            exclusiveMinimum=0,
            maximum=10080,
            description="time to answer, if not the policy's",
        ),
    },
)
def promote_models() -> None:
    """Judge one model, ask if need be, record the outcome."""

    @task
    def check_aliases() -> list[str]:
        """Set the aliases as in the ledger; report what was moved by hand."""
        from tradeops.entrypoints.airflow import promotion_tasks

        return promotion_tasks.check_aliases()

    @task
    def evaluate_model() -> dict[str, Any]:
        """Gather the evidence and ask the rule."""
        from tradeops.entrypoints.airflow import promotion_tasks

        params = get_current_context()["params"]
        return promotion_tasks.evaluate_model(params["version"], params["approval_minutes"])

    @task.branch
    def choose_way() -> str:
        """Ask a person where the rule wants one, else go straight to the record."""
        case = get_current_context()["ti"].xcom_pull(task_ids="evaluate_model")
        return "approve_live" if case["needs_approval"] else "record_outcome"

    approve_live = PromotionApproval(
        task_id="approve_live", doc_md="Put the evidence before a person; no answer in time is a rejection."
    )

    @task(trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS)
    def record_outcome() -> dict[str, Any]:
        """Write the one entry of this run: promoted, stayed or rejected."""
        from tradeops.entrypoints.airflow import promotion_tasks

        context = get_current_context()
        case, answer = (context["ti"].xcom_pull(task_ids=name) for name in ("evaluate_model", "approve_live"))
        return promotion_tasks.record_outcome(case, answer, f"promote_models/{context['run_id']}")

    way, outcome = choose_way(), record_outcome()
    check_aliases() >> evaluate_model() >> way >> outcome
    way >> approve_live >> outcome


promote_models()
