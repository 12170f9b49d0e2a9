"""Asks a person whether a canary may act live."""

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk.execution_time.hitl import HITLUser

from tradeops.entrypoints.airflow.promotion_mails import tell_of_question

APPROVE, REJECT = "Approve", "Reject"


class PromotionApproval(HITLOperator):
    """An approval whose deadline and approvers the evaluation names; no answer by then is a rejection.

    Airflow's `ApprovalOperator` loses a rejection's answer, and who gave it, while it skips what
    follows. Here the answer always reaches the task that records it.

    Args:
        evaluated_by: The task whose result holds `version`, `would_be`, `page`, `reason`, `evidence`,
            `approval_minutes` and `approvers`.
        given: As for any operator.
    """

    def __init__(self, *, evaluated_by: str = "evaluate_model", **given: Any) -> None:
        case = f"ti.xcom_pull(task_ids='{evaluated_by}')"
        super().__init__(
            subject=f"Promote blender v{{{{ {case}['version'] }}}} to {{{{ {case}['would_be'] }}}}?",
            body=f"{{{{ {case}['page'] }}}}",
            options=[APPROVE, REJECT],
            defaults=REJECT,
            **given,
        )
        self.evaluated_by = evaluated_by

    def execute(self, context: Any) -> Any:
        """Put the question to those who may answer, with its deadline, and tell them that it waits."""
        case = context["ti"].xcom_pull(task_ids=self.evaluated_by)
        self.response_timeout = timedelta(minutes=case["approval_minutes"])
        self.assigned_users = [HITLUser(id=account, name=account) for account in case["approvers"]]
        tell_of_question(case, context["run_id"], datetime.now(UTC) + self.response_timeout)
        return super().execute(context)
