"""Every test run has an Airflow home of its own, and none of the caller's settings."""

import atexit
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

import tests.servers.given  # noqa: F401 - keeps what is deleted below

ROOT = Path(__file__).resolve().parents[1]
_HOME = tempfile.mkdtemp(prefix="tradeops-tests-")
atexit.register(shutil.rmtree, _HOME, ignore_errors=True)

for _name in [name for name in os.environ if name.startswith(("AIRFLOW_", "TRADEOPS_"))]:
    del os.environ[_name]

# Airflow reads these at its import, so they must stand before any test module is collected.
os.environ |= {
    "AIRFLOW_HOME": _HOME,
    "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
    "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{_HOME}/airflow.db",
    "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    # As every process of the product: a cycle refuses libraries with more, and they read it when they are loaded.
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}

# What Hypothesis itself does where CI is set, for everybody: a machine that is busy, or a seed that nobody
# has, fails no test. Chance is asked with `--hypothesis-profile=default`.
settings.register_profile(
    "tradeops",
    deadline=None,
    derandomize=True,
    database=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("tradeops")


@pytest.fixture(autouse=True)
def unconfigured_log() -> None:
    """What a command of an earlier test set up for its process would hide this one's lines from `caplog`."""
    logger = logging.getLogger("tradeops")
    logger.handlers, logger.propagate = [], True
    logger.setLevel(logging.NOTSET)


@pytest.fixture(scope="session")
def kafka_server() -> Iterator[str]:
    """URL of one broker for all tests of a run; `kafka_url` gives each test names of its own."""
    from tests.servers.kafka import open_kafka

    with open_kafka() as url:
        yield url


@pytest.fixture
def kafka_url(kafka_server: str) -> Iterator[str]:
    from tests.servers.kafka import lend_prefix

    with lend_prefix(kafka_server) as url:
        yield url
