"""The router as MLflow model: made from the policies' aliases, and asked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from armlift.errors import ParameterError
from armlift.experiments.assignment import AssignmentRule
from armlift.tracking.client import tracking_client
from armlift.tracking.code_models import log_code_model
from armlift.tracking.registry import aliased_versions, load_model

ROUTER = "router"
"""Registered model of the router, and its alias."""

ROUTER_POLICIES = ("PolicyA", "PolicyB")
"""Aliases of the recommenders that the router chooses between, in the order of its weights."""

_MODEL_CODE = Path(__file__).with_name("router_model.py")


def register_router() -> int | None:
    """Register a router with the recommenders that are PolicyA and PolicyB now.

    The router keeps copies of them, so that a version always answers alike: when an alias moves, there is a
    new version. It takes a table with a column `user_id` and the parameters `salt`, `weights`, `rule` (`hash`
    or `modulo`, see `assign`) and `n`; for each row it gives user_id, arm (index of the policy), policy,
    score (of the first item, on the policy's own scale) and item_ids.

    Returns:
        Its version in the registry; None while an alias is missing.

    Raises:
        TrackingError: The store cannot be used.
    """
    import mlflow.artifacts
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema
    from mlflow.types.schema import Array

    aliased = aliased_versions()
    if any(policy not in aliased for policy in ROUTER_POLICIES):
        return None
    policies = {policy: aliased[policy] for policy in ROUTER_POLICIES}
    equal = [1.0 / len(policies)] * len(policies)
    parameters = ParamSchema(
        [
            ParamSpec("salt", DataType.string, ROUTER),
            ParamSpec("weights", DataType.double, equal, shape=(-1,)),
            ParamSpec("rule", DataType.string, "hash"),
            ParamSpec("n", DataType.long, 10),
        ]
    )
    answer = Schema(
        [
            ColSpec(DataType.long, "user_id"),
            ColSpec(DataType.long, "arm"),
            ColSpec(DataType.string, "policy"),
            ColSpec(DataType.double, "score"),
            ColSpec(Array(DataType.long), "item_ids"),
        ]
    )
    with tracking_client() as client, TemporaryDirectory() as folder:
        copies = {
            policy: mlflow.artifacts.download_artifacts(each.uri, dst_path=str(Path(folder, policy)))
            for policy, each in policies.items()
        }
        # A model belongs to a run; the router to the one that trained its first policy.
        run_id = policies[ROUTER_POLICIES[0]].run_id
        model_id = log_code_model(
            client,
            run_id,
            ROUTER,
            code=_MODEL_CODE,
            artifacts=copies,
            signature=ModelSignature(Schema([ColSpec(DataType.long, "user_id")]), answer, parameters),
            input_example=({"user_id": [1, 2, 3]}, {"salt": ROUTER, "weights": equal}),
            config={"policies": list(policies)},
        )
        if not client.search_registered_models(f"name = '{ROUTER}'"):
            client.create_registered_model(ROUTER)
        made = client.create_model_version(
            ROUTER,
            f"models:/{model_id}",
            run_id,
            tags={policy: str(each) for policy, each in policies.items()},
            model_id=model_id,
        )
        client.set_registered_model_alias(ROUTER, ROUTER, made.version)
    return int(made.version)


def route(
    user_ids: Sequence[int],
    *,
    salt: str = ROUTER,
    weights: Sequence[float] = (0.5, 0.5),
    rule: AssignmentRule = "hash",
    n: int = 10,
) -> pd.DataFrame:
    """Ask the registered router, `models:/router@router`.

    Args:
        user_ids: Users, shape (U,).
        salt: Name of the experiment.
        weights: Share of each policy, in the order of `ROUTER_POLICIES`.
        rule: How users are assigned.
        n: Items for each user.

    Returns:
        One row a user: user_id, arm, policy, score, item_ids.

    Raises:
        ParameterError: A value is out of its bound.
        TrackingError: There is no router, or the store cannot be used.
    """
    from mlflow.exceptions import MlflowException

    router = load_model(f"models:/{ROUTER}@{ROUTER}")
    params = {"salt": salt, "weights": list(weights), "rule": rule, "n": n}
    users = pd.DataFrame({"user_id": list(user_ids)}, dtype="int64")
    try:
        return pd.DataFrame(router.predict(users, params=params))
    except MlflowException as error:
        if isinstance(error.__cause__, ParameterError):
            raise error.__cause__ from None
        raise
