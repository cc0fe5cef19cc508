"""Policy A: logistic regression on the click features."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from armlift.recommenders.bounds import real_number
from armlift.recommenders.click_ranker import ClickRanker


class LogisticRegressionRecommender(ClickRanker):
    """Rank candidates by a logistic regression on standardised click features.

    Args:
        like_threshold: See `ClickRanker`.
        negatives_per_rating: See `ClickRanker`.
        n_candidates: See `ClickRanker`.
        n_folds: See `ClickRanker`.
        l2: Weight of half the squared coefficients beside the summed log loss.

    Attributes:
        center_: Mean of each feature, shape (F,).
        scale_: Standard deviation of each feature, 1 where it is constant, shape (F,).
        coef_: Coefficients of the standardised features, shape (F,).
        intercept_: Shape ().

    Raises:
        ParameterError: A hyper-parameter is out of its bound.
    """

    center_: NDArray[np.float64]
    scale_: NDArray[np.float64]
    coef_: NDArray[np.float64]
    intercept_: NDArray[np.float64]

    def __init__(
        self,
        *,
        like_threshold: float = 4.0,
        negatives_per_rating: int = 2,
        n_candidates: int = 300,
        n_folds: int = 5,
        l2: float = 1.0,
    ) -> None:
        super().__init__(
            like_threshold=like_threshold,
            negatives_per_rating=negatives_per_rating,
            n_candidates=n_candidates,
            n_folds=n_folds,
        )
        self.l2 = real_number("l2", l2, low=0, above=True)

    def _fit_classifier(self, features: NDArray[np.float64], clicks: NDArray[np.bool_], seed: int) -> None:
        from sklearn.linear_model import LogisticRegression
        from threadpoolctl import threadpool_limits

        self.center_ = features.mean(axis=0)
        deviation = features.std(axis=0)
        self.scale_ = np.where(deviation > 0, deviation, 1.0)
        # Sums of floats depend on how many threads share them: one thread, same model everywhere.
        with threadpool_limits(limits=1):
            model = LogisticRegression(C=1.0 / self.l2, max_iter=1000).fit(
                self._standardised(features), clicks
            )
        self.coef_ = model.coef_[0]
        self.intercept_ = np.array(model.intercept_[0])

    def _predict(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        from scipy.special import expit

        probability: NDArray[np.float64] = expit(self._standardised(features) @ self.coef_ + self.intercept_)
        return probability

    def _standardised(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        return (features - self.center_) / self.scale_
