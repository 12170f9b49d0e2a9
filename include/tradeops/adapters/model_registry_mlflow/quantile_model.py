"""The blender as MLflow loads it, from a copy of this file beside the model; nothing of ours imports it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel


class QuantileModel(PythonModel):
    """Quantiles of the outcome in standard deviations, a column a level."""

    def load_context(self, context: Any) -> None:
        """Read the boosters."""
        import lightgbm  # noqa: PLC0415 - takes seconds, and saving the model needs none of it

        stored = json.loads(Path(context.artifacts["blender"]).read_text(encoding="utf-8"))
        self._inputs = [*(f"score_{agent}" for agent in stored["inputs"]["agents"]), *stored["inputs"]["features"]]
        self._outputs = [f"q{round(100 * level):02d}" for level in stored["levels"]]
        self._boosters = [lightgbm.Booster(model_str=text) for text in stored["boosters"]]

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """A row of ascending quantiles for each row of inputs."""
        rows = model_input[self._inputs].to_numpy(dtype=np.float64)
        quantiles = np.sort(np.column_stack([booster.predict(rows) for booster in self._boosters]), axis=1)
        return pd.DataFrame(quantiles, columns=self._outputs, index=model_input.index)


set_model(QuantileModel())
