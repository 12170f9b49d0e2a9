"""`ModelRegistry` on MLflow."""

from tradeops.adapters.model_registry_mlflow.registry import MlflowRegistry

__all__ = ["MlflowRegistry"]
