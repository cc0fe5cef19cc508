"""A world whose tastes shift: the same users, other choices."""

import numpy as np
import pandas as pd
import pytest
from monitored_world import DAY, START, small_world

from armlift.errors import ParameterError
from armlift.simulation import bernoulli_world
from armlift.simulation.events import DECISION_COLUMNS, EVENT_COLUMNS
from armlift.simulation.taste_shift import (
    play_stretch,
    rate_by_taste,
    shifted_tastes,
    world_model,
    world_of,
)


@pytest.fixture(scope="module")
def small():
    return small_world()


def test_without_a_shift_the_world_is_the_same(small):
    same = shifted_tastes(small.tastes, share=0.0, seed=1)
    again = world_of(small.world, same, small.model)
    np.testing.assert_allclose(again.click_probability, small.world.click_probability, rtol=1e-9)


def test_a_shift_keeps_choices_a_distribution_and_costs_the_arms_clicks(small):
    later = shifted_tastes(small.tastes, share=1.0, seed=1)
    np.testing.assert_allclose(later.profile.sum(axis=0), 1.0)
    rates = world_of(small.world, later, small.model).means
    popularity = small.world.arms.index("popularity")
    assert rates[popularity] < 0.6 * small.world.means[popularity]


def test_other_slates_make_other_arms(small):
    shown = {"left": small.world.items[:, 1], "right": small.world.items[:, 0]}
    world = world_of(small.world, small.tastes, small.model, shown)
    assert world.arms == ("left", "right")
    np.testing.assert_allclose(world.means, small.world.means[::-1])


def test_the_log_of_a_stretch_is_that_of_the_simulation(small):
    stretch = {"start": START, "end": START + DAY, "per_day": 800.0, "seed": 1, "name": "d"}
    decisions, events = play_stretch(small.world, **stretch)
    assert tuple(decisions) == DECISION_COLUMNS
    assert tuple(events) == EVENT_COLUMNS
    assert decisions["ts"].between(START, START + DAY).all()
    assert len(decisions) == pytest.approx(800, abs=150)
    assert decisions["decision_id"].is_unique
    assert decisions["decision_id"].str.startswith("d-").all()
    clicked = (events["event_type"] == "click_detail").sum() / len(decisions)
    assert clicked == pytest.approx(small.world.means.mean(), abs=0.05)
    again = play_stretch(small.world, **stretch)[0]
    pd.testing.assert_frame_equal(decisions, again)


def test_nobody_rates_an_item_twice_and_liked_is_what_suits_the_taste(small):
    visits, _ = small.visits(1)
    rated = rate_by_taste(small.tastes, small.ratings, visits, each=8, seed=1)
    pairs = pd.concat([small.ratings, rated])[["user_id", "item_id"]]
    assert not pairs.duplicated().any()
    assert len(rated) == 8 * visits["user_key"].nunique()
    assert rated["timestamp"].is_monotonic_increasing
    lift = small.tastes.lift(rated["user_id"].to_numpy(), rated["item_id"].to_numpy())
    assert lift[rated["rating"] > 4].mean() > 3 * lift[rated["rating"] < 4].mean()


def test_what_cannot_shift_is_refused(small):
    with pytest.raises(ParameterError, match="share"):
        shifted_tastes(small.tastes, share=1.5, seed=0)
    with pytest.raises(ParameterError, match="slates"):
        world_model(bernoulli_world([0.1]), small.tastes, click_rate=0.1, taste_weight=1, examination_decay=1)
