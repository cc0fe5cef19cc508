"""The checks that a retrained model passes before it may become challenger."""

import numpy as np
import pandas as pd
import pytest

from armlift.datasets import generate_sample
from armlift.pipelines.monitoring.parameters import RetrainingParameters
from armlift.pipelines.monitoring.retraining import _against_baseline, check_retrained
from armlift.pipelines.parameters import TrainingParameters
from armlift.recommenders import create_recommender

TRAINING = TrainingParameters(recommenders={"popularity": {}, "random": {}, "ease": {}})


@pytest.fixture(scope="module")
def sample():
    return generate_sample(seed=3, n_users=150, n_items=120, n_ratings=6000)


def checked(sample, name):
    parameters = RetrainingParameters(window="w")
    model = create_recommender(name).fit(sample.ratings, sample.items, seed=0)
    return check_retrained({name: model}, sample.ratings, sample.items, TRAINING, parameters)


def test_chance_is_blocked_and_popularity_is_not(sample):
    _, found = checked(sample, "random")
    check = found["checks"]["no worse than popularity"]
    assert not check["passed"]
    assert check["words"].endswith("worse")
    assert checked(sample, "popularity")[1]["checks"]["no worse than popularity"] == {
        "passed": True,
        "words": "it is popularity itself",
    }


def test_its_value_is_that_of_the_metrics(sample):
    metrics, found = checked(sample, "ease")
    row = metrics[(metrics["model"] == "ease") & (metrics["metric"] == "ndcg@10")]
    assert found["ndcg"] == pytest.approx(row["value"].item())
    assert f"{found['ndcg']:.4f}" in found["checks"]["no worse than popularity"]["words"]


def test_as_good_a_model_is_blocked_as_rarely_as_alpha_says():
    """400 comparisons of 80 users; half of the false verdicts are `worse`: 0.025 +- 4 standard errors."""
    rng = np.random.default_rng(7)
    blocked = 0
    for _ in range(400):
        values = rng.beta(0.4, 3.0, size=(80, 2))
        passed, _ = _against_baseline(pd.DataFrame(values, columns=["ease", "popularity"]), "ndcg@10", 0.05)
        blocked += not passed
    assert 0 < blocked < 400 * (0.025 + 4 * np.sqrt(0.025 * 0.975 / 400))
