"""`.env.example` lists exactly the settings, with their defaults, and what the compose file asks for beside them."""

import re
from pathlib import Path

from pydantic.fields import FieldInfo

from tests.architecture.source_tree import ROOT
from tradeops.settings import PREFIX, Settings


def read_example(text: str) -> dict[str, str]:
    rows = [row.split("=", 1) for row in text.splitlines() if row and not row.startswith("#")]
    return {key: value for key, value in rows}


def list_differences(text: str, fields: dict[str, FieldInfo]) -> list[str]:
    example = {key: value for key, value in read_example(text).items() if key.startswith(PREFIX)}
    settings = {PREFIX + name.upper(): field for name, field in fields.items()}
    missing = [f"{key} is missing" for key in settings.keys() - example.keys()]
    unknown = [f"{key} is no setting" for key in example.keys() - settings.keys()]
    undescribed = [f"{key} is not described" for key, field in settings.items() if f"# {field.description}" not in text]
    other = [
        f"{key}={value} is not the default {settings[key].default}"
        for key, value in example.items()
        if value and key in settings and value != str(settings[key].default)
    ]
    return sorted(missing + unknown + undescribed + other)


def list_compose_differences(text: str, compose: str) -> list[str]:
    example = read_example(text).keys()
    asked = set(re.findall(r"(?<!\$)\$\{(\w+)", compose))
    missing = [f"{key} is missing" for key in asked - example]
    unasked = [f"{key} is asked for by nothing" for key in example - asked if not key.startswith(PREFIX)]
    return sorted(missing + unasked)


def _text() -> str:
    return (ROOT / ".env.example").read_text()


def _compose() -> str:
    return (ROOT / "docker-compose.yaml").read_text()


def test_example_equals_settings() -> None:
    assert list_differences(_text(), Settings.model_fields) == []


def test_mutant_a_missing_key_is_found() -> None:
    text = _text().replace("TRADEOPS_LEDGER_URL=\n", "")
    assert list_differences(text, Settings.model_fields) == ["TRADEOPS_LEDGER_URL is missing"]


def test_mutant_an_unknown_key_is_found() -> None:
    text = _text() + "TRADEOPS_BROKER_TOKEN=\n"
    assert list_differences(text, Settings.model_fields) == ["TRADEOPS_BROKER_TOKEN is no setting"]


def test_mutant_another_default_is_found() -> None:
    text = _text().replace("PORT=8090", "PORT=8091")
    assert list_differences(text, Settings.model_fields) == ["TRADEOPS_AIRFLOW_PORT=8091 is not the default 8090"]


def test_the_example_is_a_valid_env_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(_text())
    assert Settings(_env_file=tmp_path / ".env").airflow_port == 8090  # type: ignore[call-arg]


def test_example_has_what_the_compose_file_asks_for_and_nothing_else() -> None:
    assert list_compose_differences(_text(), _compose()) == []


def test_mutant_a_variable_of_the_compose_file_that_nobody_is_told_of_is_found() -> None:
    compose = _compose().replace("${REDIS_PASSWORD:?", "${REDIS_SECRET:?")
    assert list_compose_differences(_text(), compose) == [
        "REDIS_PASSWORD is asked for by nothing",
        "REDIS_SECRET is missing",
    ]
