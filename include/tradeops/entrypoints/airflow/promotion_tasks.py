"""Tasks that judge a staged model and record what becomes of it."""

import logging
from typing import Any

from airflow.sdk.exceptions import AirflowSkipException

from tradeops.entrypoints.airflow.promotion_approval import APPROVE
from tradeops.entrypoints.airflow.promotion_mails import describe_difference
from tradeops.entrypoints.airflow.promotion_page import write_page
from tradeops.entrypoints.airflow.run_notes import note_run
from tradeops.entrypoints.airflow.task_runtime import open_task_runtime

_LOG = logging.getLogger(__name__)
_MINUTES_AN_HOUR = 60


def check_aliases() -> list[str]:
    """Set the registry's aliases as in the ledger, and tell on-call of each that was moved by hand."""
    from tradeops.bootstrap.notifier import open_notifier  # noqa: PLC0415 - paid in the task

    with open_task_runtime() as runtime:
        differences = runtime.promotion_desk().mirror_aliases()
        notifier = open_notifier(runtime.settings)
        for difference in differences:
            _LOG.warning("%s; live follows the ledger", difference)
            notifier.notify(describe_difference(difference))
    return [str(difference) for difference in differences]


def evaluate_model(version: int | None, approval_minutes: float | None) -> dict[str, Any]:
    """Gather the evidence for a staged model and ask the rule.

    Args:
        version: Which model; the one that is due when left out.
        approval_minutes: How long a person has to answer, if not as long as the policy says.

    Raises:
        AirflowSkipException: No model is staged, and none was named.
    """
    from tradeops.domain.errors import UnknownRecord  # noqa: PLC0415 - paid in the task

    with open_task_runtime() as runtime:
        try:
            case = runtime.promotion_desk().evaluate(version)
        except UnknownRecord as nothing:
            if version is not None:
                raise
            raise AirflowSkipException(nothing.message) from nothing
        hours = runtime.policy.promotion.approval_hours
        approvers = [account.strip() for account in runtime.settings.approvers.split(",")]
    minutes = approval_minutes or hours * _MINUTES_AN_HOUR
    page = write_page(case, minutes)
    _LOG.info(page)
    return {
        "version": case.version,
        "would_be": case.would_be.value,
        "needs_approval": case.needs_approval,
        "evidence": case.evidence_ref,
        "page": page,
        "reason": case.reason,
        "approval_minutes": minutes,
        "approvers": approvers,
    }


def record_outcome(case: dict[str, Any], answer: dict[str, Any] | None, requested_by: str) -> dict[str, Any]:
    """Write the one ledger entry of this request, then set the aliases.

    Args:
        case: What `evaluate_model` returned.
        answer: What the approval returned; None where nobody was asked.
        requested_by: The run that asks.
    """
    from tradeops.services.promote_model import NOBODY  # noqa: PLC0415 - paid in the task

    person = (answer or {}).get("responded_by_user") or {}
    with open_task_runtime() as runtime:
        desk = runtime.promotion_desk()
        entry = desk.conclude(
            case["evidence"],
            approver=person.get("name") or person.get("id") or NOBODY,
            approved=answer is not None and APPROVE in answer["chosen_options"],
            requested_by=requested_by,
        )
        desk.mirror_aliases()
    stands = f"{entry.before} → {entry.after}" if entry.before != entry.after else f"stays in {entry.after}"
    note_run(f"blender v{entry.version} {entry.verdict}: {stands}, by {entry.approver}; {entry.reason}")
    return {"version": entry.version, "verdict": entry.verdict.value, "state": entry.after.value}
