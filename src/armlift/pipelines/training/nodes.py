"""Nodes of the training pipeline."""

from __future__ import annotations

import logging
from time import perf_counter

import numpy as np
import pandas as pd

from armlift.pipelines.parameters import TrainingParameters, WorldParameters
from armlift.pipelines.training.live_slates_dataset import LiveSlates
from armlift.recommenders import Recommender, create_recommender

logger = logging.getLogger(__name__)


def split_by_user(
    ratings: pd.DataFrame, world: WorldParameters
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Split each user's ratings by time: the earlier part trains the arms, the later part is the world's."""
    from armlift.datasets import world_split

    split = world_split(
        ratings,
        training_share=world.training_share,
        withheld_share=world.withheld_share,
        seed=world.seed,
    )
    return split.history, split.future, pd.DataFrame({"user_id": split.withheld_users})


def train_recommenders(
    history: pd.DataFrame, items: pd.DataFrame, training: TrainingParameters
) -> dict[str, Recommender]:
    """Fit every recommender on the history."""
    fitted = {}
    for name, parameters in training.recommenders.items():
        started = perf_counter()
        fitted[name] = create_recommender(name, **parameters).fit(history, items, seed=training.seed)
        logger.info("%8.1f s  fitted %s", perf_counter() - started, name)
    return fitted


def serve_slates(
    recommenders: dict[str, Recommender],
    history: pd.DataFrame,
    future: pd.DataFrame,
    training: TrainingParameters,
) -> pd.DataFrame:
    """Ask each recommender for a slate of unseen items for every user who will arrive, known or new."""
    users = future["user_id"].drop_duplicates().sort_values().to_numpy()
    slates = []
    for arm in training.recommenders:
        slate = recommenders[arm].recommend(users, training.slate_size, history)
        slates.append(slate.assign(arm=arm))
    columns = ["arm", "user_id", "position", "item_id", "score"]
    return pd.concat(slates, ignore_index=True)[columns]


def publish_slates(
    recommenders: dict[str, Recommender],
    history: pd.DataFrame,
    items: pd.DataFrame,
    slates: pd.DataFrame,
    training: TrainingParameters,
    model_versions: dict[str, int],
) -> LiveSlates:
    """Hand the slates to the live router, with what each arm shows a user whom it does not know."""
    from armlift.storage import NEW_USER, ServedModel, items_by_popularity

    nobody = np.array([NEW_USER])
    new = [
        recommenders[arm].recommend(nobody, training.slate_size, history).assign(arm=arm)
        for arm in training.recommenders
    ]
    return LiveSlates(
        pd.concat([slates, *new], ignore_index=True),
        items_by_popularity(items, history),
        {arm: ServedModel(arm, model_versions[arm]) for arm in training.recommenders},
    )


def log_recommenders(
    mlflow_run_id: str, recommenders: dict[str, Recommender], history: pd.DataFrame
) -> dict[str, str]:
    """Log each recommender to MLflow as a pyfunc model."""
    from armlift import tracking

    return tracking.log_recommenders(mlflow_run_id, recommenders, history)


def register(
    mlflow_run_id: str, logged_models: dict[str, str], data_snapshot: dict[str, str | int]
) -> dict[str, int]:
    """Register each model as a new version, with aliases PolicyA and PolicyB, and a router between these."""
    from armlift import tracking

    versions = tracking.register_recommenders(mlflow_run_id, logged_models, str(data_snapshot["hash"]))
    logger.info("registered %s", ", ".join(f"{name} {number}" for name, number in versions.items()))
    return versions
