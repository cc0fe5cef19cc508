"""A small invented set, and recommenders whose scores are known."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest

from armlift.datasets import Split, generate_sample, temporal_split
from armlift.recommenders.base import Recommender


class Invented(NamedTuple):
    ratings: pd.DataFrame
    items: pd.DataFrame


class Given(Recommender):
    """Scores items as told, the same for every user; -inf for the items left out."""

    def __init__(self, **scores: float) -> None:
        self.scores = {int(name.removeprefix("item")): score for name, score in scores.items()}

    def _fit(self, history: pd.DataFrame, items: pd.DataFrame, seed: int) -> None:
        self.row_ = np.array([self.scores.get(int(item), -np.inf) for item in self.item_ids_])

    def _score(self, users: np.ndarray, seen: np.ndarray) -> np.ndarray:
        return np.broadcast_to(self.row_, seen.shape)


@pytest.fixture(scope="session")
def invented() -> Invented:
    sample = generate_sample(seed=3, n_users=120, n_items=200, n_ratings=6000)
    return Invented(sample.ratings, sample.items)


@pytest.fixture(scope="session")
def temporal(invented: Invented) -> Split:
    return temporal_split(invented.ratings)


@pytest.fixture(scope="session")
def given() -> Any:
    return Given


def ratings_table(rows: list[tuple[int, int, float]]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["user_id", "item_id", "rating"])
    return table.assign(timestamp=pd.date_range("2020-01-01", periods=len(rows), freq="D", tz="UTC"))


@pytest.fixture(scope="session")
def tiny_items() -> pd.DataFrame:
    genres = ["Comedy", "Comedy|Drama", "Drama", "", "Comedy", "Drama"]
    return pd.DataFrame(
        {"item_id": [10, 20, 30, 40, 50, 60], "title": list("abcdef"), "year": 2000, "genres": genres}
    )


@pytest.fixture(scope="session")
def tiny() -> Split:
    """User 1 has a history of two, user 2 of one, user 3 none; 99 is not in the items table."""
    train = ratings_table([(1, 10, 5.0), (1, 20, 4.0), (2, 10, 2.0)])
    test = ratings_table([(1, 30, 4.0), (1, 40, 2.0), (1, 99, 5.0), (2, 20, 4.5), (2, 50, 4.0), (3, 10, 1.0)])
    test = pd.concat([test, ratings_table([(3, 60, 5.0)])], ignore_index=True)
    return Split("tiny", train, test)
