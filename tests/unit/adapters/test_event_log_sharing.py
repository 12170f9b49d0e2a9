"""Every partition has one reader of its topic, and equals share evenly."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradeops.adapters.event_log_sqlite.sharing import share_partitions
from tradeops.bootstrap.event_log import open_event_log
from tradeops.domain.errors import ConfigurationError

PARTITIONS = st.sets(st.integers(1, 30))


@given(readers=st.dictionaries(st.integers(1, 9), PARTITIONS, min_size=1))
def test_every_partition_goes_to_one_that_reads_it(readers: dict[int, set[int]]) -> None:
    shares = share_partitions(readers)
    assert shares.keys() == set().union(*readers.values())
    assert all(partition in readers[member] for partition, member in shares.items())


@given(members=st.sets(st.integers(1, 99), min_size=1, max_size=9), partitions=PARTITIONS)
def test_equals_differ_by_one_at_most(members: set[int], partitions: set[int]) -> None:
    counts = Counter(dict.fromkeys(members, 0))
    counts.update(share_partitions(dict.fromkeys(members, partitions)).values())
    assert max(counts.values()) - min(counts.values()) <= 1


def test_one_member_that_reads_less_does_not_leave_anything_unread() -> None:
    assert share_partitions({1: {1, 2, 3, 4}, 2: {3, 4}}) == {1: 1, 2: 1, 3: 2, 4: 2}


@pytest.mark.parametrize("url", ["amqp://host:5672", "", "sqlite://", "sqlite:///:memory:"])
def test_a_url_that_no_adapter_serves_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError):
        open_event_log(url)
