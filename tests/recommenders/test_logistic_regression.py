from typing import Any

import numpy as np
import pytest

from armlift.errors import ParameterError
from armlift.recommenders.logistic_regression import LogisticRegressionRecommender


def test_probabilities_are_those_of_scikit_learn() -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rng = np.random.default_rng(0)
    features = rng.normal(3.0, [[1.0, 100.0, 0.0]], size=(500, 3))
    clicks = features[:, 0] + rng.normal(size=500) > 3
    recommender = LogisticRegressionRecommender(l2=0.5)
    recommender._fit_classifier(features, clicks, seed=0)
    reference = make_pipeline(StandardScaler(), LogisticRegression(C=2.0, max_iter=1000)).fit(
        features, clicks
    )
    np.testing.assert_allclose(
        recommender._predict(features), reference.predict_proba(features)[:, 1], atol=1e-6
    )


def test_scores_are_probabilities(invented: Any) -> None:
    fitted = LogisticRegressionRecommender().fit(invented.history, invented.items, seed=0)
    scores = fitted.score(invented.history["user_id"].unique())
    candidates = scores[np.isfinite(scores)]
    assert ((candidates > 0) & (candidates < 1)).all()


def test_the_penalty_is_positive() -> None:
    with pytest.raises(ParameterError, match="0 < l2"):
        LogisticRegressionRecommender(l2=0)
