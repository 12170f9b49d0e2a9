"""A history decided with lake, values and online features on servers equals one decided in a folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from unittest.mock import patch

from tests.integration.patience import patient_agents
from tests.servers.redis import start_redis
from tests.servers.s3 import list_objects, make_bucket, open_s3, remove_bucket
from tradeops.adapters.feature_store_redis import RedisFeatureStore
from tradeops.bootstrap.runtime import Runtime, open_runtime
from tradeops.domain.errors import ExternalServiceError
from tradeops.domain.features import FeatureRows
from tradeops.domain.identifiers import BookId
from tradeops.settings import Settings

MIDDLE, UNTIL = date(2001, 3, 6), date(2001, 3, 13)


@contextmanager
def loaded(settings: Settings) -> Iterator[Runtime]:
    with patient_agents(), open_runtime(settings) as runtime:
        runtime.backfill_history(UNTIL, requested_by="test")
        runtime.build_features()
        yield runtime


def digests_of(runtime: Runtime) -> list[str]:
    return [record.decision.digest for record in runtime.ledger.list_decisions(BookId())]


def decide_in_a_folder(folder: Path) -> list[str]:
    with loaded(Settings(state_dir=folder)) as runtime:
        runtime.decide_sessions(until=UNTIL)
        return digests_of(runtime)


@contextmanager
def count_answers() -> Iterator[list[str]]:
    """What Redis said to each read."""
    answers: list[str] = []
    honest = RedisFeatureStore.read

    def read(self: RedisFeatureStore, session: date, *, market: int) -> FeatureRows:
        try:
            found = honest(self, session, market=market)
        except ExternalServiceError:
            answers.append("gone")
            raise
        answers.append("found")
        return found

    with patch.object(RedisFeatureStore, "read", read):
        yield answers


def test_a_history_on_servers_equals_one_in_a_folder_even_when_redis_goes(tmp_path: Path) -> None:
    with open_s3() as s3, start_redis() as redis, count_answers() as answers:
        bucket = make_bucket(s3)
        settings = Settings.model_validate(
            {
                "state_dir": tmp_path / "servers",
                "feature_store_url": redis.url,
                "lake_url": f"s3://{bucket}/lake",
                "values_dir": f"s3://{bucket}/values",
                "s3_endpoint_url": s3.endpoint_url,
                "s3_region": s3.region,
                "s3_access_key_id": s3.access_key_id,
                "s3_secret_access_key": s3.secret_access_key,
            }
        )
        with loaded(settings) as runtime:
            runtime.decide_sessions(until=MIDDLE)
            redis.process.kill()
            runtime.decide_sessions(until=UNTIL)
            found = digests_of(runtime)
        values = list_objects(s3, f"{bucket}/values")
        remove_bucket(s3, bucket)
    assert len(found) > 6
    assert found == decide_in_a_folder(tmp_path / "embedded")
    assert values
    assert set(answers) == {"found", "gone"}
