"""What a person reads before answering a request to promote."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tradeops.services.promote_model import PromotionCase


def write_page(case: "PromotionCase") -> str:
    """The evidence of a case, as Markdown."""
    evidence = case.evidence
    rows = {
        "evaluated sessions": _describe_sessions(case),
        "forecasts": _describe_difference(case),
        "without interventions": "–" if evidence.undisturbed is None else f"{evidence.undisturbed:+.6f}",
        "net profit in these sessions": (
            f"{evidence.profit:+,.2f} USD on its paper account, {evidence.incumbent_profit:+,.2f} USD live; "
            "for information, not part of the rule"
        ),
        "rule": case.reason,
        "evidence": f"`{case.evidence_ref}`",
    }
    table = "\n".join(f"| {name} | {_escape(text)} |" for name, text in rows.items())
    return f"**blender v{case.version}: {case.before} → {case.would_be}**\n\n| | |\n|---|---|\n{table}\n"


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
