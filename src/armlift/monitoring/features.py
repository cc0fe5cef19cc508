"""What is watched: features of ratings, of visits and clicks, and of the slates that arms show.

Every function gives rows with the columns `at` (UTC), `user_key` and the features, numbers or categories.
What is known of a user or an item was known before the first window.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from armlift.monitoring.windows import Windows

_NO_GENRE = "(none)"


def item_facts(items: pd.DataFrame, history: pd.DataFrame) -> pd.DataFrame:
    """What is known of each item, by item_id as text, as live traffic writes it.

    Args:
        items: Items table: item_id, year, genres joined by |.
        history: Ratings that the models were trained on; they make the popularity.

    Returns:
        popularity (share of the items that have no more ratings, 0 to 1), year, genre (the first).
    """
    counts = history["item_id"].value_counts().reindex(items["item_id"], fill_value=0)
    genre = items["genres"].astype("string").str.partition("|")[0].replace({"": _NO_GENRE})
    return pd.DataFrame(
        {
            "popularity": counts.rank(method="max", pct=True).to_numpy(),
            "year": items["year"].to_numpy(dtype=float, na_value=np.nan),
            "genre": genre.fillna(_NO_GENRE).to_numpy(dtype=object),
        },
        index=pd.Index(items["item_id"].astype(str), name="item_id"),
    )


def visit_features(decisions: pd.DataFrame, history: pd.DataFrame, windows: Windows) -> pd.DataFrame:
    """Who comes, and when.

    Args:
        decisions: at, user_key, user_id (NA where only the key is known).
        history: Ratings that the models were trained on.
        windows: The windows; the hour is left out where they cut days, the weekday where they cut weeks.
    """
    rows = decisions[["at", "user_key"]].assign(**_calendar(decisions["at"], windows))
    if decisions["user_id"].notna().any():
        known = history["user_id"].value_counts()
        rows["user_activity"] = decisions["user_id"].map(known).fillna(0.0).astype(float)
    return rows


def click_features(clicks: pd.DataFrame, facts: pd.DataFrame) -> pd.DataFrame:
    """What is clicked.

    Args:
        clicks: at, user_key, item_id (text), position (from 0).
        facts: From `item_facts`; an item that is not in it has missing values.
    """
    of_item = facts.reindex(clicks["item_id"])
    return clicks[["at", "user_key"]].assign(
        popularity=of_item["popularity"].to_numpy(),
        year=of_item["year"].to_numpy(),
        genre=of_item["genre"].to_numpy(),
        position=clicks["position"].to_numpy(dtype=float, na_value=np.nan),
    )


def slate_features(decisions: pd.DataFrame, slates: pd.DataFrame, facts: pd.DataFrame) -> pd.DataFrame:
    """What one arm shows to those who come.

    Args:
        decisions: Of the arm: at, user_key, user_id.
        slates: Of the arm: user_id, position, item_id, score.
        facts: From `item_facts`.

    Returns:
        popularity and year (means over the slate), item and genre (of its first place), score (mean).
    """
    of_item = facts.reindex(slates["item_id"].astype(str))
    shown = slates[["user_id", "score"]].assign(
        popularity=of_item["popularity"].to_numpy(), year=of_item["year"].to_numpy()
    )
    means = shown.groupby("user_id").mean().reindex(decisions["user_id"])
    first = slates[slates["position"] == 0].set_index("user_id")["item_id"].astype(str)
    item = first.reindex(decisions["user_id"])
    return decisions[["at", "user_key"]].assign(
        **{name: means[name].to_numpy() for name in ("popularity", "year", "score")},
        item=item.to_numpy(dtype=object),
        genre=facts["genre"].reindex(item).to_numpy(dtype=object),
    )


def rating_features(ratings: pd.DataFrame, items: pd.DataFrame, windows: Windows) -> pd.DataFrame:
    """Who rates what, and how.

    Args:
        ratings: Ratings table: all that is known, also what is older than the windows.
        items: Items table.
        windows: The windows; what came before the first of them is known of users and items.

    Returns:
        Rows from the first window on: rating, user_activity (the user's known ratings), popularity (share of
        the items that have no more known ratings), age (years), genre (the first), and the calendar's.
    """
    known = ratings[ratings["timestamp"] < windows.start]
    newer = ratings[ratings["timestamp"] >= windows.start]
    facts = item_facts(items, known).reindex(newer["item_id"].astype(str))
    moments = newer["timestamp"].reset_index(drop=True)
    activity = newer["user_id"].map(known["user_id"].value_counts()).fillna(0.0)
    rows = pd.DataFrame(
        {
            "at": moments,
            "user_key": newer["user_id"].astype(str).to_numpy(),
            "rating": newer["rating"].to_numpy(float),
            "user_activity": activity.to_numpy(float),
            "popularity": facts["popularity"].to_numpy(),
            "age": moments.dt.year.to_numpy(float) - facts["year"].to_numpy(),
            "genre": facts["genre"].to_numpy(dtype=object),
        }
    )
    return rows.assign(**_calendar(moments, windows))


def _calendar(moments: pd.Series, windows: Windows) -> dict[str, pd.Series]:
    features = {}
    if windows.whole_days:
        features["hour"] = moments.dt.hour.astype(str)
    if windows.whole_weeks:
        features["weekday"] = moments.dt.day_name()
    return features
