"""Joins the value store port to its adapters."""

from pathlib import Path

from tradeops.adapters.s3 import S3Access
from tradeops.adapters.value_store_files import FileValueStore
from tradeops.adapters.value_store_s3 import S3ValueStore
from tradeops.bootstrap.schemes import refuse_scheme
from tradeops.ports.value_store import ValueStore

FILE = "file://"


def open_value_store(url: str, access: S3Access) -> ValueStore:
    """The value store of `TRADEOPS_VALUES_DIR`: a folder, or a bucket reached by `access`.

    Raises:
        ConfigurationError: No adapter serves the URL.
    """
    if url.startswith(FILE):
        return FileValueStore(Path(url.removeprefix(FILE)))
    if url.startswith("s3://"):
        return S3ValueStore(url, access)
    raise refuse_scheme("TRADEOPS_VALUES_DIR", url, "file, s3")
