"""Trained recommenders as MLflow models."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pandas as pd

from armlift.tracking.client import tracking_client
from armlift.tracking.code_models import log_code_model

if TYPE_CHECKING:
    from armlift.recommenders import Recommender

SLATE_LENGTH = 10
_MODEL_CODE = Path(__file__).with_name("recommender_model.py")


def log_recommenders(
    run_id: str, models: Mapping[str, Recommender], history: pd.DataFrame | None = None
) -> dict[str, str]:
    """Log trained recommenders as MLflow models, each under its arm's id.

    A loaded model answers `predict(users, params={"n": 10})`, `users` being a table with a column
    `user_id`, with slates: user_id, position, item_id, score.

    Args:
        run_id: Run to log to.
        models: Trained recommenders by arm.
        history: Ratings whose items the models leave out for the users that gave them; kept with each
            model. Without it nothing is left out.

    Returns:
        MLflow's id of each model, by arm.

    Raises:
        TrackingError: The store cannot be used.
    """
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema

    seen = pd.DataFrame({"user_id": [], "item_id": []}, dtype="int64") if history is None else history
    columns = [("long", "user_id"), ("long", "position"), ("long", "item_id"), ("double", "score")]
    slate = Schema([ColSpec(kind, name) for kind, name in columns])
    length = ParamSchema([ParamSpec("n", "long", SLATE_LENGTH)])
    signature = ModelSignature(Schema([ColSpec("long", "user_id")]), slate, length)
    logged = {}
    with tracking_client() as client, TemporaryDirectory() as folder:
        seen_file = Path(folder, "history.parquet")
        seen[["user_id", "item_id"]].to_parquet(seen_file, index=False)
        for arm, model in models.items():
            model.save(Path(folder, arm))
            logged[arm] = log_code_model(
                client,
                run_id,
                arm,
                code=_MODEL_CODE,
                artifacts={"recommender": str(Path(folder, arm)), "history": str(seen_file)},
                signature=signature,
                input_example=({"user_id": [1]}, {"n": SLATE_LENGTH}),
            )
    return logged
