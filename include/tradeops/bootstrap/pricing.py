"""Joins the pricing service to this process's clock and metrics."""

from opentelemetry.metrics import get_meter

from tradeops.bootstrap.process import MonotonicClock
from tradeops.services.price_options import PricingLimits, PricingService
from tradeops.services.watch_prices import WatchLimits
from tradeops.telemetry import METER, PricingInstruments


def open_pricing(*, check_share: float) -> PricingService:
    """The pricing service, not started.

    Args:
        check_share: Of each batch's rows that is recomputed by a closed form, in [0, 1].

    Raises:
        ConfigurationError: The share lies outside.
    """
    limits = PricingLimits(watch=WatchLimits(check_share=check_share))
    return PricingService(clock=MonotonicClock(), instruments=PricingInstruments(get_meter(METER)), limits=limits)
