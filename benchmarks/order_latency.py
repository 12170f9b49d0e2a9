"""One order through size and gate to an order object, without I/O; its stateless checks beside plain Python."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from benchmarks.markets import make_state, make_view
from benchmarks.measuring import ROUNDS, Measured, interleave, median_ratio, quantile, time_processor
from tradeops.bootstrap.policy import load_policy
from tradeops.domain.decisions import CycleRequest
from tradeops.domain.identifiers import BookId, CycleId, derive_client_order_id
from tradeops.domain.opportunities import Opportunity
from tradeops.domain.orders import Order, OrderIntent, Side
from tradeops.domain.slates import Slate, SlateDraw
from tradeops.risk.gate import check_risk
from tradeops.risk.screen import Screen, find_quotes, screen_order
from tradeops.risk.sizing import size_positions
from tradeops.services.cycle.check_risk import approve_orders

CYCLE = CycleId("c" * 64)
CALLS = 2_000
BATCH = 100
VIEW = make_view(5)
NAME = VIEW.instruments[0]
PRICE = VIEW.reference_prices[NAME]
STATE = make_state()
POLICY = load_policy()
VERSION = POLICY.version
NEXT = VIEW.session + timedelta(days=1)
OFFER = Opportunity(
    instrument=NAME,
    reference_price=PRICE,
    mean=0.02,
    sigma=0.04,
    quantiles=(-0.05, -0.01, 0.02, 0.04, 0.08),
    probability_up=0.6,
    cost=0.001,
    net_edge=0.019,
    largest_quantity=100_000,
)
DRAW = SlateDraw(candidates=(NAME,), gains=(0.0,), probabilities=(1.0,), uniform=0.5, chosen=NAME)
REQUEST = CycleRequest(book_id=BookId(), session=VIEW.session, as_of=VIEW.as_of, next_session=NEXT)
SLATE = Slate(candidates=(NAME,), draws=(DRAW,))


def send_one_order() -> Order:
    """Size one opportunity (its covariance included), ask the gate, build the order."""
    sized = size_positions(cycle_id=CYCLE, opportunities=(OFFER,), slate=SLATE, view=VIEW, state=STATE, policy=POLICY)
    verdicts = check_risk(
        sized.intents,
        state=STATE,
        view=VIEW,
        policy=POLICY,
        net_edges={NAME: OFFER.net_edge},
        limits_version=VERSION,
    )
    (order,) = approve_orders(CYCLE, REQUEST, sized.intents, verdicts)
    return order


def make_order() -> Order:
    """The order object alone, with its identity."""
    return Order(
        client_order_id=derive_client_order_id(CYCLE, NAME),
        cycle_id=CYCLE,
        instrument=NAME,
        side=Side.BUY,
        quantity=Decimal(100),
        reference_price=PRICE,
        decided_on=VIEW.session,
        valid_on=NEXT,
    )


@dataclass(slots=True)
class PlainOrder:
    """What plain Python would check: floats in a mutable record."""

    name: str
    side: int
    quantity: float
    price: float
    frozen: bool
    close_only: bool


def check_plainly(order: PlainOrder, closes: dict[str, float], restricted: set[str], unknown: set[str]) -> bool:
    """Fifteen checks of one order in plain Python over floats."""
    quantity, price, name = order.quantity, order.price, order.name
    close = closes.get(name)
    return not (
        order.frozen
        or order.close_only
        or name in restricted
        or name in unknown
        or close is None
        or quantity <= 0
        or quantity != quantity // 1
        or quantity % 1 != 0
        or price <= 0
        or price != close
        or price > 1.6 * close
        or price < 0.4 * close
        or order.side not in (-1, 1)
        or quantity > 1e9
        or quantity * price > 1e12
    )


def make_stateless_candidates() -> dict[str, Callable[[], object]]:
    """Each call checks the same order a hundred times."""
    intent = OrderIntent(
        client_order_id=derive_client_order_id(CYCLE, NAME),
        instrument=NAME,
        side=Side.BUY,
        quantity=Decimal(100),
        reference_price=PRICE,
    )
    quotes = find_quotes(VIEW, VIEW.instruments, POLICY.limits.price_move)
    screen = Screen(
        frozen=False, restricted=frozenset(), unknown=frozenset(), quotes=quotes, price_move=POLICY.limits.price_move
    )
    plain = PlainOrder(NAME, 1, 100.0, float(PRICE), frozen=False, close_only=False)
    closes = {str(name): float(price) for name, price in VIEW.reference_prices.items()}
    return {
        "ours": lambda: [screen_order(intent, screen) for _ in range(BATCH)],
        "plain": lambda: [check_plainly(plain, closes, set(), set()) for _ in range(BATCH)],
    }


def measure() -> dict[str, Measured]:
    """Latency quantiles, and the ratio of the stateless checks."""
    found = interleave({"ours": send_one_order, "floor": make_order}, CALLS)
    checks = interleave(make_stateless_candidates(), CALLS // 10)
    micro = {name: 1e6 * quantile(rounds, 0.5) for name, rounds in found.items()}
    alone = 1e6 * quantile([time_processor(send_one_order, CALLS) for _ in range(ROUNDS)], 0.99)
    each = {name: 1e6 / BATCH * quantile(rounds, 0.5) for name, rounds in checks.items()}
    return {
        "order_p99": Measured(
            1e6 * quantile(found["ours"], 0.99),
            f"wall time; p99 of processor time {alone:.0f} us; order object with its id alone {micro['floor']:.1f} us",
        ),
        "order_p50": Measured(micro["ours"]),
        "stateless_checks": Measured(
            median_ratio(checks["ours"], checks["plain"]), f"{each['ours']:.2f} us against {each['plain']:.2f} us"
        ),
    }
