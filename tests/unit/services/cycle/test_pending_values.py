"""Values of a cycle wait in memory, and are stored before the record that names them."""

from tests.fakes.value_store import InMemoryValueStore
from tradeops.services.cycle.pending_values import PendingValues


def test_nothing_is_stored_before_it_is_asked_for() -> None:
    stored = InMemoryValueStore()
    pending = PendingValues(stored)
    ref = pending.put(b"view")
    assert pending.get(ref) == b"view"
    assert stored.values == {}
    pending.store()
    assert stored.get(ref) == b"view"
    assert pending.get(ref) == b"view"


def test_names_are_those_of_the_store() -> None:
    stored = InMemoryValueStore()
    assert PendingValues(stored).put_all((b"a", b"b")) == stored.put_all((b"a", b"b"))
    assert PendingValues(stored).get(stored.put(b"a")) == b"a"
