"""Joins the feature store port to its adapters."""

from tradeops.adapters.feature_store_redis import RedisFeatureStore
from tradeops.adapters.feature_store_sqlite import SqliteFeatureStore
from tradeops.bootstrap.schemes import refuse_scheme
from tradeops.features.declarations import feature_schema


def open_feature_store(url: str) -> SqliteFeatureStore | RedisFeatureStore:
    """The online store of `TRADEOPS_FEATURE_STORE_URL`, for the present feature declarations.

    Raises:
        ConfigurationError: No adapter serves the URL.
    """
    match url.partition(":")[0]:
        case "sqlite":
            return SqliteFeatureStore(url, feature_schema())
        case "redis" | "rediss":
            return RedisFeatureStore(url, feature_schema())
    raise refuse_scheme("TRADEOPS_FEATURE_STORE_URL", url, "sqlite, redis, rediss")
