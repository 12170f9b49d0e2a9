"""Settings come from the environment and `.env`; anything unknown or unusable is refused in one line."""

from pathlib import Path

import pytest

from tradeops.bootstrap.s3 import read_s3_access
from tradeops.domain.errors import ConfigurationError
from tradeops.settings import Settings, load_settings, make_child_environment


@pytest.fixture(autouse=True)
def _no_env_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(Settings.model_config, "env_file", tmp_path / ".env")


def test_addresses_follow_the_state_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TRADEOPS_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("TRADEOPS_AIRFLOW_PORT", "9000")
    settings = load_settings()
    assert settings.ledger_url == f"sqlite:///{tmp_path}/ledger.db"
    assert settings.values_dir == f"file://{tmp_path}/values"
    assert settings.mail_dir == tmp_path / "mail"
    assert settings.airflow_url == "http://127.0.0.1:9000"


def test_a_chosen_address_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEOPS_LEDGER_URL", "sqlite:////elsewhere/ledger.db")
    assert load_settings().ledger_url == "sqlite:////elsewhere/ledger.db"


def test_an_unknown_variable_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEOPS_LEGDER_URL", "x")
    with pytest.raises(ConfigurationError, match="unknown variable TRADEOPS_LEGDER_URL"):
        load_settings()


def test_an_unknown_key_in_the_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("TRADEOPS_BROKER_TOKEN=x\n")
    with pytest.raises(ConfigurationError, match="broker_token"):
        load_settings()


def test_what_the_file_says_to_the_compose_file_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("POSTGRES_PASSWORD=x\nTRADEOPS_LOG_LEVEL=ERROR\n")
    assert load_settings().log_level == "ERROR"


@pytest.mark.parametrize(("name", "value"), [("AIRFLOW_PORT", "80"), ("AIRFLOW_PORT", "x"), ("LOG_LEVEL", "LOUD")])
def test_an_unusable_value_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"TRADEOPS_{name}", value)
    with pytest.raises(ConfigurationError, match=name.lower()):
        load_settings()


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load_settings().airflow_port = 1  # type: ignore[misc]


def test_a_child_sees_what_its_parent_saw(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load_settings()
    for name, value in make_child_environment(settings).items():
        if name.startswith("TRADEOPS_"):
            monkeypatch.setenv(name, value)
    assert load_settings() == settings


def test_a_child_inherits_nothing_by_accident(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor")
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    child = make_child_environment(load_settings(), {"MORE": "1"})
    assert not {"AIRFLOW__CORE__EXECUTOR", "PYTHONDONTWRITEBYTECODE"} & child.keys()
    assert (child["OPENBLAS_NUM_THREADS"], child["MORE"]) == ("1", "1")


def test_a_secret_is_handed_on_to_children_and_shown_to_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    made_up = f"made up for {__name__}"
    for name in ("S3_ACCESS_KEY_ID", "S3_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(f"TRADEOPS_{name}", "me" if name.endswith("ID") else made_up)
    settings = load_settings()
    assert made_up in make_child_environment(settings).values()
    assert made_up not in f"{settings!r} {settings} {settings.model_dump()} {read_s3_access(settings)!r}"


def test_half_a_key_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEOPS_S3_ACCESS_KEY_ID", "made up")
    with pytest.raises(ConfigurationError, match="TRADEOPS_S3_SECRET_ACCESS_KEY"):
        read_s3_access(load_settings())


def test_an_endpoint_with_an_account_in_it_is_refused_without_repeating_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEOPS_S3_ENDPOINT_URL", "https://me:mine@host")  # pragma: allowlist secret
    with pytest.raises(ConfigurationError, match="https://host:port") as error:
        read_s3_access(load_settings())
    assert "mine" not in error.value.message
