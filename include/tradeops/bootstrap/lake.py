"""Joins the lake port to its adapter."""

from pathlib import Path

from tradeops.adapters.lake_delta import Bucket, DeltaLake
from tradeops.adapters.s3 import S3Access
from tradeops.bootstrap.schemes import refuse_scheme

FILE = "file://"


def open_lake(url: str, access: S3Access) -> DeltaLake:
    """The lake of `TRADEOPS_LAKE_URL`: a folder, or a bucket reached by `access`.

    Raises:
        ConfigurationError: No adapter serves the URL.
    """
    if url.startswith(FILE):
        return DeltaLake(Path(url.removeprefix(FILE)))
    if url.startswith("s3://"):
        return DeltaLake(Bucket(url, access))
    raise refuse_scheme("TRADEOPS_LAKE_URL", url, "file, s3")
