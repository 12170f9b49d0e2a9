"""JSON logs that carry run, cycle and bundle ids."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from pythonjsonlogger.json import JsonFormatter

LOGGER = "tradeops"
CYCLES = logging.getLogger("tradeops.cycles")
_BOUND: ContextVar[dict[str, str]] = ContextVar("tradeops_bound", default={})  # noqa: B039


@contextmanager
def bind_cycle(*, cycle_id: str, bundle_id: str, run: str) -> Iterator[None]:
    """Let every log line inside name the run, the cycle and the bundle."""
    token = _BOUND.set({"run_id": run, "cycle_id": cycle_id, "bundle_id": bundle_id})
    try:
        yield
    finally:
        _BOUND.reset(token)


def configure_logging(level: str) -> None:
    """Write this project's logs to standard error, one JSON object a line."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        JsonFormatter(
            ["asctime", "levelname", "name", "message"],
            rename_fields={"asctime": "time", "levelname": "level", "name": "logger"},
        )
    )
    handler.addFilter(_add_bound)
    logger = logging.getLogger(LOGGER)
    logger.handlers = [handler]
    logger.setLevel(level)
    logger.propagate = False


def _add_bound(record: logging.LogRecord) -> bool:
    record.__dict__.update(_BOUND.get())
    return True
