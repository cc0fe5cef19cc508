"""Units of performance: what a model's arm earned from one user in one window.

A user's decisions hang together; his mean in a window is one unit. A model's AUC comes from clicks, as the
share of the other items of the slate that stand below the clicked one, or from ratings, as the share of a
user's pairs of a liked and another item that the scores put in order.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

ALL_ARMS = "all"


def click_rates(decisions: pd.DataFrame, clicks: pd.DataFrame) -> pd.DataFrame:
    """Clicks per decision of each user in each window.

    Args:
        decisions: decision_id, arm_id, user_key, window.
        clicks: decision_id; several of one decision count once.

    Returns:
        arm_id, window, value, one row a unit; `ALL_ARMS` is an arm too, of the whole traffic.
    """
    clicked = decisions["decision_id"].isin(clicks["decision_id"])
    rows = decisions.assign(value=clicked.astype(float))
    return pd.concat([_units(rows.assign(arm_id=ALL_ARMS)), _units(rows)], ignore_index=True)


def slate_aucs(clicks: pd.DataFrame, slate_size: int) -> pd.DataFrame:
    """AUC of the order of the slates, by user and window.

    Args:
        clicks: arm_id, user_key, window, position (from 0); those without one are left out.
        slate_size: Items in a slate.

    Returns:
        arm_id, window, value, one row a unit; nothing for slates of one item.
    """
    placed = clicks[clicks["position"].notna() & (clicks["position"] < slate_size)]
    if slate_size < 2 or placed.empty:
        return pd.DataFrame({"arm_id": [], "window": np.empty(0, np.int64), "value": []})
    below = slate_size - 1.0 - placed["position"].to_numpy(dtype=float)
    return _units(placed.assign(value=below / (slate_size - 1.0)))


def rating_aucs(scored: pd.DataFrame) -> pd.DataFrame:
    """AUC of a model's scores by user and window; users without a liked and another item have none.

    Args:
        scored: arm_id, user_key, window, clicked (liked or not), score.

    Returns:
        arm_id, window, value, one row a unit.
    """
    keys = ["arm_id", "window", "user_key"]
    ranks = scored.groupby(keys)["score"].rank()
    sums = (
        scored.assign(rank=ranks.where(scored["clicked"], 0.0), liked=scored["clicked"].astype(float))
        .groupby(keys)
        .agg(rank=("rank", "sum"), liked=("liked", "sum"), rows=("liked", "size"))
        .reset_index()
    )
    pairs = sums["liked"] * (sums["rows"] - sums["liked"])
    value = (sums["rank"] - sums["liked"] * (sums["liked"] + 1.0) / 2.0) / pairs.where(pairs > 0)
    return sums.assign(value=value).dropna(subset="value")[["arm_id", "window", "value"]]


def _units(rows: pd.DataFrame) -> pd.DataFrame:
    means = rows.groupby(["arm_id", "window", "user_key"])["value"].mean().reset_index()
    return means[["arm_id", "window", "value"]]
