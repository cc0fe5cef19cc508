"""What the registered recommenders show, for all the users they know."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from armlift.errors import TrackingError
from armlift.tracking.registry import RecommenderVersion, aliased_versions, load_model, newest_versions


class AliasSlates(NamedTuple):
    """Slates of every alias, and of every recommender by its name.

    Attributes:
        table: arm (the alias or the name), user_id, position (from 0), item_id, score.
        arms: Recommender and version behind each arm.
    """

    table: pd.DataFrame
    arms: dict[str, RecommenderVersion]


def alias_slates(length: int, new_user: int) -> AliasSlates:
    """Ask the recommenders for slates: for the users of their training history, and a new one.

    An arm is an alias, or a name, which stands for the recommender's newest version.

    Args:
        length: Items in a slate.
        new_user: Id for the new user; nobody in a history may have it.

    Raises:
        ParameterError: A user has fewer unseen items than a slate is long.
        TrackingError: No alias is set, or the store cannot be used.
    """
    arms = newest_versions() | aliased_versions()
    if not arms:
        raise TrackingError(
            "The registry is empty: there is nothing to show. Run `kedro run --pipelines=train`."
        )
    by_version = {}
    for version in set(arms.values()):
        model: Any = load_model(version.uri)
        history = model.unwrap_python_model().history
        users = np.union1d([new_user], history["user_id"].to_numpy())
        asked = pd.DataFrame({"user_id": users.astype(np.int64)})
        by_version[version] = pd.DataFrame(model.predict(asked, params={"n": length}))
    table = pd.concat(
        [by_version[version].assign(arm=arm) for arm, version in arms.items()], ignore_index=True
    )
    return AliasSlates(table, arms)
