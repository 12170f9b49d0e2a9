"""Why orders did not fill, in the words of the funnel."""

import pytest

from tests.contract.examples import AAPL, change_of, order_of, request_claim
from tests.fakes.ledger import InMemoryLedger
from tradeops.domain.lifecycle import OrderState
from tradeops.services import count_funnel

ORDER = order_of(InMemoryLedger().claim_cycle(request_claim()), AAPL)
TAKEN_BACK = change_of(ORDER, OrderState.CANCELLED, "cancelled with its package hedged: leg o2 (IBM) is rejected")


def check_a_leg_taken_back_counts_as_such() -> None:
    unfilled, _ = count_funnel._explain_fills(
        [ORDER.client_order_id], set(), {ORDER.client_order_id: (change_of(ORDER), TAKEN_BACK)}
    )
    assert unfilled == {"cancelled with its package": 1}


def test_a_leg_taken_back_counts_as_such_and_not_by_the_leg_to_blame() -> None:
    check_a_leg_taken_back_counts_as_such()


def test_mutant_without_the_word_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(count_funnel.UNFILLED, "cancelled with its package")
    with pytest.raises(AssertionError):
        check_a_leg_taken_back_counts_as_such()
