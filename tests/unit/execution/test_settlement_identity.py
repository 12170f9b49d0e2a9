"""The P&L identity over random books and corporate actions, and mutants that it finds.

The settlement checks the identity itself; here equity, profit and cost are recomputed in exact
fractions by another route (cash flows), so that the check is no mirror of the code.
"""

from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.examples import policy_with
from tradeops.domain.books import Book, Position
from tradeops.domain.errors import ExecutionError
from tradeops.domain.identifiers import ClientOrderId, InstrumentId
from tradeops.domain.market import CorporateAction
from tradeops.domain.orders import Fill
from tradeops.execution import average_cost, corporate_actions, settlement
from tradeops.execution.average_cost import apply_fills
from tradeops.execution.corporate_actions import apply_actions
from tradeops.execution.settlement import BookOpening, BookSession, close_session

SESSION = date(2001, 3, 5)
NAMES = tuple(InstrumentId(name) for name in "ABC")
COSTS = policy_with(costs={"cash_interest": Decimal("0.031"), "borrow": Decimal("0.017")}).costs

prices = st.integers(10_000, 5_000_000).map(lambda ticks: Decimal(ticks) / 10_000)
cents = st.integers(100, 50_000).map(lambda value: Decimal(value) / 100)
shares = st.integers(-5_000, 5_000).filter(bool).map(Decimal)
ratios = st.sampled_from([Decimal(text) for text in ("1", "2", "1.5", "1.25", "0.1", "3", "0.05")])


@dataclass(frozen=True)
class Scene:
    opening: BookOpening
    actions: tuple[CorporateAction, ...]
    opens: dict[InstrumentId, Decimal]
    fills: tuple[Fill, ...]
    closes: dict[InstrumentId, Decimal]


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    held = {name: Position(quantity=draw(shares), cost=draw(cents)) for name in NAMES if draw(st.booleans())}
    held = {name: replace(p, cost=p.cost * (1 if p.quantity > 0 else -1)) for name, p in held.items()}
    book = Book(cash=draw(cents) * draw(st.sampled_from([1, 100, -3])), positions=held)
    actions = tuple(
        CorporateAction(instrument=name, session=SESSION, ratio=draw(ratios), dividend=draw(cents) / 10)
        for name in NAMES
        if draw(st.booleans())
    )
    fills = tuple(
        Fill(
            client_order_id=ClientOrderId(f"o{number}"),
            instrument=draw(st.sampled_from(NAMES)),
            session=SESSION,
            signed_quantity=draw(shares),
            price=draw(cents),
            fee=draw(cents) / 100 // Decimal("0.01") * Decimal("0.01"),
        )
        for number in range(draw(st.integers(0, 4)))
    )
    marks = {name: draw(prices) for name in held}
    opening = BookOpening(book=book, marks=marks, days=draw(st.integers(0, 5)))
    return Scene(opening, actions, {n: draw(prices) for n in NAMES}, fills, {n: draw(prices) for n in NAMES})


def settle(scene: Scene) -> BookSession:
    adjusted = apply_actions(scene.opening.book, scene.actions, scene.opens)
    return close_session(scene.opening, adjusted, scene.fills, scene.closes, COSTS)


