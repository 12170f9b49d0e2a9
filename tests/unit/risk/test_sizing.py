"""Sizes worked out by hand, and the rules between slates."""

import math
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.examples import NAMES, base_policy, build_state, build_view, policy_with, random_closes
from tradeops.domain.decisions import BookState
from tradeops.domain.errors import RiskError
from tradeops.domain.identifiers import CycleId, InstrumentId, derive_client_order_id
from tradeops.domain.opportunities import Opportunity, Target
from tradeops.domain.orders import Side
from tradeops.domain.policy import TradingPolicy
from tradeops.domain.slates import Slate, SlateDraw
from tradeops.domain.verdicts import VerdictKind
from tradeops.features.volatility import compute_covariance
from tradeops.risk.gate import check_risk
from tradeops.risk.sizing import SizedBook, size_positions
from tradeops.risk.weights import cap_weights, target_volatility

CYCLE = CycleId("c" * 64)
AAPL, FB, GOOG, IBM, MSFT = NAMES
VIEW = build_view(random_closes(9, 70, 5, volatility=0.01))
WIDE = {"single_name": Decimal(1)}
DAYS = VIEW.sessions


def offer(name: InstrumentId, net_edge: float = 0.01) -> Opportunity:
    return Opportunity(
        instrument=name,
        reference_price=VIEW.reference_prices[name],
        mean=net_edge + 0.001,
        sigma=0.05,
        quantiles=(-0.1, -0.05, 0.0, 0.05, 0.1),
        probability_up=0.5,
        cost=0.001,
        net_edge=net_edge,
        largest_quantity=1000,
    )


def slate_of(names: Sequence[InstrumentId]) -> Slate:
    draws = tuple(
        SlateDraw(candidates=(name,), gains=(0.0,), probabilities=(1.0,), uniform=0.5, chosen=name) for name in names
    )
    return Slate(candidates=tuple(names), draws=draws)


def size(
    offers: Sequence[Opportunity], state: BookState | None = None, policy: TradingPolicy | None = None, **more: Any
) -> SizedBook:
    given: dict[str, Any] = {"slate": slate_of([o.instrument for o in offers]), "view": VIEW, **more}
    return size_positions(
        cycle_id=CYCLE,
        opportunities=offers,
        state=state or build_state(VIEW),
        policy=policy or base_policy(),
        **given,
    )


def target_of(sized: SizedBook, name: InstrumentId) -> Target:
    (found,) = (target for target in sized.targets if target.instrument == name)
    return found


def book_volatility(sized: SizedBook) -> float:
    columns = np.array([NAMES.index(target.instrument) for target in sized.targets])
    weights = np.array([target.weight for target in sized.targets])
    covariance = compute_covariance(VIEW, 60, columns)
    return float(np.sqrt(weights @ covariance @ weights * 252))


def test_a_name_alone_is_sized_to_the_volatility_target() -> None:
    policy = policy_with(limits=WIDE, sizing={"volatility_target": 0.05})
    sized = size([offer(AAPL)], policy=policy)
    sigma = math.sqrt(float(compute_covariance(VIEW, 60, np.array([0]))[0, 0]) * 252)
    target = target_of(sized, AAPL)
    assert target.weight == pytest.approx(0.05 / sigma, rel=1e-12)
    assert target.quantity == int(target.weight * 100_000 / float(VIEW.reference_prices[AAPL]))
    assert target.reason == "sized"


def test_the_whole_book_has_the_target_volatility_with_what_is_kept() -> None:
    state = build_state(VIEW, {IBM: 100}, selected={IBM: DAYS[-2]})
    policy = policy_with(limits=WIDE, sizing={"volatility_target": 0.08})
    sized = size([offer(AAPL), offer(MSFT)], state, policy)
    assert target_of(sized, IBM).quantity == 100
    assert book_volatility(sized) == pytest.approx(0.08, rel=1e-9)
    sigma = np.sqrt(np.diagonal(compute_covariance(VIEW, 60, np.array([0, 4]))))
    assert target_of(sized, AAPL).weight * sigma[0] == pytest.approx(target_of(sized, MSFT).weight * sigma[1])


def test_caps_by_name_and_by_room() -> None:
    sized = size([offer(name) for name in NAMES], policy=policy_with(sizing={"volatility_target": 9.0}))
    assert [round(t.weight, 12) for t in sized.targets] == [0.19] * 5  # 95 % invested: 2 % buffer, 3 % for the gap
    sized = size([offer(AAPL)], policy=policy_with(sizing={"volatility_target": 9.0}))
    assert target_of(sized, AAPL).weight == 0.2


def test_what_is_sized_passes_the_gate_whole() -> None:
    sized = size([offer(name) for name in NAMES], policy=policy_with(sizing={"volatility_target": 9.0}))
    verdicts = check_risk(sized.intents, state=build_state(VIEW), view=VIEW, policy=base_policy(), net_edges={})
    assert [v.kind for v in verdicts] == [VerdictKind.APPROVED] * 5


def test_no_edge_no_position() -> None:
    sized = size([offer(AAPL, 0.0), offer(MSFT, -0.01)], build_state(VIEW, {AAPL: 100}))
    assert [(t.instrument, t.quantity, t.reason) for t in sized.targets] == [(AAPL, 0, "no_edge"), (MSFT, 0, "no_edge")]
    (sale,) = sized.intents
    assert (sale.side, sale.quantity, sale.reference_price) == (Side.SELL, 100, VIEW.reference_prices[AAPL])
    assert sale.client_order_id == derive_client_order_id(CYCLE, AAPL)


