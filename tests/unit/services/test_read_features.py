"""The online store is asked first; the lake answers for what it lacks and while it cannot be reached."""

from datetime import date

import pytest

from tests.contract.test_feature_store import DAY, SCHEMA, rows_of
from tests.fakes.feature_store import InMemoryFeatureStore
from tradeops.domain.errors import CircuitOpen, CorruptInput, ExternalServiceError, TradeOpsError, UnknownRecord
from tradeops.domain.features import FeatureRows
from tradeops.services.read_features import NewestFirst


class Failing:
    def __init__(self, error: TradeOpsError) -> None:
        self._error = error

    def read(self, session: date, *, market: int) -> FeatureRows:
        raise self._error


@pytest.fixture
def lake() -> InMemoryFeatureStore:
    store = InMemoryFeatureStore(SCHEMA)
    store.write(rows_of(value=0.5))
    return store


def test_the_online_store_is_asked_first(lake: InMemoryFeatureStore) -> None:
    online = InMemoryFeatureStore(SCHEMA)
    online.write(rows_of(value=0.25))
    assert NewestFirst(online, lake).read(DAY, market=5).values[0, 0] == 0.25


@pytest.mark.parametrize("error", [UnknownRecord("not kept"), ExternalServiceError("no answer"), CircuitOpen("rests")])
def test_the_lake_answers_for_what_is_not_kept_or_cannot_be_reached(
    lake: InMemoryFeatureStore, error: TradeOpsError
) -> None:
    assert NewestFirst(Failing(error), lake).read(DAY, market=5).values[0, 0] == 0.5


def test_damage_is_told_and_not_passed_over(lake: InMemoryFeatureStore) -> None:
    with pytest.raises(CorruptInput):
        NewestFirst(Failing(CorruptInput("damaged")), lake).read(DAY, market=5)


def test_what_neither_has_is_unknown(lake: InMemoryFeatureStore) -> None:
    with pytest.raises(UnknownRecord):
        NewestFirst(Failing(ExternalServiceError("no answer")), lake).read(DAY, market=4)
