"""Numeric libraries held to one thread, as the product's bootstrap does."""

from collections.abc import Iterator

import pytest
from threadpoolctl import threadpool_limits

from tests.unit.graphs.cycle_bench import Bench


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    with threadpool_limits(limits=1):
        yield


@pytest.fixture
def bench() -> Bench:
    return Bench()
