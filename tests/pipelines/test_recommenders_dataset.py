import pandas as pd
import pytest
from kedro.io import DatasetError

from armlift.datasets.sample import generate_sample
from armlift.pipelines.training.recommenders_dataset import RecommendersDataset
from armlift.recommenders import create_recommender


@pytest.fixture(scope="module")
def sample():
    return generate_sample(n_users=20, n_items=60, n_ratings=400)


def fitted(sample, *names):
    return {name: create_recommender(name).fit(sample.ratings, sample.items, seed=1) for name in names}


def test_recommenders_come_back_by_name_in_order(sample, tmp_path):
    dataset = RecommendersDataset(filepath=str(tmp_path / "models"))
    models = fitted(sample, "svd", "popularity")
    assert not dataset.exists()
    dataset.save(models)
    assert dataset.exists()
    loaded = dataset.load()
    assert list(loaded) == ["svd", "popularity"]
    users = sample.users["user_id"].to_numpy()
    for name, model in models.items():
        assert type(loaded[name]) is type(model)
        expected = model.recommend(users, 5, sample.ratings)
        pd.testing.assert_frame_equal(loaded[name].recommend(users, 5, sample.ratings), expected)


def test_what_an_earlier_training_left_is_not_loaded(sample, tmp_path):
    dataset = RecommendersDataset(filepath=str(tmp_path))
    dataset.save(fitted(sample, "random", "popularity"))
    dataset.save(fitted(sample, "popularity"))
    assert list(dataset.load()) == ["popularity"]


def test_without_a_training_there_is_nothing_to_load(tmp_path):
    with pytest.raises(DatasetError, match="RecommendersDataset"):
        RecommendersDataset(filepath=str(tmp_path / "none")).load()