def recompute_equity(scene: Scene, result: BookSession) -> Fraction:
    """From cash flows alone: dividends and fractions by their definition, fills, interest, borrow."""
    cash = Fraction(scene.opening.book.cash)
    held = {name: Fraction(position.quantity) for name, position in scene.opening.book.positions.items()}
    for action in scene.actions:
        exact = held.get(action.instrument, Fraction(0)) * Fraction(action.ratio)
        whole = Fraction(int(exact))
        held[action.instrument] = whole
        cash += Fraction(whole * Fraction(action.dividend) * 100 // 1, 100)
        cash += Fraction((exact - whole) * Fraction(scene.opens[action.instrument]) * 100 // 1, 100)
    for fill in scene.fills:
        held[fill.instrument] = held.get(fill.instrument, Fraction(0)) + Fraction(fill.signed_quantity)
        cash -= Fraction(fill.signed_quantity) * Fraction(fill.price) + Fraction(fill.fee)
    days, before = Fraction(scene.opening.days, 360), Fraction(scene.opening.book.cash)
    cash += Fraction(before * Fraction(COSTS.cash_interest) * days * 100 // 1, 100)
    positions = scene.opening.book.positions.items()
    short = sum((-p.quantity * scene.opening.marks[n] for n, p in positions if p.quantity < 0), Decimal(0))
    cash -= -Fraction(-Fraction(short) * Fraction(COSTS.borrow) * days * 100 // 1, 100)
    assert Fraction(result.closing.cash) == cash
    return cash + sum((held[name] * Fraction(scene.closes[name]) for name in held), Fraction(0))


@given(scenes())
def test_profit_explains_equity_exactly(scene: Scene) -> None:
    result = settle(scene)
    equity = recompute_equity(scene, result)
    assert Fraction(result.equity) == equity
    before = Fraction(scene.opening.book.equity(scene.opening.marks))
    assert Fraction(result.profit.total) == equity - before


@given(scenes())
def test_realised_and_unrealised_are_the_profit_on_prices(scene: Scene) -> None:
    result = settle(scene)

    def unrealised(book: Book, marks: Any) -> Fraction:
        return sum((Fraction(p.quantity * marks[n] - p.cost) for n, p in book.positions.items()), Fraction(0))

    change = unrealised(result.closing, scene.closes) - unrealised(scene.opening.book, scene.opening.marks)
    assert Fraction(result.realised) + change == Fraction(result.profit.holding + result.profit.trading)


@given(scenes())
def test_cash_and_costs_stay_whole_cents_and_positions_whole_shares(scene: Scene) -> None:
    closing = settle(scene).closing
    for amount in (closing.cash, *(position.cost for position in closing.positions.values())):
        assert amount == amount.quantize(Decimal("0.01"))
    assert all(position.quantity == int(position.quantity) for position in closing.positions.values())


def test_average_cost_leaves_with_the_shares_and_a_turn_closes_first() -> None:
    name = NAMES[0]
    book = Book(cash=Decimal(0), positions={name: Position(quantity=Decimal(3), cost=Decimal("10.00"))})

    def trade(quantity: str, price: str) -> Fill:
        return Fill(
            client_order_id=ClientOrderId("o"),
            instrument=name,
            session=SESSION,
            signed_quantity=Decimal(quantity),
            price=Decimal(price),
            fee=Decimal(0),
        )

    sold = apply_fills(book, [trade("-1", "4.00")])
    assert (sold.realised, sold.book.positions[name].cost) == (Decimal("0.67"), Decimal("6.67"))
    turned = apply_fills(sold.book, [trade("-5", "4.00")])
    assert turned.realised == Decimal("1.33")
    assert turned.book.positions[name] == Position(quantity=Decimal(-3), cost=Decimal("-12.00"))
    covered = apply_fills(turned.book, [trade("3", "3.00")])
    assert covered.realised == 3 and covered.book.positions == {}


def test_a_fraction_without_a_price_is_an_error() -> None:
    book = Book(cash=Decimal(0), positions={NAMES[0]: Position(quantity=Decimal(3), cost=Decimal(3))})
    action = CorporateAction(instrument=NAMES[0], session=SESSION, ratio=Decimal("1.5"))
    with pytest.raises(ExecutionError):
        apply_actions(book, [action], {})


SCENE = Scene(
    opening=BookOpening(
        book=Book(
            cash=Decimal(50_000),
            positions={
                NAMES[0]: Position(quantity=Decimal(101), cost=Decimal("4040.00")),
                NAMES[1]: Position(quantity=Decimal(-20), cost=Decimal("-640.00")),
            },
        ),
        marks={NAMES[0]: Decimal("41.005"), NAMES[1]: Decimal(33)},
        days=3,
    ),
    actions=(
        CorporateAction(instrument=NAMES[0], session=SESSION, ratio=Decimal("1.5"), dividend=Decimal("0.33")),
        CorporateAction(instrument=NAMES[1], session=SESSION, dividend=Decimal("0.10")),
    ),
    opens={NAMES[0]: Decimal("27.31"), NAMES[1]: Decimal(33)},
    fills=(
        Fill(
            client_order_id=ClientOrderId("o1"),
            instrument=NAMES[0],
            session=SESSION,
            signed_quantity=Decimal(-51),
            price=Decimal("27.30"),
            fee=Decimal("1.00"),
        ),
    ),
    closes={NAMES[0]: Decimal("27.5"), NAMES[1]: Decimal("33.5")},
)

right_fills, right_book = average_cost.apply_fills, corporate_actions.apply_actions
right_interest, right_holding = settlement.cash_interest, settlement._holding


def _with_cash(filled: Any, extra: Decimal) -> Any:
    return replace(filled, book=replace(filled.book, cash=filled.book.cash + extra))


MUTANTS: dict[str, tuple[str, Any]] = {
    "fees paid to us": ("apply_fills", lambda b, f: _with_cash(right_fills(b, f), 2 * sum(x.fee for x in f))),
    "a cent lost": ("apply_fills", lambda b, f: _with_cash(right_fills(b, f), Decimal("-0.01"))),
    "realised forgotten": ("apply_fills", lambda b, f: replace(right_fills(b, f), realised=Decimal(0))),
    "a fill forgotten": ("apply_fills", lambda b, f: right_fills(b, f[1:])),
    "fractions not in holding": (
        "_holding",
        lambda o, a, c: right_holding(o, replace(a, corporate=()), c),
    ),
}


def test_the_scene_of_the_mutants_settles() -> None:
    assert settle(SCENE).profit.total == settle(SCENE).equity - SCENE.opening.book.equity(SCENE.opening.marks)


@pytest.mark.parametrize("mutant", MUTANTS)
def test_mutant_is_refused_by_the_settlement_itself(monkeypatch: pytest.MonkeyPatch, mutant: str) -> None:
    name, broken = MUTANTS[mutant]
    monkeypatch.setattr(settlement, name, broken)
    with pytest.raises(ExecutionError):
        settle(SCENE)


WRONG_BOOKS: dict[str, Any] = {
    "dividend for shares before the split": lambda b, a, o: right_book(
        b, [replace(x, dividend=x.dividend / x.ratio) for x in a], o
    ),
    "a short is paid the dividend": lambda b, a, o: right_book(
        b, [replace(x, dividend=Decimal(0)) if b.quantity(x.instrument) < 0 else x for x in a], o
    ),
    "a split missed": lambda b, a, o: right_book(b, [replace(x, ratio=Decimal(1)) for x in a], o),
    "fractions paid at another price": lambda b, a, o: right_book(b, a, {n: p + 1 for n, p in o.items()}),
}


@pytest.mark.parametrize("mutant", WRONG_BOOKS)
def test_mutant_of_corporate_actions_is_found_by_the_cash_flows(mutant: str) -> None:
    adjusted = WRONG_BOOKS[mutant](SCENE.opening.book, SCENE.actions, SCENE.opens)
    wrong = close_session(SCENE.opening, adjusted, SCENE.fills, SCENE.closes, COSTS)
    right = settle(SCENE)
    recompute_equity(SCENE, right)
    with pytest.raises(AssertionError):
        recompute_equity(SCENE, wrong)
