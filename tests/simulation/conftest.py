"""A tiny world, whole: sample -> split -> slates -> tastes -> clicks, and every policy played in it."""

import numpy as np
import pytest
from simulation.tiny import CLICKS, TRAINING, PlugIn

from armlift.bandits import POLICIES, create_policy
from armlift.datasets import world_split
from armlift.datasets.sample import generate_sample
from armlift.pipelines.training.nodes import serve_slates, train_recommenders
from armlift.simulation import simulate
from armlift.simulation.click_model import build_world
from armlift.simulation.tastes import fit_tastes


@pytest.fixture(scope="session")
def sample():
    return generate_sample(seed=3, n_users=80, n_items=200, n_ratings=3200)


@pytest.fixture(scope="session")
def split(sample):
    return world_split(sample.ratings, seed=0)


@pytest.fixture(scope="session")
def slates(sample, split):
    fitted = train_recommenders(split.history, sample.items, TRAINING)
    return serve_slates(fitted, split.history, split.future, TRAINING)


@pytest.fixture(scope="session")
def tastes(sample, split):
    return fit_tastes(split.future, sample.items, seed=0)


@pytest.fixture(scope="session")
def world(split, slates, tastes):
    return build_world(split, slates, tastes, **CLICKS)


@pytest.fixture(scope="session")
def policies():
    """Every policy, with short memories and a floor where it is no A/B test, and a plug-in."""
    quick = {"thompson_discounted": {"discount": 0.99}, "thompson_window": {"window": 200}}
    floored = [
        create_policy(name, floor=0.0 if name == "fixed" else 0.05, **quick.get(name, {}))
        for name in POLICIES
    ]
    return [*floored, PlugIn(floor=0.05)]


@pytest.fixture(scope="session")
def runs(policies, world):
    return [
        simulate(
            policy, world, horizon=3000, replicates=4, seed=5, batch_size=20, checkpoints=12, traced=True
        )
        for policy in policies
    ]


@pytest.fixture
def rng():
    return np.random.default_rng(11)
