"""What a training run brings into the registry."""

from __future__ import annotations

from collections.abc import Mapping

from armlift.tracking.alias_moves import move_alias
from armlift.tracking.client import tracking_client
from armlift.tracking.evaluations import DATA_TAG, MODEL_TAG
from armlift.tracking.registry import (
    RECOMMENDERS,
    RecommenderVersion,
    aliased_versions,
)
from armlift.tracking.router import register_router

TRAINED_POLICIES = {"PolicyA": "logistic_regression", "PolicyB": "lightgbm"}
"""Recommenders whose newest version is a policy of the router, by alias."""

FIRST_HOLDERS = {"champion": "PolicyA", "challenger": "PolicyB"}
"""Aliases that promotions move; the first training gives them to a policy."""


def register_recommenders(run_id: str, logged: Mapping[str, str], data_hash: str) -> dict[str, int]:
    """Register every recommender of a training run as a version, and give the policies their aliases.

    PolicyA and PolicyB go to the new versions of their recommenders, and a new router follows them. Champion
    and challenger stay where they are; while nobody holds them, they go to PolicyA and PolicyB.

    Args:
        run_id: MLflow run of the training.
        logged: MLflow's id of each model, by recommender, from `log_recommenders`.
        data_hash: Content hash of the data snapshot.

    Returns:
        Version of each recommender, by name.

    Raises:
        TrackingError: The store cannot be used.
    """
    versions = {
        name: register_version(run_id, name, model_id, data_hash) for name, model_id in logged.items()
    }
    held = aliased_versions()
    for alias, name in TRAINED_POLICIES.items():
        if name in versions:
            move_alias(alias, versions[name], why=f"trained by run {run_id}")
    for alias, policy in FIRST_HOLDERS.items():
        name = TRAINED_POLICIES[policy]
        if alias not in held and name in versions:
            move_alias(alias, versions[name], why=f"first of its kind, trained by run {run_id}")
    register_router()
    return {name: each.number for name, each in versions.items()}


def register_version(
    run_id: str, name: str, model_id: str, data_hash: str, tags: Mapping[str, str] | None = None
) -> RecommenderVersion:
    """Register one recommender as the next version, without an alias.

    Args:
        run_id: MLflow run of the training.
        name: Name of the recommender.
        model_id: MLflow's id of the model.
        data_hash: Content hash of the data snapshot.
        tags: More tags of the version, written with it.

    Raises:
        TrackingError: The store cannot be used.
    """
    with tracking_client() as client:
        if not client.search_registered_models(f"name = '{RECOMMENDERS}'"):
            client.create_registered_model(RECOMMENDERS)
        own = {MODEL_TAG: name, DATA_TAG: data_hash} | dict(tags or {})
        source = f"models:/{model_id}"
        made = client.create_model_version(RECOMMENDERS, source, run_id, own, model_id=model_id)
    return RecommenderVersion(int(made.version), name, data_hash, run_id)
