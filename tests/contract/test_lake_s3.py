"""What a lake in a bucket owes beside the contract: no lock, so who comes second looks again; what is refused."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from unittest.mock import patch

import pytest
from deltalake import DeltaTable

from tests.contract.test_lake import DAYS, WRITER, make_bars
from tests.servers.s3 import list_objects, long_s3_limits, make_bucket, start_s3
from tradeops.adapters.lake_delta import Bucket, DeltaLake, bucket, delta_lake
from tradeops.adapters.lake_delta.bucket import CHECKPOINT_EVERY
from tradeops.adapters.s3 import S3Access
from tradeops.bootstrap.lake import open_lake
from tradeops.domain.errors import ConfigurationError, ExternalServiceError, TradeOpsError
from tradeops.domain.lake_tables import BARS_TABLE, LakeTable


def check_who_comes_second_looks_again(lake: DeltaLake, another: DeltaLake) -> None:
    """Of two who saw a writer at the same version and append with the next, one writes."""
    rows, honest, answers = make_bars(("A", DAYS[0])), delta_lake._commit, []

    def let_the_other_go_first(opened: DeltaTable, prepared: object, place: object) -> None:
        with patch.object(delta_lake, "_commit", honest):
            answers.append(another.append(BARS_TABLE, rows, writer=WRITER, version=1, after=0))
        honest(opened, prepared, place)  # type: ignore[arg-type]

    assert lake.append(BARS_TABLE, rows, writer=WRITER, version=0)
    with patch.object(delta_lake, "_commit", let_the_other_go_first):
        answers.append(lake.append(BARS_TABLE, rows, writer=WRITER, version=1, after=0))
    assert answers == [True, False]
    assert lake.read(BARS_TABLE).height == 2


def test_who_comes_second_looks_again(bucket: DeltaLake) -> None:
    check_who_comes_second_looks_again(bucket, DeltaLake(bucket._place))


def test_mutant_that_only_tries_again_doubles(bucket: DeltaLake) -> None:
    class Blind(DeltaLake):
        def _commit(self, table: LakeTable, prepare: "Callable[[DeltaTable], delta_lake._Commit | None]") -> bool:
            opened = self._place.open(table)
            assert opened is not None
            first = prepare(opened)
            return super()._commit(table, lambda _opened: first)

    bucket._create(BARS_TABLE)
    with pytest.raises(AssertionError):
        check_who_comes_second_looks_again(Blind(bucket._place), bucket)
    assert bucket.read(BARS_TABLE).height == 3


def test_opening_reads_few_commits_and_versions_outlive_a_checkpoint(
    bucket: DeltaLake, s3: S3Access, bucket_url: str
) -> None:
    for version in range(CHECKPOINT_EVERY + 2):
        assert bucket.append(BARS_TABLE, make_bars(("A", DAYS[0])), writer=WRITER, version=version)
    names = list_objects(s3, bucket_url.removeprefix("s3://") + "/bars/_delta_log")
    assert [name for name in names if name.endswith(".checkpoint.parquet")]
    assert bucket.sealed_version(BARS_TABLE, WRITER) == CHECKPOINT_EVERY + 1
    assert not bucket.append(BARS_TABLE, make_bars(("A", DAYS[0])), writer=WRITER, version=1)
    assert bucket.read(BARS_TABLE).height == CHECKPOINT_EVERY + 2


def test_a_bucket_that_is_not_there_is_a_wrong_setting(s3: S3Access) -> None:
    lake = open_lake("s3://nobody-made-this", s3)
    with pytest.raises(ConfigurationError, match=r"refused \(NoSuchBucket\); correct .* TRADEOPS_S3"):
        lake.append(BARS_TABLE, make_bars(("A", DAYS[0])), writer=WRITER, version=0)


WITH_ACCOUNT = "s3://me:mine@bucket"  # pragma: allowlist secret


@pytest.mark.parametrize("url", ["s3://", "s3://ab", "s3://Bucket", "s3://bucket/a?b=c", WITH_ACCOUNT])
def test_a_url_that_names_no_bucket_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="write s3://bucket/prefix") as error:
        open_lake(url, S3Access())
    assert "mine@" not in error.value.message


def test_a_service_that_is_gone_or_frozen_is_told_in_time_and_used_again_when_it_is_back() -> None:
    with start_s3() as (access, process), long_s3_limits():
        place = Bucket(f"s3://{make_bucket(access)}/lake", access)
        lake = DeltaLake(place)
        lake.append(BARS_TABLE, make_bars(("A", DAYS[0])), writer=WRITER, version=0)
        process.freeze()
        with short_limits(place):
            assert_unavailable(lake)
        process.thaw()
        assert lake.append(BARS_TABLE, make_bars(("A", DAYS[0])), writer=WRITER, version=1)
        process.kill()
        with short_limits(place):
            assert_unavailable(lake)


@contextmanager
def short_limits(place: Bucket) -> Iterator[None]:
    """Those of a bucket that is opened with them, but only for a while: a service at work may be slow."""
    with patch.object(bucket, "LOG_SECONDS", 1):
        hasty = Bucket(place._folder.url(), place._access)
    with patch.dict(place.delta_options, hasty.delta_options):
        yield


def assert_unavailable(lake: DeltaLake) -> None:
    for call in (
        lambda: lake.read(BARS_TABLE),
        lambda: lake.append(BARS_TABLE, make_bars(("A", DAYS[0])), writer=WRITER, version=1),
    ):
        started = time.monotonic()
        with pytest.raises(ExternalServiceError) as error:
            call()
        assert error.value.retryable
        assert time.monotonic() - started < 60  # limits of a call, times its retries


def test_an_account_that_is_not_let_in_is_a_wrong_setting() -> None:
    with start_s3(guarded=True) as (access, _), long_s3_limits():
        wrong = replace(access, secret_access_key="another")  # noqa: S106
        lake = DeltaLake(Bucket("s3://any-bucket/lake", wrong))
        with pytest.raises(TradeOpsError, match="refused") as error:
            lake.append(BARS_TABLE, make_bars(("A", DAYS[0])), writer=WRITER, version=0)
        assert isinstance(error.value, ConfigurationError)
        assert "another" not in error.value.message
