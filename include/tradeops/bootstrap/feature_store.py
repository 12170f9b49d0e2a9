"""Joins the feature store port to its adapter."""

from tradeops.adapters.feature_store_sqlite import SqliteFeatureStore
from tradeops.bootstrap.schemes import refuse_scheme
from tradeops.features.declarations import feature_schema

SQLITE = "sqlite://"


def open_feature_store(url: str) -> SqliteFeatureStore:
    """The online store of `TRADEOPS_FEATURE_STORE_URL`, for the present feature declarations.

    Raises:
        ConfigurationError: No adapter serves the URL.
    """
    if not url.startswith(SQLITE):
        raise refuse_scheme("TRADEOPS_FEATURE_STORE_URL", url, "sqlite")
    return SqliteFeatureStore(url, feature_schema())
