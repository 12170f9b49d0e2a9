"""JSON logs that carry run, cycle and bundle ids; names of metrics."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from opentelemetry.metrics import Meter
from pythonjsonlogger.json import JsonFormatter

LOGGER = "tradeops"
CYCLES = logging.getLogger("tradeops.cycles")
PRICING = logging.getLogger("tradeops.pricing")
METER = "tradeops"
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


class PricingInstruments:
    """The metrics of option pricing; without a set-up of OpenTelemetry they go nowhere.

    Args:
        meter: Where they are registered, by the name `METER`.
    """

    def __init__(self, meter: Meter) -> None:
        self.latency = meter.create_histogram(
            "greeks_calculation_latency_seconds",
            unit="s",
            description="Time of the numeric work of one batch, by model_version and option_type.",
            explicit_bucket_boundaries_advisory=[2e-6, 1e-5, 5e-5, 85e-6, 2e-4, 1e-3, 5e-3, 2e-2, 0.1, 0.5, 2.0],
        )
        self.rows = meter.create_counter("greeks_rows", description="Options asked for, by outcome.")
        self.checked = meter.create_counter("greeks_checked_rows", description="Options recomputed by a closed form.")
        self.differences = meter.create_counter(
            "greeks_check_differences", description="Options whose closed form differs by more than the tolerance."
        )


def _add_bound(record: logging.LogRecord) -> bool:
    record.__dict__.update(_BOUND.get())
    return True
