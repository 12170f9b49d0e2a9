"""What on-call is told about promotions: what happened, on which evidence, what to do."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tradeops.ports.notifier import Notification
    from tradeops.services.mirror_aliases import AliasDifference

_PAGE = "/dags/promote_models/runs/{}/tasks/approve_live/required_actions"


def tell_of_question(case: dict[str, Any], run_id: str, until: datetime) -> None:
    """Tell on-call that a question waits; once, however often its task is tried.

    Args:
        case: What `evaluate_model` returned.
        run_id: The run that asks.
        until: When silence becomes a rejection.
    """
    from tradeops.bootstrap.notifier import open_notifier  # noqa: PLC0415 - paid in the task
    from tradeops.settings import load_settings  # noqa: PLC0415

    settings = load_settings()
    open_notifier(settings).notify(_describe_question(case, f"{settings.airflow_url}{_PAGE.format(run_id)}", until))


def _describe_question(case: dict[str, Any], link: str, until: datetime) -> "Notification":
    from tradeops.ports.notifier import Notification  # noqa: PLC0415 - paid in the task

    version = case["version"]
    return Notification(
        cause=("promote_models", "question", link),
        subject=f"blender v{version} waits for a person's approval to act {case['would_be']}",
        facts=(
            ("rule", f"met: {case['reason']}"),
            ("evidence", case["evidence"]),
            ("until", f"{until:%Y-%m-%d %H:%M} UTC; silence is a rejection"),
            ("may answer", ", ".join(case["approvers"])),
            ("answer", link),
        ),
        advice=(
            "1. Open the link, read the evidence, and approve or reject there.\n"
            "2. Nothing breaks without an answer: the model stays where it is, and a new run asks again.\n"
            "3. If it acts live and should not: `tradeops models rollback --person NAME --reason WHY`."
        ),
    )


def describe_difference(difference: "AliasDifference") -> "Notification":
    """An alias did not say what the ledger says, and was set back."""
    from tradeops.ports.notifier import Notification  # noqa: PLC0415 - paid in the task

    return Notification(
        cause=("promote_models", "alias", difference.alias),
        subject=f"{difference}; set back",
        facts=(
            ("where", "registered model blender in MLflow"),
            ("effect", "none: who acts live is read from the ledger, and the alias is again what the ledger says"),
        ),
        advice=(
            "1. Trading goes on as before; nothing has to be done at once. `tradeops models status` shows who acts.\n"
            "2. Somebody moved the alias by hand, or a promotion was interrupted before it set the alias: compare\n"
            "   `tradeops models history`. If it was a person, tell them: an alias is a mirror and changes nothing.\n"
            "3. To change who acts, use `tradeops models promote` or `tradeops models rollback`."
        ),
    )
