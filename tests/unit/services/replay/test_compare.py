"""The first difference, in the order of keys, with its place and its step; and the ports of a replay."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.contract.examples import BOOK, order_of, record_of, request_claim
from tests.fakes.ledger import InMemoryLedger
from tests.fakes.value_store import InMemoryValueStore
from tests.unit.examples import build_view, random_closes
from tradeops.domain.books import Book
from tradeops.domain.errors import ExecutionError, UnknownRecord
from tradeops.domain.identifiers import ClientOrderId, CycleId
from tradeops.domain.lifecycle import CycleState, OrderState
from tradeops.services.replay.compare import FieldDifference, describe_view, find_first
from tradeops.services.replay.stand_ins import CapturingLedger, OverlayValues, SilentBroker

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(PLAIN)
def test_value_does_not_differ_from_itself(value: object) -> None:
    assert find_first("step", value, value) is None


@given(PLAIN, PLAIN)
def test_difference_is_found_both_ways_or_not_at_all(left: object, right: object) -> None:
    assert (find_first("step", left, right) is None) == (find_first("step", right, left) is None)


@pytest.mark.parametrize(
    ("old", "new", "path", "was", "now"),
    [
        ({"b": 1, "a": 2}, {"b": 9, "a": 8}, "a", 2, 8),
        ({"a": [1, {"x": 2}]}, {"a": [1, {"x": 3}]}, "a.1.x", 2, 3),
        ({"a": 1}, {}, "a", 1, "absent"),
        ({}, {"z": None}, "z", "absent", None),
        ([1, 2], [1, 2, 3], "", [1, 2], [1, 2, 3]),
        (1, 1.0, "", 1, 1.0),
        (True, 1, "", True, 1),
        (0.1 + 0.2, 0.3, "", 0.1 + 0.2, 0.3),
    ],
)
def test_first_place_is_named_with_both_values(old: object, new: object, path: str, was: object, now: object) -> None:
    found = find_first("select_slate", old, new)

    assert found == FieldDifference(step="select_slate", path=path, recorded=was, replayed=now)


def test_difference_reads_as_one_line() -> None:
    found = FieldDifference(step="size_positions", path="targets.0.weight", recorded=0.1, replayed=0.2)

    assert str(found) == "size_positions: targets.0.weight was 0.1, is 0.2"


def test_view_is_described_by_column_name_and_session() -> None:
    view = build_view(random_closes(1, 3, 2), features={"rsi_14": [55.5, np.nan]})
    described: Any = describe_view(view)

    assert described["close"]["FB"][view.sessions[1].isoformat()] == float(view.columns["close"][1, 1])
    assert described["feature"] == {"rsi_14": {"AAPL": 55.5, "FB": None}}
    assert set(described) == {"close", "volume", "split", "dividend", "feature", "reference_prices"}


def test_first_different_feature_is_named_and_an_unknown_one_equals_itself() -> None:
    views = [
        build_view(random_closes(1, 3, 2), features={"a": [np.nan, 1.0], "b": [2.0, last]}) for last in (3.0, np.nan)
    ]
    first, other = (describe_view(view) for view in views)

    assert find_first("load_view", first, describe_view(views[0])) is None
    assert find_first("load_view", first, other) == FieldDifference(
        step="load_view", path="feature.b.FB", recorded=3.0, replayed=None
    )


def test_overlay_keeps_what_is_made_in_memory_and_reads_through() -> None:
    stored = InMemoryValueStore()
    before = stored.put(b"recorded")
    overlay = OverlayValues(stored=stored)
    made = overlay.put(b"made")

    assert (overlay.get(before), overlay.get(made)) == (b"recorded", b"made")
    with pytest.raises(UnknownRecord):
        stored.get(made)


def test_capturing_ledger_grants_the_recorded_claim_and_has_no_orders_to_route() -> None:
    recorded = record_of(InMemoryLedger().claim_cycle(request_claim()))
    ledger = CapturingLedger(recorded=recorded.decision)
    with pytest.raises(UnknownRecord, match="without a decision"):
        ledger.get_decision(CycleId("x"))

    claim = ledger.claim_cycle(request_claim(day=7))
    ledger.renew_claim(claim)
    ledger.record_decision(claim, recorded, None)  # type: ignore[arg-type]
    ledger.record_order_changes(claim, ())
    ledger.close_cycle(claim)

    assert (claim.cycle_id, claim.watermark) == (recorded.decision.cycle_id, recorded.decision.watermark)
    assert claim.state is CycleState.CLAIMED
    assert ledger.get_decision(claim.cycle_id) == recorded
    assert ledger.orders_in(claim.cycle_id, OrderState.NEW) == ()
    assert ledger.orders_by_state(claim.cycle_id) == {}


def test_replay_that_tries_to_send_an_order_is_stopped() -> None:
    broker = SilentBroker()
    claim = InMemoryLedger().claim_cycle(request_claim())

    with pytest.raises(ExecutionError, match="tried to send"):
        broker.submit(BOOK, order_of(claim, record_of(claim).decision.orders[0].instrument))
    with pytest.raises(ExecutionError, match="tried to cancel"):
        broker.cancel(BOOK, ClientOrderId("x"))
    assert broker.find(["x"]) == {}  # type: ignore[list-item]
    assert broker.executions(BOOK, claim.session, Book(cash=record_of(claim).decision.intents[0].quantity)).fills == ()
