import numpy as np
import pandas as pd
import pytest

from armlift.datasets import random_split
from armlift.datasets.sample import generate_sample
from armlift.errors import WorldError
from armlift.simulation.tastes import fit_tastes


def table(tastes):
    """Lift of every user and item, shape (U, I)."""
    users = np.repeat(tastes.user_ids[:, None], len(tastes.item_ids), axis=1)
    items = np.repeat(tastes.item_ids[None, :], len(tastes.user_ids), axis=0)
    return tastes.lift(users, items)


@pytest.mark.parametrize("own_share", [0.0, 0.1, 1.0])
def test_choices_of_a_user_sum_to_one(sample, split, own_share):
    tastes = fit_tastes(split.future, sample.items, seed=0, own_share=own_share, iterations=3)
    np.testing.assert_allclose(table(tastes).mean(axis=1), 1.0, rtol=1e-10)


def test_every_item_of_the_catalogue_may_be_picked(sample, tastes):
    np.testing.assert_array_equal(tastes.item_ids, sample.items["item_id"])
    assert table(tastes).min() > 0.0
    np.testing.assert_allclose(tastes.mixture.sum(axis=1), 1.0)
    np.testing.assert_allclose(tastes.profile.sum(axis=0), 1.0)


def test_own_picks_by_hand():
    future = pd.DataFrame({"user_id": [4, 4, 9], "item_id": [20, 10, 30], "rating": [5.0, 1.0, 3.0]})
    items = pd.DataFrame({"item_id": [10, 20, 30, 40]})
    tastes = fit_tastes(future, items, seed=0, own_share=1.0)
    # A liked pick weighs four times another one; the catalogue has four items.
    np.testing.assert_allclose(table(tastes), [[0.8, 3.2, 0, 0], [0, 0, 4.0, 0]])


def test_likelihood_does_not_fall(sample, split):
    """Smoothing is a Dirichlet prior: what expectation maximisation must not lower is the posterior."""
    future, communities = split.future, 5
    weights = np.where(future["rating"] >= 4.0, 1.0, 0.25)
    path = []
    for iterations in range(1, 25):
        fitted = fit_tastes(
            future, sample.items, seed=1, communities=communities, own_share=0.0, iterations=iterations
        )
        rows = np.searchsorted(fitted.user_ids, future["user_id"])
        columns = np.searchsorted(fitted.item_ids, future["item_id"])
        appeal = np.bincount(columns, weights, len(fitted.item_ids)) + 0.05
        chosen = (fitted.mixture[rows] * fitted.profile[columns]).sum(axis=1)
        prior = 0.5 * np.log(fitted.mixture).sum()
        prior += 10.0 * ((appeal / appeal.sum())[:, None] * np.log(fitted.profile)).sum()
        path.append(weights @ np.log(chosen) + prior)
    assert (np.diff(path) >= -1e-9).all()
    assert path[-1] > path[0] + 1.0


def test_communities_foresee_picks_better_than_popularity():
    sample = generate_sample(seed=1)
    halves = random_split(sample.ratings, 0.2, seed=0)
    test = halves.test[halves.test["user_id"].isin(halves.train["user_id"])]
    users, items = test["user_id"].to_numpy(), test["item_id"].to_numpy()
    tasteful = fit_tastes(halves.train, sample.items, seed=0, own_share=0.0)
    popular = fit_tastes(halves.train, sample.items, seed=0, own_share=0.0, communities=1)
    gain = np.log(tasteful.lift(users, items)) - np.log(popular.lift(users, items))
    assert gain.mean() > 4 * gain.std() / np.sqrt(len(gain))


def test_same_seed_same_tastes(sample, split, tastes):
    again = fit_tastes(split.future, sample.items, seed=0)
    other = fit_tastes(split.future, sample.items, seed=1)
    np.testing.assert_array_equal(again.mixture, tastes.mixture)
    np.testing.assert_array_equal(again.profile, tastes.profile)
    assert not np.allclose(other.mixture, tastes.mixture)


def test_order_of_the_ratings_does_not_matter(sample, split, tastes):
    shuffled = fit_tastes(split.future.sample(frac=1.0, random_state=0), sample.items, seed=0)
    np.testing.assert_allclose(table(shuffled), table(tastes), rtol=1e-6)


def test_without_ratings_there_is_no_taste(sample, split):
    with pytest.raises(WorldError, match=r"world\.training_share"):
        fit_tastes(split.future.iloc[:0], sample.items, seed=0)
