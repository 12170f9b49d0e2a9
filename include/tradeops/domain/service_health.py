"""How a long-living service is; what its caller may count on."""

from collections.abc import Mapping
from enum import StrEnum


class ServiceHealth(StrEnum):
    """Where a service stands.

    `degraded` still answers, but something it relies on failed or disagreed, and it says what it no longer
    vouches for.
    """

    STOPPED = "stopped"
    STARTING = "starting"
    HEALTHY = "healthy"
    DEGRADED = "degraded"


SERVICE_STEPS: Mapping[ServiceHealth, frozenset[ServiceHealth]] = {
    ServiceHealth.STOPPED: frozenset({ServiceHealth.STARTING}),
    ServiceHealth.STARTING: frozenset({ServiceHealth.HEALTHY, ServiceHealth.DEGRADED, ServiceHealth.STOPPED}),
    ServiceHealth.HEALTHY: frozenset({ServiceHealth.DEGRADED, ServiceHealth.STOPPED}),
    ServiceHealth.DEGRADED: frozenset({ServiceHealth.HEALTHY, ServiceHealth.STOPPED}),
}
