"""What a person reads before answering a request to promote."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tradeops.services.promote_model import PromotionCase


_MINUTES_AN_HOUR = 60


def write_page(case: "PromotionCase", approval_minutes: float) -> str:
    """The evidence of a case and, where a person is asked, what each answer does; as Markdown.

    Args:
        case: Judged.
        approval_minutes: How long the person has.
    """
    evidence = case.evidence
    rows = {
        "evaluated sessions": _describe_sessions(case),
        "forecasts": _describe_difference(case),
        "without interventions": "–" if evidence.undisturbed is None else f"{evidence.undisturbed:+.6f}",
        "net profit in these sessions": (
            f"{evidence.profit:+,.2f} USD on its paper account, {evidence.incumbent_profit:+,.2f} USD live; "
            "for information, not part of the rule"
        ),
        "rule": f"{'met' if case.allowed else 'not met'}: {case.reason}",
        "evidence": f"`{case.evidence_ref}`",
    }
    table = "\n".join(f"| {name} | {_escape(text)} |" for name, text in rows.items())
    choices = f"\n{_describe_choices(case, approval_minutes)}" if case.needs_approval else ""
    return f"**blender v{case.version}: {case.before} → {case.would_be}**\n\n| | |\n|---|---|\n{table}\n{choices}"


def _describe_choices(case: "PromotionCase", minutes: float) -> str:
    limit = f"{minutes / _MINUTES_AN_HOUR:g} hours" if minutes >= _MINUTES_AN_HOUR else f"{minutes:g} minutes"
    return (
        f"- **Approve**: v{case.version} decides on the live account in place of {case.evidence.incumbent}, from the "
        "next decision on. `tradeops models rollback` takes it back at once.\n"
        f"- **Reject**, or no answer within {limit}: v{case.version} stays in {case.before} and goes on deciding on "
        "its paper account. To ask again, start a new run.\n"
    )


def _describe_sessions(case: "PromotionCase") -> str:
    evidence = case.evidence
    if not evidence.losses:
        return "none"
    first, last = evidence.losses[0].session, evidence.losses[-1].session
    return f"{evidence.sessions} ({first} … {last}), {evidence.interventions} with an intervention"


def _describe_difference(case: "PromotionCase") -> str:
    from tradeops.learning.promotion_evidence import describe_estimate  # noqa: PLC0415 - paid in the task

    evidence = case.evidence
    if evidence.difference is None:
        return f"no interval below {evidence.block} sessions"
    return (
        f"pinball loss less that of {evidence.incumbent}: {describe_estimate(evidence.difference)}, "
        f"{evidence.level:.0%} by blocks of {evidence.block} sessions; below 0 is better"
    )


def _escape(text: str) -> str:
    return text.replace("|", "\\|")
