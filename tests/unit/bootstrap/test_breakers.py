"""The installation's dependencies are behind breakers that another process may have opened."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import cast

import pytest

from tradeops.adapters.breakers_sqlalchemy import POLICY, SqlBreakerBoard
from tradeops.bootstrap.runtime import Runtime, open_runtime
from tradeops.domain.books import Book
from tradeops.domain.errors import CircuitOpen, UnknownRecord
from tradeops.domain.identifiers import BookId, ClientOrderId, ValueRef
from tradeops.domain.lake_tables import BARS_TABLE
from tradeops.settings import Settings

SESSION = date(2013, 2, 28)
CALLS: dict[str, list[Callable[[Runtime], object]]] = {
    "broker": [
        lambda runtime: runtime.broker.find([ClientOrderId("a" * 32)]),
        lambda runtime: runtime.broker.executions(BookId(), SESSION, cast("Book", None)),
    ],
    "lake": [
        lambda runtime: runtime.lake.read(BARS_TABLE),
        lambda runtime: runtime.lake.sealed_version(BARS_TABLE, "seal:x:0"),
    ],
    "value store": [
        lambda runtime: runtime.values.get(ValueRef("0" * 64)),
        lambda runtime: runtime.values.put(b"x"),
        lambda runtime: runtime.values.put_all([b"x"]),
    ],
    "online features": [lambda runtime: runtime.online.read(SESSION, market=1)],
}


def open_breaker(folder: Path, name: str) -> None:
    with SqlBreakerBoard(f"sqlite:///{folder}/breakers.db") as board:
        for _ in range(POLICY.most_failures):
            board.fail(name)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.model_validate({"state_dir": tmp_path})


@pytest.mark.parametrize("name", CALLS)
def test_dependency_whose_breaker_another_process_opened_is_not_called(name: str, settings: Settings) -> None:
    open_breaker(settings.state_dir, name)
    with open_runtime(settings) as runtime:
        for call in CALLS[name]:
            with pytest.raises(CircuitOpen, match=f"{name} failed 5 times in a row"):
                call(runtime)


def test_features_come_from_the_lake_while_the_online_store_rests(settings: Settings) -> None:
    open_breaker(settings.state_dir, "online features")
    with open_runtime(settings) as runtime, pytest.raises(UnknownRecord, match="the lake holds no features"):
        runtime.features.read(SESSION, market=1)
