"""What the gate says in cases that can be checked by hand."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from tests.unit.examples import NAMES, base_policy, build_state, build_view, policy_with
from tradeops.domain.decisions import BookState
from tradeops.domain.errors import RiskError
from tradeops.domain.identifiers import ClientOrderId, InstrumentId
from tradeops.domain.market import MarketView
from tradeops.domain.orders import OrderIntent, Side
from tradeops.domain.verdicts import KillSwitch, RiskVerdict, VerdictKind
from tradeops.risk import stages
from tradeops.risk.gate import check_risk

AAPL, FB = NAMES[:2]
VIEW = build_view(np.full((21, 2), 100.0))


def propose(
    side: Side, quantity: int, name: InstrumentId = AAPL, number: str = "1", price: str = "100.0"
) -> OrderIntent:
    return OrderIntent(
        client_order_id=ClientOrderId(number),
        instrument=name,
        side=side,
        quantity=Decimal(quantity),
        reference_price=Decimal(price),
    )


def judge(intent: OrderIntent, state: BookState, view: MarketView = VIEW, **more: Any) -> RiskVerdict:
    given: dict[str, Any] = {"policy": base_policy(), "net_edges": {}, **more}
    (verdict,) = check_risk([intent], state=state, view=view, **given)
    return verdict


def test_a_buy_is_cut_at_the_single_name_limit_and_says_what_that_costs() -> None:
    verdict = judge(propose(Side.BUY, 300), build_state(VIEW), net_edges={AAPL: 0.01})
    assert (verdict.kind, verdict.approved) == (VerdictKind.CLAMPED, 200)
    (use,) = verdict.limits
    assert (use.limit, use.allowed, use.before, use.after) == ("single_name", 20_000, 0, 20_000)
    assert verdict.clamp_cost == 100  # 1 % of 100 shares at 100 USD
    assert verdict.limits_version == base_policy().version


def test_two_buys_share_the_gross_limit_by_largest_remainder() -> None:
    policy = policy_with(limits={"gross": Decimal("0.25"), "single_name": Decimal(1)})
    intents = [propose(Side.BUY, 200, number="b"), propose(Side.BUY, 100, FB, number="a")]
    verdicts = check_risk(intents, state=build_state(VIEW), view=VIEW, policy=policy, net_edges={})
    # 250 shares for 300: 83 1/3 and 166 2/3; the lot that is left goes to the larger remainder.
    assert [v.approved for v in verdicts] == [83, 167]
    assert {use.after for v in verdicts for use in v.limits} == {Decimal(25_000)}


@pytest.mark.parametrize(("fall", "shares"), [("0.10", 200), ("0.15", 106), ("0.1999", 0), ("0.20", 0)])
def test_the_drawdown_guard_falls_linearly(fall: str, shares: int) -> None:
    state = build_state(VIEW, cash=str(100_000 * (1 - Decimal(fall))), peak=Decimal(100_000))
    limits = {"single_name": Decimal(1), "gross": Decimal("0.25")}
    verdict = judge(propose(Side.BUY, 200), state, policy=policy_with(limits=limits))
    assert verdict.approved == shares


def test_a_reducing_order_passes_over_the_limits_and_says_so() -> None:
    state = build_state(VIEW, {AAPL: 900}, cash="10000")
    verdict = judge(propose(Side.SELL, 100), state)
    assert verdict.kind is VerdictKind.APPROVED
    (use,) = verdict.limits
    assert use.limit == "single_name" and use.after == 80_000 > use.allowed
    assert "reducing" in use.detail


def test_a_sale_ends_at_what_is_held() -> None:
    verdict = judge(propose(Side.SELL, 150), build_state(VIEW, {AAPL: 100}))
    assert (verdict.approved, verdict.limits[0].limit) == (100, "long_only")
    verdict = judge(propose(Side.SELL, 150), build_state(VIEW))
    assert (verdict.kind, verdict.limits[0].limit) == (VerdictKind.VETOED, "long_only")


def test_covering_a_short_ends_at_what_is_owed() -> None:
    verdict = judge(propose(Side.BUY, 150), build_state(VIEW, {AAPL: -100}))
    assert (verdict.approved, verdict.limits[0].limit) == (100, "no_flip")


def test_open_orders_count_as_filled() -> None:
    waiting = [propose(Side.BUY, 150, number="w")]
    assert judge(propose(Side.BUY, 100), build_state(VIEW), open_orders=waiting).approved == 50
    waiting = [propose(Side.SELL, 80, number="w")]
    assert judge(propose(Side.SELL, 100), build_state(VIEW, {AAPL: 100}), open_orders=waiting).approved == 20


def test_a_reducing_order_goes_first_in_the_queue() -> None:
    policy = policy_with(limits={"largest_order_count": 1})
    intents = [propose(Side.BUY, 10, FB, number="a"), propose(Side.SELL, 10, number="b")]
    state = build_state(VIEW, {AAPL: 100})
    verdicts = check_risk(intents, state=state, view=VIEW, policy=policy, net_edges={FB: 1.0})
    assert [v.approved for v in verdicts] == [0, 10]
    assert verdicts[0].limits[0].limit == "order_count"


REFUSALS: Mapping[str, dict[str, Any]] = {
    "restricted": {"restricted": {AAPL}},
    "unknown_position": {"unknown": {AAPL}},
}


@pytest.mark.parametrize("limit", REFUSALS)
def test_not_even_a_reducing_order_passes(limit: str) -> None:
    verdict = judge(propose(Side.SELL, 10), build_state(VIEW, {AAPL: 100}), **REFUSALS[limit])
    assert (verdict.kind, verdict.limits[0].limit) == (VerdictKind.VETOED, limit)


def test_the_kill_switch() -> None:
    for level, sold in ((KillSwitch.CLOSE_ONLY, 10), (KillSwitch.FREEZE, 0)):
        state = build_state(VIEW, {AAPL: 100}, kill_switch=level)
        assert judge(propose(Side.SELL, 10), state).approved == sold
        refused = judge(propose(Side.BUY, 10), state)
        assert (refused.approved, refused.limits[0].limit) == (0, "kill_switch")


def test_yesterdays_close_is_stale() -> None:
    closes = np.full((21, 1), 100.0)
    closes[-2] = 99.0
    verdict = judge(propose(Side.BUY, 1, price="99.0"), build_state(VIEW), build_view(closes))
    assert (verdict.approved, verdict.limits[0].limit) == (0, "stale_price")


@pytest.mark.parametrize(
    ("before", "split", "approved"), [(62.5, 1.0, 1), (62.4, 1.0, 0), (260.0, 1.0, 0), (208.0, 2.0, 1)]
)
def test_a_price_that_moved_too_far_is_not_believed(before: float, split: float, approved: int) -> None:
    closes, splits = np.full((21, 1), before), np.ones((21, 1))
    closes[-1], splits[-1] = 100.0, split
    view = build_view(closes, splits=splits)
    assert judge(propose(Side.BUY, 1), build_state(view), view).approved == approved


def test_a_price_that_is_not_the_columns_is_not_believed() -> None:
    view = replace(VIEW, reference_prices={**VIEW.reference_prices, AAPL: Decimal("100.01")})
    verdict = judge(propose(Side.BUY, 1, price="100.01"), build_state(VIEW), view)
    assert (verdict.approved, verdict.limits[0].limit) == (0, "price_sanity")


def test_a_name_outside_the_view_is_refused_and_its_value_counts() -> None:
    stranger = InstrumentId("ZZZ")
    state = build_state(VIEW, {stranger: 1900}, cash="5000")  # 95,000 USD that the view cannot price
    assert judge(propose(Side.SELL, 1, stranger, price="50"), state).limits[0].limit == "price_sanity"
    verdict = judge(propose(Side.BUY, 100), state, policy=policy_with(limits={"cash_buffer": Decimal(0)}))
    assert verdict.approved == 49
    assert [use.limit for use in verdict.limits] == ["gross", "cash_buffer"]


def test_no_orders_no_verdicts() -> None:
    assert check_risk([], state=build_state(VIEW), view=VIEW, policy=base_policy(), net_edges={}) == ()


def test_orders_that_share_an_id_fail_the_gate() -> None:
    twins = [propose(Side.BUY, 1), propose(Side.BUY, 1, FB)]
    with pytest.raises(RiskError, match="share an id"):
        check_risk(twins, state=build_state(VIEW), view=VIEW, policy=base_policy(), net_edges={})


@pytest.mark.parametrize("fault", [KeyError("x"), ZeroDivisionError(), MemoryError(), AssertionError()])
def test_the_gate_fails_closed(fault: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_down(*_: object) -> None:
        raise fault

    monkeypatch.setattr(stages, "apply_limit", break_down)
    with pytest.raises(RiskError, match="nothing is sent") as raised:
        judge(propose(Side.BUY, 1), build_state(VIEW))
    assert raised.value.__cause__ is fault


def test_a_net_edge_that_is_no_number_fails_the_gate() -> None:
    with pytest.raises(RiskError):
        judge(propose(Side.BUY, 1000), build_state(VIEW), net_edges={AAPL: float("nan")})
