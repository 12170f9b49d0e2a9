"""The lake as Delta tables, in a folder or in a bucket."""

from tradeops.adapters.lake_delta.bucket import Bucket
from tradeops.adapters.lake_delta.delta_lake import DeltaLake

__all__ = ["Bucket", "DeltaLake"]
