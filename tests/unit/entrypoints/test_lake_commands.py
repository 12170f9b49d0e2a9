"""`tradeops lake` as a person and as a machine use it."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.contract.test_lake import DAYS, make_bars
from tradeops.adapters.lake_delta import DeltaLake
from tradeops.domain.errors import ConfigurationError
from tradeops.domain.lake_tables import BARS_TABLE, TABLES
from tradeops.entrypoints.command_line.main import app


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DeltaLake:
    monkeypatch.setenv("TRADEOPS_STATE_DIR", str(tmp_path))
    lake = DeltaLake(tmp_path / "lake")
    for number in range(3):
        assert lake.append(BARS_TABLE, make_bars(("A", DAYS[number])), writer="test", version=number)
    return lake


def tradeops(*words: str) -> Result:
    return CliRunner().invoke(app, ["lake", *words])


def test_small_files_become_one_and_a_forced_vacuum_deletes_what_they_replaced(lake: DeltaLake) -> None:
    before = lake.read(BARS_TABLE)
    assert "bars               3 files became 1\n" in tradeops("compact").stdout
    assert "bars               nothing to do\n" in tradeops("compact").stdout
    assert json.loads(tradeops("vacuum", "--json").stdout) == dict.fromkeys(TABLES, 0)
    assert "bars               3 files deleted\n" in tradeops("vacuum", "--days", "0", "--force").stdout
    assert lake.read(BARS_TABLE).equals(before)


def test_one_table_may_be_named_and_has_to_be_there(lake: DeltaLake) -> None:
    assert json.loads(tradeops("compact", "--table", "bars", "--json").stdout) == {"bars": {"before": 3, "after": 1}}
    failed = tradeops("compact", "--table", "bar").exception
    assert isinstance(failed, ConfigurationError)
    assert "it has bars" in failed.message


def test_a_short_vacuum_has_to_be_forced(lake: DeltaLake) -> None:
    failed = tradeops("vacuum", "--days", "1").exception
    assert isinstance(failed, ConfigurationError)
    assert "--force" in failed.message
