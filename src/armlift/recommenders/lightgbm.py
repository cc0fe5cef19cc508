"""Policy B: LightGBM on the click features."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from armlift.errors import DataFileError
from armlift.recommenders.bounds import real_number, whole_number
from armlift.recommenders.click_ranker import ClickRanker, Examples, Question
from armlift.recommenders.features import FEATURE_NAMES


class LightGBMRecommender(ClickRanker):
    """Rank candidates by gradient-boosted trees on the click features (Ke et al. 2017).

    One thread: on data of this size a second one costs more than it brings, and the number of threads
    would enter the sums of the histograms.

    Args:
        like_threshold: See `ClickRanker`.
        negatives_per_rating: See `ClickRanker`.
        n_candidates: See `ClickRanker`.
        n_folds: See `ClickRanker`.
        unknown_share: See `ClickRanker`.
        n_trees: Boosting rounds.
        n_leaves: Leaves of a tree.
        learning_rate: Shrinkage of each tree.
        min_leaf_pairs: Training pairs in a leaf.

    Attributes:
        boosters_: The fitted `lightgbm.Booster` of each `Question`; saved as `clicked.txt` and `liked.txt` in
            LightGBM's own text format.

    Raises:
        ParameterError: A hyper-parameter is out of its bound.
    """

    boosters_: list[Any]

    def __init__(
        self,
        *,
        like_threshold: float = 4.0,
        negatives_per_rating: int = 2,
        n_candidates: int = 300,
        n_folds: int = 5,
        unknown_share: float = 0.3,
        n_trees: int = 100,
        n_leaves: int = 15,
        learning_rate: float = 0.1,
        min_leaf_pairs: int = 200,
    ) -> None:
        super().__init__(
            like_threshold=like_threshold,
            negatives_per_rating=negatives_per_rating,
            n_candidates=n_candidates,
            n_folds=n_folds,
            unknown_share=unknown_share,
        )
        self.n_trees = whole_number("n_trees", n_trees, low=1)
        self.n_leaves = whole_number("n_leaves", n_leaves, low=2)
        self.learning_rate = real_number("learning_rate", learning_rate, low=0, above=True)
        self.min_leaf_pairs = whole_number("min_leaf_pairs", min_leaf_pairs, low=1)

    def _fit_classifiers(self, clicks: Examples, likes: Examples, seed: int) -> None:
        self.boosters_ = [self._boosted(examples, seed) for examples in (clicks, likes)]

    def _boosted(self, examples: Examples, seed: int) -> Any:
        import lightgbm

        return lightgbm.train(
            {
                "objective": "binary",
                "num_leaves": self.n_leaves,
                "learning_rate": self.learning_rate,
                "min_data_in_leaf": self.min_leaf_pairs,
                # LightGBM's seeds are C integers.
                "seed": seed % 2**31,
                "deterministic": True,
                "force_row_wise": True,
                "num_threads": 1,
                "verbosity": -1,
            },
            lightgbm.Dataset(
                examples.features, examples.labels.astype(np.float64), feature_name=list(FEATURE_NAMES)
            ),
            num_boost_round=self.n_trees,
        )

    def _predict(self, question: Question, features: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(self.boosters_[question].predict(features, num_threads=1), dtype=np.float64)

    def save(self, path: Path | str) -> None:
        """Write the fitted recommender to a folder, the trees to `clicked.txt` and `liked.txt` in it.

        Args:
            path: Folder, made if missing; an older recommender in it is overwritten.

        Raises:
            NotFittedError: The recommender is not fitted.
        """
        super().save(path)
        for question, booster in zip(Question, self.boosters_, strict=True):
            booster.save_model(_model_file(path, question))

    @classmethod
    def load(cls, path: Path | str) -> Self:
        """Read a recommender that `save` wrote.

        Args:
            path: Folder given to `save`.

        Returns:
            The fitted recommender.

        Raises:
            DataFileError: The folder holds no recommender, or one of another class.
        """
        import lightgbm

        recommender = super().load(path)
        recommender.boosters_ = []
        for question in Question:
            model = _model_file(path, question)
            try:
                recommender.boosters_.append(lightgbm.Booster(model_file=model))
            except lightgbm.basic.LightGBMError as error:
                raise DataFileError(
                    f"{model} cannot be read: {error}. Save the recommender again."
                ) from error
        return recommender

    def _state(self) -> dict[str, NDArray[Any]]:
        state = super()._state()
        del state["boosters_"]
        return state


def _model_file(folder: Path | str, question: Question) -> Path:
    return Path(folder) / f"{question.name.lower()}.txt"
