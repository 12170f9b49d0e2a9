"""Orders in canonical bytes: those without a package read as they always did."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from tradeops.domain import canonical
from tradeops.domain.canonical import encode_canonical
from tradeops.domain.decoding import decode_canonical
from tradeops.domain.identifiers import ClientOrderId, CycleId, InstrumentId, PackageId
from tradeops.domain.orders import Order, OrderIntent, Side

ORDER = Order(
    client_order_id=ClientOrderId("o1"),
    cycle_id=CycleId("c1"),
    instrument=InstrumentId("AAPL"),
    side=Side.BUY,
    quantity=Decimal(40),
    reference_price=Decimal("18.754"),
    decided_on=date(2001, 3, 1),
    valid_on=date(2001, 3, 2),
)
INTENT = OrderIntent(
    client_order_id=ClientOrderId("o1"),
    instrument=InstrumentId("AAPL"),
    side=Side.SELL,
    quantity=Decimal(55),
    reference_price=Decimal("18.754"),
)
# As in every ledger written before there were packages.
WRITTEN = {
    ORDER: '{"client_order_id":"o1","cycle_id":"c1","decided_on":"2001-03-01","instrument":"AAPL",'
    '"quantity":"40","reference_price":"18.754","side":"buy","valid_on":"2001-03-02"}',
    INTENT: '{"client_order_id":"o1","instrument":"AAPL","quantity":"55","reference_price":"18.754","side":"sell"}',
}


def check_bytes_are_as_ever(value: Order | OrderIntent) -> None:
    assert encode_canonical(value) == WRITTEN[value].encode()
    assert decode_canonical(type(value), WRITTEN[value]) == value


@pytest.mark.parametrize("value", WRITTEN, ids=["order", "intent"])
def test_without_a_package_the_bytes_are_as_ever(value: Order | OrderIntent) -> None:
    check_bytes_are_as_ever(value)


@pytest.mark.parametrize("value", WRITTEN, ids=["order", "intent"])
def test_mutant_that_writes_the_field_always_is_found(
    value: Order | OrderIntent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(canonical, "_list_later_fields", lambda _kind: ())
    with pytest.raises(AssertionError):
        check_bytes_are_as_ever(value)


@pytest.mark.parametrize("value", WRITTEN, ids=["order", "intent"])
def test_a_package_is_written_and_read_back(value: Order | OrderIntent) -> None:
    leg = replace(value, package=PackageId("p1"))
    assert b'"package":"p1"' in encode_canonical(leg)
    assert decode_canonical(type(leg), encode_canonical(leg)) == leg
