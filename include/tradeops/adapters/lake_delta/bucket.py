"""Tables in a bucket of S3-compatible storage."""

import io
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import Final
from uuid import uuid4

import polars as pl
from deltalake import DeltaTable, PostCommitHookProperties
from deltalake.exceptions import TableNotFoundError
from pyarrow.fs import S3FileSystem

from tradeops.adapters.lake_delta.place import DataFile
from tradeops.adapters.s3 import (
    CALL_SECONDS,
    LOG_SECONDS,
    MOST_RETRIES,
    SILENT_SECONDS,
    S3Access,
    S3Folder,
    explain,
)
from tradeops.domain.errors import TradeOpsError
from tradeops.domain.lake_tables import LakeTable

CHECKPOINT_EVERY: Final = 20


class Bucket:
    """`Place` without a lock: a commit is a conditional put, which the service refuses to the second of two.

    An object is durable when its put returns. Data files have names of their own, so that writers who meet do not
    write over each other; a file that lost its commit stays until a vacuum.

    Args:
        url: `s3://bucket/prefix`; the bucket exists.
        access: Endpoint and account.

    Raises:
        ConfigurationError: It is no such URL.
    """

    # Whoever opens a table reads each commit after the last checkpoint.
    configuration: Final[Mapping[str, str | None]] = {"delta.checkpointInterval": str(CHECKPOINT_EVERY)}
    hooks: Final = PostCommitHookProperties(create_checkpoint=True, cleanup_expired_logs=False)

    def __init__(self, url: str, access: S3Access) -> None:
        self._folder = S3Folder.parse(url, "TRADEOPS_LAKE_URL")
        self._access = access
        options = access.object_store_options()
        self.polars_options: Final[dict[str, object]] = {
            **options,
            "timeout": f"{CALL_SECONDS}s",
            "read_timeout": f"{SILENT_SECONDS}s",
            "max_retries": MOST_RETRIES,
            "retry_timeout_ms": SILENT_SECONDS * 1000,
        }
        self.delta_options: Final = {
            **options,
            "timeout": f"{LOG_SECONDS}s",
            "max_retries": str(MOST_RETRIES),
            "retry_timeout": f"{LOG_SECONDS}s",
        }

    def url(self, table: LakeTable) -> str:
        """What the table's objects begin with; see `Place`."""
        return self._folder.url(table.name)

    def file(self, table: LakeTable, name: str) -> str:
        """A URL; see `Place`."""
        return self._folder.url(table.name, name)

    @contextmanager
    def turn(self, _table: LakeTable) -> Iterator[None]:
        """Nobody waits; see `Place`."""
        yield

    def open(self, table: LakeTable) -> DeltaTable | None:
        """The table at its newest version; see `Place`."""
        try:
            return DeltaTable(self.url(table), storage_options=self.delta_options)
        except TableNotFoundError:
            return None

    def write(self, table: LakeTable, stem: str, rows: pl.DataFrame) -> DataFile:
        """Put an object under a name of its own; see `Place`."""
        name, buffer = f"{stem}-{uuid4().hex}.parquet", io.BytesIO()
        rows.write_parquet(buffer)
        with self._file_system.open_output_stream(self._folder.path(table.name, name)) as stream:
            stream.write(buffer.getvalue())
        return DataFile(name, len(buffer.getvalue()), time.time_ns() // 1_000_000)

    def make_durable(self, table: LakeTable, after: int) -> None:
        """It is already; see `Place`."""

    def explain(self, table: LakeTable, error: Exception) -> TradeOpsError:
        """The service, the account, or a damaged table; see `Place`."""
        return explain(self.url(table), error)

    @cached_property
    def _file_system(self) -> S3FileSystem:
        return self._access.open_file_system()
