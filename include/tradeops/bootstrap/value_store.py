"""Joins the value store port to its adapter."""

from pathlib import Path

from tradeops.adapters.value_store_files import FileValueStore
from tradeops.bootstrap.schemes import refuse_scheme
from tradeops.ports.value_store import ValueStore

FILE = "file://"


def open_value_store(url: str) -> ValueStore:
    """The value store of `TRADEOPS_VALUES_DIR`.

    Raises:
        ConfigurationError: No adapter serves the URL.
    """
    if not url.startswith(FILE):
        raise refuse_scheme("TRADEOPS_VALUES_DIR", url, "file")
    return FileValueStore(Path(url.removeprefix(FILE)))
