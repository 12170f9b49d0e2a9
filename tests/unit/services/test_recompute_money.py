"""The ledger's own recomputation agrees with an honest book and sees one cent."""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

import pytest

from tests.fakes.book_runner import BookRunner, Wish
from tests.unit.services.test_settle_session import DAYS, A, open_runner
from tradeops.domain.errors import ExecutionError
from tradeops.domain.market import CorporateAction
from tradeops.domain.orders import Side
from tradeops.domain.settlements import Settlement
from tradeops.services.recompute_money import recompute_money

ACTIONS = (
    CorporateAction(instrument=A, session=DAYS[3], ratio=Decimal(2)),
    CorporateAction(instrument=A, session=DAYS[4], dividend=Decimal("0.25")),
)


def settle_a_week(runner: BookRunner) -> list[Settlement]:
    """Bought on the second session, split on the fourth, a dividend on the fifth, sold on the sixth."""
    wishes = {0: Wish("1", Side.BUY, "A", 10), 4: Wish("2", Side.SELL, "A", 20)}
    settlements = []
    for row in range(7):
        settlements.append(runner.settle(DAYS[row]))
        if row in wishes:
            runner.decide(DAYS[row], [wishes[row]])
    return settlements


@pytest.fixture
def runner() -> BookRunner:
    return open_runner(closes={"A": {3: "5", 4: "5", 5: "5", 6: "5"}}, actions=ACTIONS)


def known_at(runner: BookRunner) -> datetime:
    return runner.calendar.closes_at(DAYS[8])


def test_an_honest_book_is_recomputed(runner: BookRunner) -> None:
    settlements = settle_a_week(runner)
    assert [settlement.closing.quantity(A) for settlement in settlements] == [0, 10, 10, 20, 20, 0, 0]
    assert recompute_money(settlements, runner.source, known_at=known_at(runner)) == 7


@pytest.mark.parametrize("row", [1, 3, 4, 6])
def test_one_cent_at_any_session_is_seen(runner: BookRunner, row: int) -> None:
    settlements = settle_a_week(runner)
    honest = settlements[row]
    cheated = replace(honest.closing, cash=honest.closing.cash + Decimal("0.01"))
    settlements[row] = replace(honest, closing=cheated, equity=honest.equity + Decimal("0.01"))
    with pytest.raises(ExecutionError, match=str(DAYS[row])):
        recompute_money(settlements, runner.source, known_at=known_at(runner))
