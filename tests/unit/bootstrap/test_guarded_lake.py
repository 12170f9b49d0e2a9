"""The sealer stops asking a lake that is away, and what writers do to each other is no failure of it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.fakes.market_source import make_bar
from tests.unit.services.test_seal_lake import DAYS, tell_bar
from tradeops.adapters.breakers_sqlalchemy import POLICY, SqlBreakerBoard
from tradeops.adapters.lake_delta import DeltaLake
from tradeops.bootstrap import serving
from tradeops.bootstrap.event_log import open_event_log
from tradeops.bootstrap.guarded_lake import NAME
from tradeops.bootstrap.lake import open_lake
from tradeops.bootstrap.s3 import read_s3_access
from tradeops.bootstrap.serving import open_sealing
from tradeops.domain.errors import CircuitOpen, ExternalServiceError, LeaseLost
from tradeops.domain.lake_tables import BARS_TABLE
from tradeops.ports.lake import Lake
from tradeops.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = Settings.model_validate({"state_dir": tmp_path})
    with open_event_log(settings.event_log_url) as log:
        log.append([tell_bar(make_bar("A", DAYS[0], "10", "10.5"))])
    return settings


def refuse(*_given: object) -> int:
    raise ExternalServiceError("the lake is away")


def lose(_lake: DeltaLake, *_given: object, **_named: object) -> bool:
    return False  # another sealer was faster


def seal(settings: Settings) -> int:
    """Seal one poll; how many rows the lake has then."""
    with open_sealing(settings) as unit:
        unit()
    return open_lake(settings.lake_url, read_s3_access(settings)).read(BARS_TABLE).height


def has_failures(settings: Settings) -> bool:
    with SqlBreakerBoard(f"sqlite:///{settings.state_dir}/breakers.db") as board:
        return not board.admit(NAME)


def check_rest(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Failures of the sealer keep it, and everybody, from a lake that would answer again."""
    with monkeypatch.context() as away:
        away.setattr(DeltaLake, "sealed_version", refuse)
        for _ in range(POLICY.most_failures):
            with pytest.raises(ExternalServiceError, match="is away"):
                seal(settings)
    with pytest.raises(CircuitOpen, match=f"{NAME} failed 5 times in a row"):
        seal(settings)


def check_conflict(settings: Settings, monkeypatch: pytest.MonkeyPatch, append: Callable[..., bool] = lose) -> None:
    """A sealer that comes second has an answer of the lake; later it seals what is left."""
    with monkeypatch.context() as crowded:
        crowded.setattr(DeltaLake, "append", append)
        with pytest.raises(LeaseLost):
            seal(settings)
    assert not has_failures(settings)
    assert seal(settings) == 1


def test_lake_that_is_away_rests_for_all_processes(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    check_rest(settings, monkeypatch)


def test_mutant_without_a_breaker_is_found(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def open_plainly(settings: Settings) -> Iterator[Lake]:
        yield open_lake(settings.lake_url, read_s3_access(settings))

    monkeypatch.setattr(serving, "open_guarded_lake", open_plainly)
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        check_rest(settings, monkeypatch)


def test_conflicts_between_sealers_are_no_failures(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    check_conflict(settings, monkeypatch)


def test_mutant_that_counts_conflicts_is_found(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    class Counted(LeaseLost, ExternalServiceError):
        """A conflict that calls itself an outage."""

    def lose_loudly(_lake: DeltaLake, *_given: object, **_named: object) -> bool:
        raise Counted("another sealer was faster")

    with pytest.raises(AssertionError, match="has_failures"):
        check_conflict(settings, monkeypatch, lose_loudly)


def test_sealer_seals_also_without_the_breakers(settings: Settings) -> None:
    (settings.state_dir / "breakers.db").mkdir()
    assert seal(settings) == 1
