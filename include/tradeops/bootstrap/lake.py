"""Joins the lake port to its adapter."""

from pathlib import Path

from tradeops.adapters.lake_delta import DeltaLake
from tradeops.bootstrap.schemes import refuse_scheme
from tradeops.ports.lake import Lake

FILE = "file://"


def open_lake(url: str) -> Lake:
    """The lake of `TRADEOPS_LAKE_URL`.

    Raises:
        ConfigurationError: No adapter serves the URL.
    """
    if not url.startswith(FILE):
        raise refuse_scheme("TRADEOPS_LAKE_URL", url, "file")
    return DeltaLake(Path(url.removeprefix(FILE)))
