"""What every recommender is: fit on a training window, score a catalogue, recommend slates.

A new recommender is one class with two methods, `_fit` and `_score`, named in the entry-point group
`armlift.recommenders` of its own distribution.
"""

from __future__ import annotations

import inspect
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, Self
from zipfile import BadZipFile

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from armlift.errors import DataError, DataFileError, NotFittedError, ParameterError
from armlift.recommenders.bounds import whole_number

# Scores held at once (4 MiB), so that memory does not grow with the number of users.
SCORES_IN_MEMORY = 1 << 19

# The sum of a product of matrices depends in its last bits on how many users are asked at once:
# recommenders round to keep that from deciding between items.
SCORE_DECIMALS = 9


class Recommender(ABC):
    """Base of all recommenders.

    A subclass takes its hyper-parameters as keyword arguments, keeps each under its own name, and
    keeps what it learns in attributes ending in `_`. It implements `_fit` and `_score`. As long as all
    learned attributes are numpy arrays, saving and loading come for free; otherwise it also overrides
    `_state` and `_restore`, or extends `save` and `load`.

    Attributes:
        item_ids_: Catalogue, sorted: items of the item table and of the history, shape (I,).
        popularity_: Ratings of each item in the history, shape (I,). Its order fills slates beyond a
            recommender's own candidates.
    """

    item_ids_: NDArray[np.int64]
    popularity_: NDArray[np.int64]
    _fitted = False

    def fit(self, history: pd.DataFrame, items: pd.DataFrame, *, seed: int) -> Self:
        """Learn from the ratings of the training window.

        Args:
            history: Ratings table of the training window.
            items: Items table.
            seed: Seed of everything random in the fit, at least 0. Same seed, same recommendations.

        Returns:
            The recommender itself, fitted.

        Raises:
            DataError: The history holds no ratings, or none that this recommender can learn from.
            ParameterError: The seed is negative or no integer.
        """
        seed = whole_number("seed", seed, low=0)
        if history.empty:
            raise DataError(
                "history holds 0 ratings: a recommender needs at least 1. Widen the training window."
            )
        self.item_ids_ = np.union1d(
            items["item_id"].to_numpy(np.int64), history["item_id"].to_numpy(np.int64)
        )
        self.popularity_ = np.bincount(self._item_positions(history), minlength=len(self.item_ids_))
        self._fit(history, items, seed)
        self._fitted = True
        return self

    def score(self, user_ids: ArrayLike, history: pd.DataFrame | None = None) -> NDArray[np.float64]:
        """Score the catalogue for users, each recommender on its own scale; higher is better.

        Args:
            user_ids: Distinct users, known or new, shape (U,).
            history: Ratings whose (user, item) pairs are out of the question. A recommender that
                ranks a limited number of candidates chooses them among the other items.

        Returns:
            Scores, shape (U, I), in the order of `item_ids_`. -inf marks what is not recommended on
            the recommender's own account: items seen in `history` and items beyond its candidates.

        Raises:
            NotFittedError: The recommender is not fitted.
            ParameterError: A user appears twice.
        """
        self._check_fitted()
        users = _distinct(user_ids)
        return self._unseen_scores(users, self._seen(users, history))

    def recommend(self, user_ids: ArrayLike, n: int, history: pd.DataFrame) -> pd.DataFrame:
        """Recommend a slate of `n` unseen items to every user, known or new.

        Ties go to the lowest item_id. Where the recommender's own candidates do not suffice, the most
        popular of the other unseen items follow, with score -inf.

        Args:
            user_ids: Distinct users, shape (U,).
            n: Items in a slate, at least 1.
            history: Ratings table; no user gets an item that they rated in it.

        Returns:
            U * n rows in the order of `user_ids`: user_id int64, position int64 (from 0), item_id
            int64, score float64.

        Raises:
            NotFittedError: The recommender is not fitted.
            ParameterError: A user appears twice, or has fewer than `n` unseen items left.
        """
        self._check_fitted()
        n = whole_number("n", n, low=1)
        users = _distinct(user_ids)
        history = history[history["user_id"].isin(users)]
        columns = np.empty((len(users), n), dtype=np.int64)
        scores = np.empty((len(users), n))
        most_popular_first = np.argsort(-self.popularity_, kind="stable")
        block = max(1, SCORES_IN_MEMORY // len(self.item_ids_))
        for start in range(0, len(users), block):
            rows = slice(start, start + block)
            seen = self._seen(users[rows], history)
            for row, user_scores in enumerate(self._unseen_scores(users[rows], seen), start):
                unseen = ~seen[row - start]
                if unseen.sum() < n:
                    raise ParameterError(
                        "n",
                        n,
                        f"1 <= n <= {unseen.sum()}, the items that user {users[row]} has not seen",
                        "Ask for fewer items, or leave this user out.",
                    )
                columns[row] = _top(user_scores, unseen, n, most_popular_first)
                scores[row] = user_scores[columns[row]]
        return pd.DataFrame(
            {
                "user_id": np.repeat(users, n),
                "position": np.tile(np.arange(n, dtype=np.int64), len(users)),
                "item_id": self.item_ids_[columns.ravel()],
                "score": scores.ravel(),
            }
        )

    def save(self, path: Path | str) -> None:
        """Write the fitted recommender to a folder: `recommender.json` and `state.npz`.

        Args:
            path: Folder, made if missing; an older recommender in it is overwritten.

        Raises:
            NotFittedError: The recommender is not fitted.
        """
        self._check_fitted()
        folder = Path(path)
        folder.mkdir(parents=True, exist_ok=True)
        description = SavedRecommender(type_name(type(self)), self.params)
        (folder / "recommender.json").write_text(
            json.dumps(description._asdict(), indent=2) + "\n", encoding="utf-8"
        )
        np.savez_compressed(folder / "state.npz", allow_pickle=False, **self._state())

    @classmethod
    def load(cls, path: Path | str) -> Self:
        """Read a recommender of this class that `save` wrote; it recommends exactly as before.

        Args:
            path: Folder given to `save`.

        Returns:
            The fitted recommender.

        Raises:
            DataFileError: The folder holds no recommender, or one of another class.
        """
        saved = read_description(path)
        if saved.recommender != type_name(cls):
            raise DataFileError(
                f"{path} holds a {saved.recommender}, not a {type_name(cls)}. Use `load_recommender`."
            )
        recommender = cls(**saved.params)
        file = Path(path) / "state.npz"
        try:
            # Opened here: numpy leaves the file open when it is damaged.
            with file.open("rb") as stream, np.load(stream, allow_pickle=False) as state:
                recommender._restore(state)
        except (OSError, ValueError, KeyError, BadZipFile) as error:
            raise DataFileError(f"{file} cannot be read: {error}. Save the recommender again.") from error
        recommender._fitted = True
        return recommender

    @property
    def params(self) -> dict[str, object]:
        """Hyper-parameters by name, as the constructor takes them."""
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    @abstractmethod
    def _fit(self, history: pd.DataFrame, items: pd.DataFrame, seed: int) -> None:
        """Learn; `item_ids_` and `popularity_` are already there, and `history` is not empty."""

    @abstractmethod
    def _score(self, users: NDArray[np.int64], seen: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Score the catalogue, shape (U, I); what stands at the `seen` pairs (U, I) does not matter."""

    def _state(self) -> dict[str, NDArray[Any]]:
        """Learned arrays by name."""
        return {name: value for name, value in vars(self).items() if name.endswith("_")}

    def _restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Take back what `_state` gave."""
        for name, value in state.items():
            setattr(self, name, value)

    def _item_positions(self, ratings: pd.DataFrame) -> NDArray[np.int64]:
        """Positions in the catalogue of items that all belong to it."""
        return np.searchsorted(self.item_ids_, ratings["item_id"].to_numpy(np.int64)).astype(np.int64)

    def _seen(self, users: NDArray[np.int64], history: pd.DataFrame | None) -> NDArray[np.bool_]:
        seen = np.zeros((len(users), len(self.item_ids_)), dtype=bool)
        if history is not None:
            rows = pd.Index(users).get_indexer(pd.Index(history["user_id"]))
            # An item that came after the fit is in no catalogue, and so in no slate either.
            known = (rows >= 0) & history["item_id"].isin(self.item_ids_).to_numpy()
            seen[rows[known], self._item_positions(history[known])] = True
        return seen

    def _unseen_scores(self, users: NDArray[np.int64], seen: NDArray[np.bool_]) -> NDArray[np.float64]:
        scores = self._score(users, seen)
        if scores.shape != seen.shape or np.isnan(scores).any():
            raise ParameterError(
                f"scores of {type_name(type(self))}",
                f"shape {scores.shape}, {np.isnan(scores).sum()} NaN",
                f"shape {seen.shape}, no NaN",
                "Give -inf to an item that is not to be recommended.",
            )
        return np.where(seen, -np.inf, scores)

    def _check_fitted(self) -> None:
        if not self._fitted:
            raise NotFittedError(f"{type(self).__name__} is not fitted. Call `fit` or `load` first.")


def type_name(kind: type) -> str:
    """Name of a class as an entry point writes it, and a saved recommender too.

    Example:
        >>> type_name(Recommender)
        'armlift.recommenders.base:Recommender'
    """
    return f"{kind.__module__}:{kind.__qualname__}"


class SavedRecommender(NamedTuple):
    """What a folder says about the recommender in it.

    Attributes:
        recommender: Its class, as `module:name`.
        params: Its hyper-parameters.
    """

    recommender: str
    params: dict[str, Any]


def read_description(path: Path | str) -> SavedRecommender:
    """Read which recommender a folder holds.

    Args:
        path: Folder given to `Recommender.save`.

    Returns:
        The class and the hyper-parameters.

    Raises:
        DataFileError: The folder holds no recommender.
    """
    file = Path(path) / "recommender.json"
    try:
        return SavedRecommender(**json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise DataFileError(
            f"{file} does not describe a recommender: {error}. Name a folder that `save` wrote."
        ) from error


def _distinct(user_ids: ArrayLike) -> NDArray[np.int64]:
    users = np.asarray(user_ids, dtype=np.int64)
    unique, count = np.unique(users, return_counts=True)
    if len(unique) < len(users):
        raise ParameterError(
            "user_ids", int(unique[count.argmax()]), "distinct users", "Ask once for every user."
        )
    return users


def _top(
    scores: NDArray[np.float64], unseen: NDArray[np.bool_], n: int, most_popular_first: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Positions of the `n` best items of one user, ties to the lowest position."""
    # Partition first: sorting the whole catalogue for every user costs ten times as much.
    threshold = np.partition(scores, -n)[-n]
    candidates = np.flatnonzero((scores >= threshold) & (scores > -np.inf))
    best = candidates[np.argsort(-scores[candidates], kind="stable")[:n]]
    if len(best) == n:
        return best
    beyond = most_popular_first[unseen[most_popular_first] & (scores[most_popular_first] == -np.inf)]
    return np.concatenate([best, beyond[: n - len(best)]])