@pytest.mark.parametrize(
    ("ago", "quantity", "reason"), [(1, 100, "kept"), (4, 100, "kept"), (5, 0, "expired"), (60, 0, "expired")]
)
def test_a_name_outside_the_slate_is_kept_for_five_sessions(ago: int, quantity: int, reason: str) -> None:
    state = build_state(VIEW, {IBM: 100}, selected={IBM: DAYS[-1 - ago]})
    target = target_of(size([offer(AAPL)], state), IBM)
    assert (target.quantity, target.reason) == (quantity, reason)


def test_a_name_never_selected_has_expired() -> None:
    assert target_of(size([offer(AAPL)], build_state(VIEW, {IBM: 100})), IBM).reason == "expired"


def test_small_changes_are_not_traded() -> None:
    wanted = target_of(size([offer(AAPL)]), AAPL).quantity
    near = int(wanted * Decimal("0.95"))
    cash = str(100_000 - near * VIEW.reference_prices[AAPL])
    sized = size([offer(AAPL)], build_state(VIEW, {AAPL: near}, cash=cash))
    assert (target_of(sized, AAPL).quantity, target_of(sized, AAPL).reason) == (near, "below_threshold")
    assert sized.intents == ()
    few = build_state(VIEW, {AAPL: 3})
    assert 3 * VIEW.reference_prices[AAPL] < 500
    assert target_of(size([offer(AAPL, -1.0)], few), AAPL).reason == "below_threshold"


def test_nobody_spoke_and_the_book_is_held() -> None:
    sized = size([], build_state(VIEW, {IBM: 100, FB: 7}), slate=None)
    assert [(t.instrument, t.quantity, t.reason) for t in sized.targets] == [
        (FB, 7, "no_opinion"),
        (IBM, 100, "no_opinion"),
    ]
    assert sized.intents == ()


def test_an_empty_slate_still_lets_names_expire() -> None:
    sized = size([], build_state(VIEW, {IBM: 100}))
    assert [i.side for i in sized.intents] == [Side.SELL]


def test_a_held_name_without_a_price_is_left_alone() -> None:
    stranger = InstrumentId("ZZZ")
    sized = size([offer(AAPL)], build_state(VIEW, {stranger: 1000}, cash="50000"))
    target = target_of(sized, stranger)
    assert (target.quantity, target.reason, target.weight) == (1000, "not_priced", 0.5)
    assert [i.instrument for i in sized.intents] == [AAPL]
    assert size([], build_state(VIEW, {stranger: 10}), slate=None).targets[0].quantity == 10


def test_the_drawdown_guard_shrinks_what_is_kept() -> None:
    state = build_state(VIEW, {IBM: 900}, selected={IBM: DAYS[-2]}, cash="10000")
    guarded = replace(state, peak_equity=state.equity / Decimal("0.85"))
    target = target_of(size([offer(AAPL)], guarded), IBM)
    assert target.reason == "no_room"
    assert target.weight == pytest.approx(0.5, rel=1e-12)
    assert target_of(size([offer(AAPL)], guarded), AAPL).quantity == 0


def test_without_equity_nothing_is_bought() -> None:
    sized = size([offer(AAPL)], build_state(VIEW, cash="-5"))
    assert sized.intents == () and target_of(sized, AAPL).quantity == 0


def test_opportunities_of_another_slate_are_refused() -> None:
    with pytest.raises(RiskError):
        size([offer(AAPL)], slate=slate_of([IBM]))


def test_a_name_without_variation_gets_nothing() -> None:
    weights = target_volatility(np.array([[0.0, 0.0], [0.0, 1e-4]]), np.zeros(2), np.ones(2), 0.15)
    assert weights[0] == 0.0 and weights[1] > 0
    assert target_volatility(np.zeros((1, 1)), np.zeros(1), np.ones(1), 0.15).tolist() == [0.0]
    assert target_volatility(np.full((2, 2), 1e-4), np.array([9.0, 0.0]), np.array([0.0, 1.0]), 0.15).tolist() == [0, 0]


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    st.dictionaries(st.sampled_from(NAMES), st.sampled_from((10, 200, 900)), max_size=4),
    st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from((-0.01, 0.01))), unique_by=lambda p: p[0], max_size=3),
    st.integers(0, 8),
    st.sampled_from(("1", "1.12", "1.3")),
)
def test_targets_fit_the_limits(
    held: dict[InstrumentId, int], chosen: list[tuple[InstrumentId, float]], ago: int, fall: str
) -> None:
    state = build_state(VIEW, held, selected={name: DAYS[-1 - ago] for name in held}, cash="50000")
    state = replace(state, peak_equity=state.equity * Decimal(fall))
    sized = size([offer(name, edge) for name, edge in chosen], state)
    assert [t.instrument for t in sized.targets] == sorted({*held, *(name for name, _ in chosen)})
    slope = (Decimal("0.2") - (1 - 1 / Decimal(fall))) / Decimal("0.1")
    assert sum(t.weight for t in sized.targets) <= min(0.95, max(0.0, float(slope))) + 1e-9
    grown = [t for t in sized.targets if t.quantity > state.book.quantity(t.instrument)]
    assert all(t.reason == "sized" and t.weight <= 0.2 + 1e-12 for t in grown)
    for intent in sized.intents:
        assert intent.quantity == int(intent.quantity) > 0


def test_capping_keeps_proportions() -> None:
    assert cap_weights(np.array([0.4, 0.1]), 0.2, 0.15).tolist() == pytest.approx([0.1, 0.05])
    assert cap_weights(np.array([0.4, 0.1]), 0.2, -1.0).tolist() == [0.0, 0.0]
