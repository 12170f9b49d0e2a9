"""Small but complete values that contract suites write and read."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from tradeops.domain.books import Book, Position
from tradeops.domain.bundles import Bundle
from tradeops.domain.claims import Claim, ClaimRequest, InboxKey, Owner
from tradeops.domain.decisions import (
    BookState,
    CycleInputs,
    Decision,
    DecisionRecord,
    DecisionTrace,
    Outcome,
)
from tradeops.domain.identifiers import (
    AgentId,
    BookId,
    ClientOrderId,
    InstrumentId,
    LearnerStateId,
    PackageId,
    PolicyVersion,
    ValueRef,
    derive_client_order_id,
    derive_cycle_id,
)
from tradeops.domain.learners import LearnerState
from tradeops.domain.lifecycle import OrderState
from tradeops.domain.opportunities import Opportunity, Target
from tradeops.domain.orders import Fill, Order, OrderChange, OrderIntent, Side
from tradeops.domain.settlements import CorporateCash, ProfitAndLoss, Settlement
from tradeops.domain.slates import Slate, SlateDraw
from tradeops.domain.verdicts import KillSwitch, LimitUse, RiskVerdict, VerdictKind

BOOK = BookId()
AAPL, IBM = InstrumentId("AAPL"), InstrumentId("IBM")
BUNDLE = Bundle(
    model="prior_blend/1", prompt="none", policy=PolicyVersion("p" * 64), feature_schema="f" * 64, code="c" * 64
)
UNIVERSE = "u" * 64
FIRST_SESSION = date(2001, 3, 1)
HERE = Owner(host="here", pid=1, started=1.0)
ELSEWHERE = Owner(host="elsewhere", pid=2, started=2.0)


def session_after(days: int) -> date:
    """A date that stands for a session."""
    return FIRST_SESSION + timedelta(days=days)


def request_claim(
    day: int = 0, *, book: BookId = BOOK, bundle: Bundle = BUNDLE, owner: Owner = ELSEWHERE, ttl_seconds: float = 15.0
) -> ClaimRequest:
    session = session_after(day)
    as_of = datetime.combine(session, time(21, 30), UTC)
    return ClaimRequest(
        cycle_id=derive_cycle_id(book, universe_version=UNIVERSE, bundle=bundle.bundle_id, as_of=as_of),
        book_id=book,
        session=session,
        as_of=as_of,
        bundle=bundle.bundle_id,
        universe_version=UNIVERSE,
        owner=owner,
        ttl_seconds=ttl_seconds,
    )


def order_of(claim: Claim, instrument: InstrumentId, quantity: str = "40", side: Side = Side.BUY) -> Order:
    return Order(
        client_order_id=derive_client_order_id(claim.cycle_id, instrument),
        cycle_id=claim.cycle_id,
        instrument=instrument,
        side=side,
        quantity=Decimal(quantity),
        reference_price=Decimal("18.754"),
        decided_on=claim.session,
        valid_on=claim.session + timedelta(days=1),
    )


def record_of(
    claim: Claim,
    *,
    uniform: float = 0.25,
    names: tuple[InstrumentId, ...] = (AAPL, IBM),
    package: PackageId | None = None,
) -> DecisionRecord:
    """A decision with an order for each name; another `uniform` makes another decision of it."""
    orders = [replace(order_of(claim, name), package=package) for name in names]
    orders = sorted(orders, key=lambda order: order.client_order_id)
    decision = Decision(
        cycle_id=claim.cycle_id,
        book_id=claim.book_id,
        session=claim.session,
        next_session=claim.session + timedelta(days=1),
        as_of=datetime.combine(claim.session, time(21, 30), UTC),
        watermark=claim.watermark,
        outcome=Outcome.DECIDED,
        inputs=_inputs(),
        opinions={AgentId("technical"): ValueRef("b" * 64)},
        forecasts=ValueRef("d" * 64),
        slate=Slate(candidates=names, draws=(_draw(names, uniform),)) if names else None,
        opportunities=tuple(_opportunity(name) for name in names),
        targets=tuple(Target(instrument=name, weight=0.1, quantity=Decimal(40), reason="sized") for name in names),
        intents=tuple(_intent(order) for order in orders),
        verdicts=tuple(_verdict(order) for order in orders),
        orders=tuple(orders),
    )
    trace = DecisionTrace(fingerprint={"python": "3.11"}, owner="o", epoch=claim.epoch, seconds={"blend": 0.001})
    return DecisionRecord(decision=decision, trace=trace)


def asked_by(claim: Claim) -> InboxKey:
    return InboxKey(consumer=str(claim.book_id), topic="session_closed", event_id=claim.session.isoformat())


def change_of(order: Order, state: OrderState = OrderState.SUBMITTED, reason: str = "accepted") -> OrderChange:
    return OrderChange(client_order_id=order.client_order_id, state=state, reason=reason)


def fill_of(order: Order, price: str = "18.8", fee: str = "1") -> Fill:
    return Fill(
        client_order_id=order.client_order_id,
        instrument=order.instrument,
        session=order.valid_on,
        signed_quantity=order.signed_quantity,
        price=Decimal(price),
        fee=Decimal(fee),
    )


def settlement_of(
    day: int = 0,
    *,
    book: BookId = BOOK,
    cash: str = "100000",
    fills: tuple[Fill, ...] = (),
    changes: tuple[OrderChange, ...] = (),
) -> Settlement:
    amount = Decimal(cash)
    return Settlement(
        book_id=book,
        session=session_after(day),
        opening=Book(cash=amount),
        corporate=(CorporateCash(instrument=AAPL, ratio=Decimal(2), dividend=Decimal("0.5"), fraction=Decimal(0)),),
        fills=fills,
        order_changes=changes,
        closing=Book(cash=amount, positions={AAPL: Position(quantity=Decimal(40), cost=Decimal("750.16"))}),
        marks={AAPL: Decimal("18.7512")},
        equity=amount + 40 * Decimal("18.7512"),
        peak_equity=amount + 1000,
        profit=ProfitAndLoss(**dict.fromkeys(ProfitAndLoss.__dataclass_fields__, Decimal("0.25"))),
        realised=Decimal("-0.01"),
        learner_states={"residual_quantiles": learner_state(day).state_id},
    )


def learner_state(matured: int = 0) -> LearnerState:
    return LearnerState(
        learner="residual_quantiles", version=1, matured=matured, parameters={"q05": -1.6448536269514729}, samples=None
    )


def _inputs() -> CycleInputs:
    state = BookState(
        book=Book(cash=Decimal("99.5"), positions={IBM: Position(quantity=Decimal(3), cost=Decimal("300.3"))}),
        equity=Decimal("100000.0125"),
        peak_equity=Decimal(100001),
        last_selected={IBM: FIRST_SESSION},
        kill_switch=KillSwitch.OFF,
    )
    learners = {"residual_quantiles": LearnerStateId("e" * 64)}
    return CycleInputs(view=ValueRef("a" * 64), state=state, learner_states=learners, bundle=BUNDLE)


def _draw(names: tuple[InstrumentId, ...], uniform: float) -> SlateDraw:
    share = 1 / len(names)
    return SlateDraw(
        candidates=names,
        gains=(0.1,) * len(names),
        probabilities=(share,) * len(names),
        uniform=uniform,
        chosen=names[0],
    )


def _opportunity(name: InstrumentId) -> Opportunity:
    return Opportunity(
        instrument=name,
        reference_price=Decimal("18.754"),
        mean=0.1 + 0.2,
        sigma=0.05,
        quantiles=(-0.1, -0.05, 0.0, 0.05, 0.1),
        probability_up=0.5,
        cost=0.0006,
        net_edge=0.2994,
        largest_quantity=100,
    )


def _intent(order: Order) -> OrderIntent:
    return OrderIntent(
        client_order_id=order.client_order_id,
        instrument=order.instrument,
        side=order.side,
        quantity=order.quantity + 15,
        reference_price=order.reference_price,
    )


def _verdict(order: Order) -> RiskVerdict:
    use = LimitUse(limit="single_name", allowed=Decimal("0.2"), before=Decimal("0.1"), after=Decimal("0.2"))
    return RiskVerdict(
        client_order_id=ClientOrderId(order.client_order_id),
        instrument=order.instrument,
        side=order.side,
        kind=VerdictKind.CLAMPED,
        proposed=order.quantity + 15,
        approved=order.quantity,
        limits=(use,),
        clamp_cost=Decimal("1.5"),
        limits_version=BUNDLE.policy,
    )
