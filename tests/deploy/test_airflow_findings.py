"""What is said after a disturbed run can be something else than that all is well."""

import shutil
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.contract.databases import beside, change
from tests.deploy.airflow_findings import find_faults
from tests.deploy.short_pipeline import decide_round, load
from tests.fakes.planted_market import write_planted_market
from tests.faults.findings import DELIVERIES, Content
from tradeops.bootstrap.event_log import open_event_log
from tradeops.domain.errors import InvalidRecord
from tradeops.domain.topics import BARS_RAW
from tradeops.services.dead_letters import make_dead_letter
from tradeops.services.read_log import read_forward
from tradeops.settings import Settings

ID = "f" * 32
_ONE_MORE = f"""
    INSERT INTO answers SELECT '{ID}', book, valid_on, replace(content, client_order_id, '{ID}'), state, reason
    FROM answers ORDER BY 1 LIMIT 1"""  # noqa: S608 - nobody else's words


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"file://{write_planted_market(tmp_path_factory.mktemp('market'))}"


@pytest.fixture(scope="module")
def decided(market: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, Content]:
    settings = Settings(state_dir=tmp_path_factory.mktemp("decided") / "state", source_url=market)
    load(settings)
    return settings, decide_round(settings, "one")


def take_one_more_order(settings: Settings) -> None:
    with beside(settings.broker_url) as connection:
        assert change(connection, _ONE_MORE) == 1


def deliver_twice(settings: Settings) -> None:
    line = f'{{"order": "{ID}", "recorded": true}}\n'
    (settings.state_dir / DELIVERIES).write_text(line * 2)


def bury_a_message(settings: Settings) -> None:
    with closing(open_event_log(settings.event_log_url)) as log:
        message = next(iter(read_forward(log, BARS_RAW.name)))
        log.append([make_dead_letter(message, InvalidRecord("a mutant"), at=datetime.now(UTC))])


def test_nothing_is_found_where_nothing_is_wrong(decided: tuple[Settings, Content]) -> None:
    assert find_faults(*decided) == []


@pytest.mark.parametrize(
    ("plant", "said"),
    [
        (take_one_more_order, f"{ID}: the broker has an order that is not on record"),
        (deliver_twice, f"broker: order {ID} was sent 2 times"),
        (bury_a_message, "a dead letter"),
    ],
)
def test_mutant_what_is_wrong_is_said(
    decided: tuple[Settings, Content], plant: Callable[[Settings], None], said: str, tmp_path: Path
) -> None:
    settings, expected = decided
    shutil.copytree(settings.state_dir, tmp_path / "state")
    copied = Settings(state_dir=tmp_path / "state", source_url=settings.source_url)
    plant(copied)
    assert any(fault.startswith(said) for fault in find_faults(copied, expected))
