"""Random books, limits and order sets for the laws of the gate."""

from dataclasses import replace
from decimal import Decimal

import numpy as np
from hypothesis import strategies as st

from tests.unit.examples import NAMES, build_state, build_view, policy_with
from tests.unit.risk.gate_laws import Scenario
from tradeops.domain.identifiers import ClientOrderId, InstrumentId
from tradeops.domain.market import MarketView
from tradeops.domain.orders import OrderIntent, Side
from tradeops.domain.policy import TradingPolicy
from tradeops.domain.verdicts import KillSwitch

ROWS = 21
STALE = Decimal("0.01")
ABSENT = InstrumentId("ZZZ")


@st.composite
def views(draw: st.DrawFn) -> MarketView:
    count = draw(st.integers(1, 4))
    cents = st.one_of(st.integers(100, 50_000), st.integers(50, 300))
    last = [draw(cents) / 100 for _ in range(count)]
    moves = [draw(st.sampled_from((1.0, 1.0, 1.1, 0.9, 1.5, 0.7, 3.0))) for _ in range(count)]
    splits = [draw(st.sampled_from((1.0, 1.0, 1.0, 2.0))) for _ in range(count)]
    closes = np.ones((ROWS, count)) * np.array(last) * np.array(splits) / np.array(moves)
    closes[-1] = last
    column = np.ones((ROWS, count))
    column[-1] = splits
    volumes = [draw(st.sampled_from((0.0, 5e4, 1e6, 1e8))) for _ in range(count)]
    return build_view(np.round(closes, 4), volumes=volumes, splits=column, names=NAMES[:count])


@st.composite
def policies(draw: st.DrawFn) -> TradingPolicy:
    limits = {
        "gross": Decimal(draw(st.sampled_from(("1", "0.5", "0.9")))),
        "single_name": Decimal(draw(st.sampled_from(("0.2", "0.35", "1")))),
        "cash_buffer": Decimal(draw(st.sampled_from(("0", "0.02", "0.3")))),
        "largest_order_count": draw(st.sampled_from((1, 2, 4, 64, 64, 64))),
    }
    return policy_with(limits=limits, universe={"lot": draw(st.sampled_from((1, 1, 10)))})


@st.composite
def orders(draw: st.DrawFn, view: MarketView, prefix: str, most: int) -> tuple[OrderIntent, ...]:
    made = []
    for number in range(draw(st.integers(0, most))):
        name = draw(st.sampled_from(view.instruments))
        stale = draw(st.integers(0, 9)) == 0
        made.append(
            OrderIntent(
                client_order_id=ClientOrderId(f"{prefix}{number}"),
                instrument=name,
                side=draw(st.sampled_from((Side.BUY, Side.BUY, Side.SELL))),
                quantity=Decimal(draw(st.integers(1, 40)) * draw(st.sampled_from((1, 10, 50)))),
                reference_price=view.reference_prices[name] + (STALE if stale else 0),
            )
        )
    if made and draw(st.integers(0, 19)) == 0:
        made[0] = replace(made[0], instrument=ABSENT)
    return tuple(draw(st.permutations(made)))


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    view = draw(views())
    held = {name: draw(st.sampled_from((0, 0, 0, 0, 7, 40, 300, 1000, -30))) for name in view.instruments}
    cash = str(draw(st.sampled_from((-500, 0, 300, 1_000, 5_000, 20_000, 100_000))))
    state = build_state(view, held, cash=cash)
    fall = draw(st.sampled_from(("1", "1", "1.05", "1.15", "1.18", "1.3")))
    switch = draw(st.sampled_from((KillSwitch.OFF,) * 8 + (KillSwitch.CLOSE_ONLY, KillSwitch.FREEZE)))
    peak = max(state.equity, Decimal(1)) * Decimal(fall)
    rarely = st.lists(st.sampled_from(view.instruments), max_size=1)
    return Scenario(
        intents=draw(orders(view, "o", 6)),
        state=replace(state, peak_equity=peak, kill_switch=switch),
        view=view,
        policy=draw(policies()),
        net_edges={name: draw(st.sampled_from((-0.01, 0.0, 0.002, 0.03))) for name in view.instruments},
        open_orders=tuple(o for o in draw(orders(view, "w", 1)) if o.instrument != ABSENT),
        restricted=frozenset(draw(rarely) if draw(st.integers(0, 4)) == 0 else ()),
        unknown=frozenset(draw(rarely) if draw(st.integers(0, 4)) == 0 else ()),
    )
