"""A state folder has one run at a time, secrets of its own, and is removed only by those it belongs to."""

import json
import stat
from pathlib import Path

import pytest

from tradeops.domain.errors import ConfigurationError
from tradeops.entrypoints.supervisor.airflow_environment import make_airflow_environment, prepare_home
from tradeops.entrypoints.supervisor.installation import (
    hold_state_dir,
    load_secrets,
    remove_state,
    write_credentials,
)
from tradeops.settings import Settings


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_one_run_at_a_time(tmp_path: Path) -> None:
    with hold_state_dir(tmp_path / "state"):
        with pytest.raises(ConfigurationError, match="a run lives in"), hold_state_dir(tmp_path / "state"):
            pytest.fail("held twice")
        with pytest.raises(ConfigurationError, match="a run lives in"):
            remove_state(tmp_path / "state")
    with hold_state_dir(tmp_path / "state"):
        assert _mode(tmp_path / "state") == 0o700


def test_reset_removes_a_state_folder_only(tmp_path: Path) -> None:
    with hold_state_dir(tmp_path / "state"):
        pass
    remove_state(tmp_path / "state")
    assert not (tmp_path / "state").exists()
    remove_state(tmp_path / "state")
    (tmp_path / "thesis").mkdir()
    with pytest.raises(ConfigurationError, match="not a state folder"):
        remove_state(tmp_path / "thesis")


def test_secrets_are_random_kept_and_private(tmp_path: Path) -> None:
    first, other = tmp_path / "a", tmp_path / "b"
    for home in (first, other):
        prepare_home(home)
    drawn = load_secrets(first)
    assert load_secrets(first) == drawn
    assert load_secrets(other).operator_password != drawn.operator_password
    assert load_secrets(other).jwt_secret != drawn.jwt_secret
    write_credentials(first / "account.json", drawn)
    assert json.loads((first / "account.json").read_text())["password"] == drawn.service_password
    for name in ("secrets.json", "passwords.json", "account.json"):
        assert _mode(first / name) == 0o600


def test_airflow_listens_on_loopback_and_tells_nobody(tmp_path: Path) -> None:
    prepare_home(tmp_path / "airflow")
    environment = make_airflow_environment(Settings(state_dir=tmp_path), load_secrets(tmp_path / "airflow"))
    assert environment["AIRFLOW__API__HOST"] == "127.0.0.1"
    assert environment["AIRFLOW__USAGE_DATA_COLLECTION__ENABLED"] == "False"
    assert environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] == f"sqlite:///{tmp_path}/airflow/airflow.db"
    assert environment["TRADEOPS_STATE_DIR"] == str(tmp_path)
    assert (tmp_path / "airflow" / "config" / "airflow_local_settings.py").exists()
