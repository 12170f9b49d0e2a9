"""Packages at the gate: whole or not at all, and what the refused ones would have made room for is not used."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.examples import base_policy, build_state
from tests.unit.risk.gate_laws import Scenario, check_package_laws
from tests.unit.risk.gate_scenarios import scenarios
from tests.unit.risk.test_gate import AAPL, FB, VIEW, propose
from tradeops.domain.decisions import CycleRequest
from tradeops.domain.identifiers import BookId, CycleId, PackageId
from tradeops.domain.orders import OrderIntent, Side
from tradeops.domain.verdicts import RiskVerdict, VerdictKind
from tradeops.risk import gate
from tradeops.risk.gate import check_risk
from tradeops.risk.packages import Judge
from tradeops.risk.proposals import Proposal
from tradeops.services.cycle.check_risk import approve_orders

HEDGED = PackageId("hedged")


@st.composite
def packaged(draw: st.DrawFn) -> Scenario:
    scenario = draw(scenarios())
    package = st.sampled_from((None, HEDGED, HEDGED, PackageId("other")))
    intents = tuple(replace(intent, package=draw(package)) for intent in scenario.intents)
    return replace(scenario, intents=intents)


@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(packaged())
def test_a_package_passes_whole_or_not_at_all_within_every_limit(scenario: Scenario) -> None:
    check_package_laws(check_risk, scenario)


def judge(*intents: OrderIntent) -> Sequence[RiskVerdict]:
    state = build_state(VIEW, {AAPL: 900}, cash="10000")
    return check_risk(intents, state=state, view=VIEW, policy=base_policy(), net_edges={})


def test_a_leg_that_is_cut_refuses_the_others_and_says_why() -> None:
    sale = replace(propose(Side.SELL, 200, AAPL, "1"), package=HEDGED)
    purchase = replace(propose(Side.BUY, 900, FB, "2"), package=HEDGED)
    verdicts = judge(sale, purchase)
    assert [verdict.kind for verdict in verdicts] == [VerdictKind.VETOED] * 2
    (use,) = verdicts[0].limits
    assert (use.limit, use.before, use.after) == ("package", 200, 0)
    assert "cut leg 2 (FB)" in use.detail


def check_room_of_a_refused_leg_is_not_used() -> None:
    """A sale of a package that is refused would have paid for a purchase that is no leg of it."""
    legs = [replace(propose(side, 200, AAPL, number), package=HEDGED) for side, number in ((Side.SELL, "1"),)]
    legs.append(replace(propose(Side.BUY, 10, FB, "2", price="99.0"), package=HEDGED))  # not the close: refused
    single = propose(Side.BUY, 150, FB, "3")
    alone, (_, _, beside) = judge(single)[0], judge(*legs, single)
    assert 0 < alone.approved == beside.approved < 150


def test_room_of_a_refused_leg_is_not_used() -> None:
    check_room_of_a_refused_leg_is_not_used()


def test_mutant_that_refuses_legs_without_judging_the_rest_again_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def judge_once(intents: Sequence[OrderIntent], judge: Judge) -> tuple[list[Proposal], dict[PackageId, str]]:
        return [proposal for proposal in judge(intents) if proposal.intent.package is None], {HEDGED: "a leg is cut"}

    monkeypatch.setattr(gate, "judge_whole_packages", judge_once)
    with pytest.raises(AssertionError):
        check_room_of_a_refused_leg_is_not_used()


def test_a_package_that_fits_passes_and_its_orders_name_it() -> None:
    legs = [propose(Side.SELL, 50, AAPL, "1"), propose(Side.BUY, 20, FB, "2")]
    intents = [*(replace(leg, package=HEDGED) for leg in legs), propose(Side.BUY, 1, FB, "3")]
    request = CycleRequest(
        book_id=BookId(), session=VIEW.session, as_of=VIEW.as_of, next_session=VIEW.session + timedelta(days=1)
    )
    orders = approve_orders(CycleId("c"), request, intents, judge(*intents))
    assert [(order.quantity, order.package) for order in orders] == [(50, HEDGED), (20, HEDGED), (1, None)]
