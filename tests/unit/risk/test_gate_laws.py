"""Every law of the gate as a property, and gates with one fault each, which the same check must find."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.unit.examples import NAMES, build_state, build_view, policy_with
from tests.unit.risk.gate_laws import Scenario, check_laws
from tests.unit.risk.gate_scenarios import scenarios
from tradeops.domain.identifiers import ClientOrderId
from tradeops.domain.orders import OrderIntent, Side
from tradeops.domain.verdicts import LimitUse
from tradeops.risk import gate, limits, proposals, stages
from tradeops.risk.clamp import clamp_quantities
from tradeops.risk.screen import Screen, screen_order

ZERO = Decimal(0)
Patch = Callable[[pytest.MonkeyPatch], None]


@settings(max_examples=400, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(scenarios())
def test_the_gate_keeps_its_laws(scenario: Scenario) -> None:
    check_laws(gate.check_risk, scenario)


def round_up(quantities: Sequence[Decimal], prices: Sequence[Decimal], room: Decimal, lot: Decimal) -> list[Decimal]:
    kept = clamp_quantities(quantities, prices, room, lot)
    return [min(k + lot, q) if 0 < k < q else k for k, q in zip(kept, quantities, strict=True)]


def first_come(quantities: Sequence[Decimal], prices: Sequence[Decimal], room: Decimal, lot: Decimal) -> list[Decimal]:
    kept = []
    for quantity, price in zip(quantities, prices, strict=True):
        kept.append(max(ZERO, min(quantity, room // (price * lot) * lot)))
        room -= kept[-1] * price
    return kept


def in_order_of_arrival(intents: Sequence[OrderIntent], holdings: Any) -> list[proposals.Proposal]:
    opened = {p.intent.client_order_id: p for p in proposals.open_proposals(intents, holdings)}
    return [opened[intent.client_order_id] for intent in intents]


def allocate_by_arrival(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(gate, "open_proposals", in_order_of_arrival)
    patch.setattr(stages, "clamp_quantities", first_come)


def accept_stale_price(intent: OrderIntent, screen: Screen) -> LimitUse | None:
    quote = screen.quotes.get(intent.instrument)
    fresh = intent if quote is None else replace(intent, reference_price=quote.close)
    return screen_order(fresh, screen)


def forget_open_orders(patch: pytest.MonkeyPatch) -> None:
    reconcile = gate.reconcile_holdings
    patch.setattr(gate, "reconcile_holdings", lambda state, view, waiting, bound: reconcile(state, view, (), bound))


def ignore_drawdown(patch: pytest.MonkeyPatch) -> None:
    reconcile = gate.reconcile_holdings

    def unguarded(state: Any, *rest: Any) -> Any:
        return reconcile(replace(state, peak_equity=max(state.equity, Decimal(1))), *rest)

    patch.setattr(gate, "reconcile_holdings", unguarded)


MUTANTS: dict[str, Patch] = {
    "sign_error": lambda p: p.setattr(proposals, "opposes_position", lambda held, sign: held * sign > 0),
    "rounding_up": lambda p: p.setattr(stages, "clamp_quantities", round_up),
    "order_dependent_allocation": allocate_by_arrival,
    "stale_price_accepted": lambda p: p.setattr(stages, "screen_order", accept_stale_price),
    "flip_allowed": lambda p: p.setattr(stages, "apply_direction", lambda *_: None),
    "close_only_ignored": lambda p: p.setattr(stages, "apply_close_only", lambda *_: None),
    "order_count_ignored": lambda p: p.setattr(stages, "apply_order_count", lambda *_: None),
    "lots_ignored": lambda p: p.setattr(stages, "apply_lots", lambda *_: None),
    "open_orders_forgotten": forget_open_orders,
    "drawdown_ignored": ignore_drawdown,
    "everything_vetoed": lambda p: p.setattr(stages, "clamp_quantities", lambda q, *_: [ZERO for _ in q]),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_mutant_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    MUTANTS[name](monkeypatch)

    @settings(
        max_examples=2000,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
    )
    @given(scenarios())
    def judge(scenario: Scenario) -> None:
        check_laws(gate.check_risk, scenario)

    with pytest.raises(AssertionError):
        judge()


def test_mutant_that_forgets_costs_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    view = build_view(np.ones((21, 1)))
    buy = OrderIntent(
        client_order_id=ClientOrderId("o1"),
        instrument=NAMES[0],
        side=Side.BUY,
        quantity=Decimal(2000),
        reference_price=view.reference_prices[NAMES[0]],
    )
    policy = policy_with(limits={"single_name": Decimal(1), "cash_buffer": Decimal("0.3")})
    scenario = Scenario((buy,), build_state(view, cash="1000"), view, policy, {}, (), (), ())
    check_laws(gate.check_risk, scenario)
    monkeypatch.setattr(limits, "expect_cost", lambda *_: ZERO)
    with pytest.raises(AssertionError, match="a limit is broken"):
        check_laws(gate.check_risk, scenario)
