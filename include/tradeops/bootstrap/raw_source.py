"""Joins the raw source port to its adapters."""

from pathlib import Path

from tradeops.adapters.sources.bundled import BundledSource
from tradeops.adapters.sources.json_lines import JsonLinesSource
from tradeops.bootstrap.schemes import refuse_scheme
from tradeops.domain.policy import TradingPolicy
from tradeops.ports.raw_source import RawSource
from tradeops.ports.trading_calendar import TradingCalendar

BUNDLED, FILE = "bundled:", "file://"


def open_raw_source(url: str, *, calendar: TradingCalendar, policy: TradingPolicy) -> RawSource:
    """The source of `TRADEOPS_SOURCE_URL`; it holds nothing open.

    The bundled files are read at the first `read`, a folder of JSON lines here.

    Raises:
        ConfigurationError: No adapter serves the URL, or the folder that it names cannot be read.
    """
    if url == BUNDLED:
        return BundledSource(calendar, policy.time)
    if url.startswith(FILE):
        return JsonLinesSource(Path(url.removeprefix(FILE)), calendar)
    raise refuse_scheme("TRADEOPS_SOURCE_URL", url, "bundled, file")
