"""The MLflow model around a recommender, logged as code: MLflow runs this file when it loads the model.

The model takes a table with a column `user_id` and the parameter `n`; it gives slates of `n` items:
user_id, position (from 0), item_id, score.
"""

from __future__ import annotations

from typing import Any

import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel, PythonModelContext

from armlift.recommenders import load_recommender


class RecommenderModel(PythonModel):
    """Recommends to the users asked for what they have not seen by the time of the fit."""

    def load_context(self, context: PythonModelContext) -> None:
        """Load the recommender and its history from the model's artifacts."""
        self.recommender = load_recommender(context.artifacts["recommender"])
        self.history = pd.read_parquet(context.artifacts["history"])

    def predict(
        self, context: PythonModelContext, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        """Recommend `params["n"]` items to each user of the column `user_id`."""
        n = int((params or {}).get("n", 10))
        return self.recommender.recommend(model_input["user_id"].to_numpy(), n, self.history)


set_model(RecommenderModel())
