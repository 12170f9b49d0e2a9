"""A package passes the gate whole or not at all."""

from collections.abc import Callable, Sequence
from decimal import Decimal

from tradeops.domain.identifiers import PackageId
from tradeops.domain.orders import OrderIntent
from tradeops.domain.verdicts import LimitUse
from tradeops.risk.proposals import Proposal

ZERO = Decimal(0)
Judge = Callable[[Sequence[OrderIntent]], list[Proposal]]


def judge_whole_packages(intents: Sequence[OrderIntent], judge: Judge) -> tuple[list[Proposal], dict[PackageId, str]]:
    """Judge a set of orders without the packages of which a leg was cut, until no leg is cut.

    Packages that are cut leave the set before the rest is judged again: a reducing leg may have made
    room that nobody may use when it is not sent. Each round takes at least one package away.

    Returns:
        What passes, and for each refused package which leg was cut by what.
    """
    refused: dict[PackageId, str] = {}
    while True:
        proposals = judge([intent for intent in intents if intent.package not in refused])
        cut = {p.intent.package: _describe(p) for p in proposals if p.intent.package and _is_cut(p)}
        if not cut:
            return proposals, refused
        refused |= cut


def refuse_legs(legs: Sequence[Proposal], refused: dict[PackageId, str]) -> None:
    """Let no share of refused packages through, and note which leg is to blame."""
    for leg in legs:
        if leg.intent.package is not None:
            detail = refused[leg.intent.package]
            leg.shrink(ZERO, LimitUse(limit="package", allowed=ZERO, before=leg.quantity, after=ZERO, detail=detail))


def _is_cut(proposal: Proposal) -> bool:
    return proposal.quantity < proposal.intent.quantity


def _describe(leg: Proposal) -> str:
    limits = ", ".join(use.limit for use in leg.bound_by)
    return f"{limits} cut leg {leg.intent.client_order_id} ({leg.intent.instrument}) to {leg.quantity}"
