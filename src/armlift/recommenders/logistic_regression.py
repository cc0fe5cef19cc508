"""Policy A: logistic regressions on the click features."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from armlift.recommenders.bounds import real_number
from armlift.recommenders.click_ranker import ClickRanker, Examples, Question


class LogisticRegressionRecommender(ClickRanker):
    """Rank candidates by two logistic regressions on standardised click features.

    Args:
        like_threshold: See `ClickRanker`.
        negatives_per_rating: See `ClickRanker`.
        n_candidates: See `ClickRanker`.
        n_folds: See `ClickRanker`.
        unknown_share: See `ClickRanker`.
        l2: Weight of half the squared coefficients beside the summed log loss.

    Attributes:
        center_: Mean of each feature, a row for each `Question`, shape (2, F).
        scale_: Standard deviation of each feature, 1 where it is constant, shape (2, F).
        coef_: Coefficients of the standardised features, shape (2, F).
        intercept_: Shape (2,).

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
        unknown_share: float = 0.3,
        l2: float = 1.0,
    ) -> None:
        super().__init__(
            like_threshold=like_threshold,
            negatives_per_rating=negatives_per_rating,
            n_candidates=n_candidates,
            n_folds=n_folds,
            unknown_share=unknown_share,
        )
        self.l2 = real_number("l2", l2, low=0, above=True)

    def _fit_classifiers(self, clicks: Examples, likes: Examples, seed: int) -> None:
        from sklearn.linear_model import LogisticRegression
        from threadpoolctl import threadpool_limits

        both = (clicks, likes)
        self.center_ = np.stack([examples.features.mean(axis=0) for examples in both])
        deviation = np.stack([examples.features.std(axis=0) for examples in both])
        self.scale_ = np.where(deviation > 0, deviation, 1.0)
        # Sums of floats depend on how many threads share them: one thread, same model everywhere.
        with threadpool_limits(limits=1):
            models = [
                LogisticRegression(C=1.0 / self.l2, max_iter=1000).fit(
                    self._standardised(question, examples.features), examples.labels
                )
                for question, examples in zip(Question, both, strict=True)
            ]
        self.coef_ = np.concatenate([model.coef_ for model in models])
        self.intercept_ = np.concatenate([model.intercept_ for model in models])

    def _predict(self, question: Question, features: NDArray[np.float64]) -> NDArray[np.float64]:
        from scipy.special import expit

        logit = self._standardised(question, features) @ self.coef_[question] + self.intercept_[question]
        probability: NDArray[np.float64] = expit(logit)
        return probability

    def _standardised(self, question: Question, features: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray((features - self.center_[question]) / self.scale_[question])
