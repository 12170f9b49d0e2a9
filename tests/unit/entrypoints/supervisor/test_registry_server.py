"""Where MLflow's page is, and that no address shows a password."""

from pathlib import Path

import pytest

from tradeops.entrypoints.supervisor.registry_server import find_registry_page, is_registry_ours
from tradeops.settings import Settings

SECRET = "hush"  # noqa: S105  # pragma: allowlist secret


@pytest.mark.parametrize(
    ("url", "ours", "page"),
    [
        ("sqlite:////folder/mlflow.db", True, "http://127.0.0.1:5000"),
        (f"postgresql+psycopg://who:{SECRET}@db/mlflow", True, "http://127.0.0.1:5000"),
        (f"https://who:{SECRET}@models.example:8443/x", False, "https://models.example:8443/x"),
    ],
)
def test_page_is_ours_unless_a_server_is_named_and_is_shown_without_its_account(
    url: str, ours: bool, page: str, tmp_path: Path
) -> None:
    settings = Settings(state_dir=tmp_path, registry_url=url)
    assert (is_registry_ours(settings), find_registry_page(settings)) == (ours, page)
    assert SECRET not in repr(settings)
