"""Two windows of ratings, invented and real, split within each user: the earlier 60 %, the later 40 %."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest

from armlift.datasets.sample import generate_sample


class Split(NamedTuple):
    history: pd.DataFrame
    later: pd.DataFrame
    items: pd.DataFrame


def _split(ratings: pd.DataFrame, items: pd.DataFrame) -> Split:
    by_user = ratings.groupby("user_id")["item_id"]
    early = by_user.cumcount() < 0.6 * by_user.transform("size")
    return Split(ratings[early].reset_index(drop=True), ratings[~early].reset_index(drop=True), items)


@pytest.fixture(scope="session")
def invented() -> Split:
    sample = generate_sample(seed=1, n_users=80, n_items=300, n_ratings=4000)
    return _split(sample.ratings, sample.items)


@pytest.fixture(scope="session")
def real(movielens_small: Path) -> Split:
    ratings = pd.read_csv(movielens_small / "ratings.csv")
    ratings.columns = ["user_id", "item_id", "rating", "timestamp"]
    ratings["timestamp"] = pd.to_datetime(ratings["timestamp"], unit="s", utc=True)
    movies = pd.read_csv(movielens_small / "movies.csv")
    items = pd.DataFrame(
        {
            "item_id": movies["movieId"],
            "title": movies["title"],
            "year": movies["title"].str.extract(r"\((\d{4})\)\s*$", expand=False).astype("Int64"),
            "genres": movies["genres"].replace("(no genres listed)", ""),
        }
    )
    return _split(
        ratings.sort_values(["timestamp", "user_id", "item_id"], ignore_index=True),
        items.sort_values("item_id", ignore_index=True),
    )


@pytest.fixture(scope="session")
def hit_rate() -> Callable[[pd.DataFrame, Split], float]:
    """Share of the users whose slate holds an item that they later liked."""

    def compute(slates: pd.DataFrame, split: Split) -> float:
        liked = split.later.loc[split.later["rating"] >= 4, ["user_id", "item_id"]]
        hits = slates.merge(liked, on=["user_id", "item_id"])
        return hits["user_id"].nunique() / slates["user_id"].nunique()

    return compute


@pytest.fixture
def tiny() -> Split:
    """Three users, four items, of which item 40 has no rating, year or genre."""
    history = pd.DataFrame(
        {
            "user_id": [1, 2, 3, 1, 2, 1],
            "item_id": [10, 10, 10, 20, 20, 30],
            "rating": [5.0, 4.0, 3.0, 2.0, 4.5, 1.0],
            "timestamp": pd.date_range("2020-01-01", periods=6, freq="30D", tz="UTC"),
        }
    )
    items = pd.DataFrame(
        {
            "item_id": [10, 20, 30, 40],
            "title": list("abcd"),
            "year": pd.array([1999, 2005, 2011, pd.NA], dtype="Int64"),
            "genres": ["Comedy", "Comedy|Drama", "Drama", ""],
        }
    )
    return Split(history, history.iloc[:0], items.astype({"item_id": np.int64}))
