"""The router, logged as code: MLflow runs this file when it loads the model.

It assigns users to policies with the function that the live router uses, and lets the policy of each user
recommend. Its policies are MLflow models of their own, kept inside it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import set_model
from mlflow.pyfunc import load_model
from mlflow.pyfunc.model import PythonModel, PythonModelContext

from armlift.errors import ParameterError
from armlift.experiments.assignment import assign


class RouterModel(PythonModel):
    """Assigns users to policies and asks the policy of each user."""

    def load_context(self, context: PythonModelContext) -> None:
        """Load the policies, in the order of their weights."""
        self.policies: list[str] = context.model_config["policies"]
        self.models = [
            load_model(context.artifacts[policy], suppress_warnings=True) for policy in self.policies
        ]

    def predict(
        self, context: PythonModelContext, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        """Answer each row of the column `user_id`: arm, policy, score of the first item, items.

        Raises:
            MlflowException: A value is out of its bound; over HTTP that is a 400 with armlift's own words.
        """
        try:
            return self._route(model_input, params or {})  # complete: MLflow adds the signature's defaults
        except ParameterError as error:
            raise MlflowException.invalid_parameter_value(str(error)) from error

    def _route(self, model_input: pd.DataFrame, given: dict[str, Any]) -> pd.DataFrame:
        users = model_input["user_id"].to_numpy()
        if given["n"] < 1:
            raise ParameterError("n", given["n"], "n >= 1", "Ask for one item or more.")
        if not len(users):
            raise ParameterError("user_id", [], "one user or more", "Ask for somebody.")
        if len(given["weights"]) != len(self.models):
            bound = f"one for each of {', '.join(self.policies)}"
            raise ParameterError(
                "weights", list(given["weights"]), bound, "Give 0 to a policy without users."
            )
        arms = assign(users, given["salt"], given["weights"], given["rule"])
        score = np.empty(len(users))
        items = np.empty((len(users), given["n"]), dtype=np.int64)
        for arm in np.unique(arms):
            mine = arms == arm
            asked, rows = np.unique(users[mine], return_inverse=True)
            slates: Any = self.models[arm].predict(pd.DataFrame({"user_id": asked}), {"n": given["n"]})
            items[mine] = slates["item_id"].to_numpy().reshape(len(asked), -1)[rows]
            score[mine] = slates["score"].to_numpy().reshape(len(asked), -1)[rows, 0]
        return pd.DataFrame(
            {
                "user_id": users,
                "arm": arms,
                "policy": np.array(self.policies, dtype=object)[arms],
                # JSON has no infinity: a first item beyond the policy's own candidates has no score.
                "score": np.where(np.isfinite(score), score, np.nan),
                "item_ids": items.tolist(),
            }
        )


set_model(RouterModel())
