"""Files of a training, laid out as MLflow keeps them."""

import warnings
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from tradeops.domain.errors import LearningError
from tradeops.ports.model_registry import MODEL_FILE, TrainingRun

MODEL_FOLDER = "model"
_CODE = Path(__file__).with_name("quantile_model.py")
_PACKAGES = ("mlflow", "lightgbm", "numpy", "pandas")


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files by relative path.

    Raises:
        LearningError: A path leads out of the folder.
    """
    for name, data in files.items():
        target = (folder / name).resolve()
        if not target.is_relative_to(folder.resolve()) or target == folder.resolve():
            raise LearningError(f"artifact {name!r} is not a path inside its run")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)


def write_model(folder: Path, run: TrainingRun) -> None:
    """Write the `MODEL_FOLDER` that `mlflow.pyfunc.load_model` reads; `MODEL_FILE` lies in the folder already.

    Raises:
        LearningError: The training brings no model.
    """
    from mlflow.models import ModelSignature  # noqa: PLC0415 - takes seconds
    from mlflow.pyfunc import save_model  # noqa: PLC0415
    from mlflow.types import ColSpec, Schema  # noqa: PLC0415

    if MODEL_FILE not in run.artifacts:
        raise LearningError(f"training {run.identity} has no artifact {MODEL_FILE}")
    inputs, outputs = (Schema([ColSpec("double", name) for name in names]) for names in (run.inputs, run.outputs))
    with warnings.catch_warnings():
        # It asks for an example to check the signature with; the signature is what the model was trained on.
        warnings.filterwarnings("ignore", message=".*input example was not provided.*")
        save_model(
            str(folder / MODEL_FOLDER),
            python_model=str(_CODE),
            artifacts={"blender": str(folder / MODEL_FILE)},
            signature=ModelSignature(inputs=inputs, outputs=outputs),
            pip_requirements=[f"{name}=={version(name)}" for name in _PACKAGES],
        )
