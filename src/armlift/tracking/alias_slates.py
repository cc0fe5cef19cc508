"""What the recommenders behind the aliases show, for all the users they know."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from armlift.errors import TrackingError
from armlift.tracking.registry import aliased_versions, load_model


class AliasSlates(NamedTuple):
    """Slates of every alias.

    Attributes:
        table: arm (the alias), user_id, position (from 0), item_id, score.
        arms: Recommender and version behind each alias, by alias.
    """

    table: pd.DataFrame
    arms: dict[str, str]


def alias_slates(length: int, new_user: int) -> AliasSlates:
    """Ask the recommender behind each alias for slates: for the users of its training history, and a new one.

    Args:
        length: Items in a slate.
        new_user: Id for the new user; nobody in a history may have it.

    Raises:
        ParameterError: A user has fewer unseen items than a slate is long.
        TrackingError: No alias is set, or the store cannot be used.
    """
    aliased = aliased_versions()
    if not aliased:
        raise TrackingError(
            "The registry has no aliases, so there is nothing to show. Run `kedro run --pipelines=train`."
        )
    by_version = {}
    for version in set(aliased.values()):
        model: Any = load_model(version.uri)
        history = model.unwrap_python_model().history
        users = np.union1d([new_user], history["user_id"].to_numpy())
        asked = pd.DataFrame({"user_id": users.astype(np.int64)})
        by_version[version] = pd.DataFrame(model.predict(asked, params={"n": length}))
    table = pd.concat(
        [by_version[version].assign(arm=alias) for alias, version in aliased.items()], ignore_index=True
    )
    return AliasSlates(table, {alias: str(version) for alias, version in aliased.items()})
