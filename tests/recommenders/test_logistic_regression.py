from typing import Any

import numpy as np
import pytest

from armlift.errors import ParameterError
from armlift.recommenders.click_ranker import Examples, Question
from armlift.recommenders.logistic_regression import LogisticRegressionRecommender


def test_probabilities_are_those_of_scikit_learn() -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rng = np.random.default_rng(0)
    pairs = rng.normal(3.0, [[1.0, 100.0, 0.0]], size=(500, 3))
    clicks = Examples(pairs, pairs[:, 0] + rng.normal(size=500) > 3)
    likes = Examples(pairs[:200], pairs[:200, 1] + rng.normal(size=200) > 50)
    recommender = LogisticRegressionRecommender(l2=0.5)
    recommender._fit_classifiers(clicks, likes, seed=0)
    for question, (features, labels) in zip(Question, (clicks, likes), strict=True):
        reference = make_pipeline(StandardScaler(), LogisticRegression(C=2.0, max_iter=1000))
        expected = reference.fit(features, labels).predict_proba(features)[:, 1]
        np.testing.assert_allclose(recommender._predict(question, features), expected, atol=1e-6)


def test_scores_are_probabilities(invented: Any) -> None:
    fitted = LogisticRegressionRecommender().fit(invented.history, invented.items, seed=0)
    scores = fitted.score(invented.history["user_id"].unique())
    candidates = scores[np.isfinite(scores)]
    assert ((candidates > 0) & (candidates < 1)).all()


def test_the_penalty_is_positive() -> None:
    with pytest.raises(ParameterError, match="0 < l2"):
        LogisticRegressionRecommender(l2=0)
