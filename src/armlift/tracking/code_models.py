"""Models from code: a file that MLflow runs when it loads the model, and folders that come with it."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.models import ModelSignature


def log_code_model(
    client: MlflowClient,
    run_id: str,
    name: str,
    *,
    code: Path,
    artifacts: Mapping[str, str],
    signature: ModelSignature,
    input_example: tuple[Any, Any],
    config: Mapping[str, Any] | None = None,
) -> str:
    """Log a model to a run and its experiment, whatever run or experiment MLflow takes for the active one.

    Args:
        client: From `tracking_client`.
        run_id: Run that the model comes from.
        name: Name of the model in the run.
        code: File that calls `mlflow.models.set_model`.
        artifacts: Files and folders copied into the model, by name.
        signature: What the model takes and gives.
        input_example: Rows and parameters.
        config: What the code finds as `context.model_config`.

    Returns:
        MLflow's id of the model.
    """
    import mlflow.pyfunc
    from mlflow.models import Model

    experiment = client.get_run(run_id).info.experiment_id
    # `mlflow.pyfunc.log_model` knows only the active run, and what it calls only the active experiment,
    # unless the model is there already.
    model_id: str = client.create_logged_model(experiment, name, source_run_id=run_id).model_id
    Model.log(
        artifact_path=None,
        flavor=mlflow.pyfunc,
        run_id=run_id,
        name=name,
        model_id=model_id,
        python_model=str(code),
        artifacts=dict(artifacts),
        model_config=dict(config or {}),
        signature=signature,
        input_example=input_example,
        # Inferring the requirements takes 15 to 30 s.
        pip_requirements=[f"armlift=={version('armlift')}"],
    )
    client.finalize_logged_model(model_id, "READY")
    return model_id
