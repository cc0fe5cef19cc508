import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from simulation.tiny import CLICKS, TRAINING

from armlift.datasets import WorldSplit, world_split
from armlift.errors import ParameterError, WorldError
from armlift.pipelines.parameters import WorldParameters
from armlift.pipelines.simulation import nodes
from armlift.pipelines.training.nodes import serve_slates, split_by_user, train_recommenders
from armlift.simulation.click_model import ClickModel, activity_segments, build_world, calibrate


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def test_a_slate_of_two_by_hand():
    model = ClickModel(intercept=-1.0, taste_weight=2.0, examination_decay=1.0)
    first, second = model.position_probability(np.log(np.array([3.0, 0.5])))
    assert first == pytest.approx(sigmoid(-1.0 + 2.0 * np.log(3.0)))
    assert second == pytest.approx((1.0 - first) * 0.5 * sigmoid(-1.0 + 2.0 * np.log(0.5)))


def test_limits_of_the_click_model():
    log_lift = np.log(np.array([3.0, 0.5]))
    alike = ClickModel(0.0, 0.0, 0.0).position_probability(log_lift)  # neither taste nor position matters
    np.testing.assert_allclose(alike, [0.5, 0.25])
    top_only = ClickModel(0.0, 0.0, 60.0).position_probability(log_lift)  # nobody looks below the top
    np.testing.assert_allclose(top_only, [0.5, 0.0], atol=1e-15)
    sure = ClickModel(60.0, 1.0, 0.0).position_probability(log_lift)  # the top item takes every click
    np.testing.assert_allclose(sure, [1.0, 0.0], atol=1e-15)
    never = ClickModel(-60.0, 1.0, 0.0).position_probability(log_lift)
    np.testing.assert_allclose(never, 0.0, atol=1e-15)


def test_examination_falls_with_position():
    clicks = ClickModel(-2.0, 1.0, 0.7).position_probability(np.zeros(10))
    assert (np.diff(clicks) < 0.0).all()
    # Undo the cascade: what is left is examination times attraction.
    passed = 1.0 - np.concatenate([[0.0], clicks.cumsum()[:-1]])
    np.testing.assert_allclose(clicks / passed / clicks[0], np.arange(1.0, 11.0) ** -0.7)


@given(
    arrays(float, (3, 2, 4), elements=st.floats(-8, 8)),
    st.floats(0.001, 0.6),
    st.floats(0.0, 2.0),
    st.floats(0.0, 2.0),
)
def test_calibration_hits_the_wanted_rate(log_lift, click_rate, taste_weight, examination_decay):
    shares = np.array([0.5, 0.3, 0.2])
    model = calibrate(
        log_lift,
        shares,
        click_rate=click_rate,
        taste_weight=taste_weight,
        examination_decay=examination_decay,
    )
    positions = model.position_probability(log_lift)
    assert positions.min() >= 0.0
    assert shares @ positions.sum(axis=2).mean(axis=1) == pytest.approx(click_rate, abs=1e-9)


@pytest.mark.parametrize("click_rate", [0.0, 1.0, -0.1, float("nan")])
def test_impossible_click_rates_are_refused(click_rate):
    with pytest.raises(ParameterError, match=r"world\.click_rate = .*0 < click_rate < 1"):
        calibrate(
            np.zeros((1, 2, 2)), np.ones(1), click_rate=click_rate, taste_weight=1.0, examination_decay=0.5
        )


@pytest.mark.parametrize("click_rate", [0.02, 0.1, 0.4])
def test_the_uniform_mixture_of_arms_has_the_wanted_rate(split, slates, tastes, click_rate):
    world = build_world(split, slates, tastes, **(CLICKS | {"click_rate": click_rate}))
    assert world.means.mean() == pytest.approx(click_rate, abs=1e-9)


def test_positions_sum_to_the_click_probability(world):
    np.testing.assert_allclose(world.position_probability.sum(axis=2), world.click_probability, rtol=1e-12)
    assert world.click_probability.min() > 0.0
    assert world.click_probability.max() < 1.0


def test_items_are_the_slates(world, slates):
    assert world.arms == ("popularity", "random", "svd")
    by_slot = slates.set_index(["arm", "user_id", "position"])["item_id"]
    for row in (0, 17, len(world.user_ids) - 1):
        for column, arm in enumerate(world.arms):
            expected = by_slot.loc[arm, world.user_ids[row]].sort_index()
            assert world.items[row, column].tolist() == expected.tolist()


def test_order_of_the_slate_rows_does_not_matter(split, slates, tastes, world):
    by_arm = [slates[slates["arm"] == arm].sample(frac=1.0, random_state=1) for arm in world.arms]
    shuffled = build_world(split, pd.concat(by_arm), tastes, **CLICKS)
    np.testing.assert_array_equal(shuffled.items, world.items)
    np.testing.assert_array_equal(shuffled.click_probability, world.click_probability)


def test_a_user_arrives_as_often_as_he_came_back(world, split):
    future = split.future
    days = {
        user: rows["timestamp"].dt.strftime("%Y-%m-%d").nunique() for user, rows in future.groupby("user_id")
    }
    expected = np.array([days[user] for user in world.user_ids], dtype=float)
    np.testing.assert_allclose(world.arrival_shares, expected / expected.sum())
    assert np.ptp(expected) > 0


def test_withheld_users_are_new_and_nobody_else(world, split):
    new = world.user_ids[world.segments == "new"]
    np.testing.assert_array_equal(new, split.withheld_users)
    assert world.users_with_history == 1.0 - len(new) / len(world.user_ids)


def test_segments_are_thirds_by_length_of_history():
    lengths = {1: 2, 2: 9, 3: 4, 5: 1, 6: 7, 7: 5}
    history = pd.DataFrame({"user_id": [user for user, n in lengths.items() for _ in range(n)]})
    segments = activity_segments(WorldSplit(history, history, np.array([4])), np.arange(1, 8))
    assert segments.tolist() == ["light", "heavy", "medium", "new", "light", "heavy", "medium"]


def test_thirds_of_the_known_users_are_even(world):
    sizes = [int((world.segments == segment).sum()) for segment in ("light", "medium", "heavy")]
    assert max(sizes) - min(sizes) <= 1


def of_strangers(sample, share):
    """A world in which `share` of the users is withheld."""
    split = world_split(sample.ratings, withheld_share=share, seed=0)
    training = TRAINING.model_copy(update={"recommenders": {"popularity": {}, "random": {}}})
    fitted = train_recommenders(split.history, sample.items, training)
    slates = serve_slates(fitted, split.history, split.future, training)
    withheld = pd.DataFrame({"user_id": split.withheld_users})
    world = WorldParameters(means=[0.1, 0.2], withheld_share=share)
    return nodes.build_world(split.history, split.future, withheld, sample.items, slates, world)


def test_a_world_of_strangers_is_refused(sample):
    facts = of_strangers(sample, 0.5)[2]
    assert facts["users_with_history"] == 0.5
    with pytest.raises(WorldError, match=r"49% of the users.*at least 50%.*world\.withheld_share"):
        of_strangers(sample, 0.5125)


def other_future(split, items, rng):
    """The future with other items, ratings and times, for the same users."""
    seen = split.history.groupby("user_id")["item_id"].agg(set)
    parts = []
    for user, rows in split.future.groupby("user_id"):
        unseen = np.setdiff1d(items["item_id"], list(seen.get(user, ())))
        moved = rows.assign(item_id=rng.choice(unseen, len(rows), replace=False), rating=5.5 - rows["rating"])
        parts.append(moved.assign(timestamp=rows["timestamp"] + pd.Timedelta("400D")))
    return pd.concat(parts).sort_values(["timestamp", "user_id", "item_id"], ignore_index=True)


def test_nothing_of_the_future_reaches_the_arms(sample, split, slates, rng):
    ratings = pd.concat([split.history, other_future(split, sample.items, rng)], ignore_index=True)
    world = WorldParameters(means=[0.1, 0.2])
    history, future, _ = split_by_user(ratings, world)
    assert set(future["user_id"]) == set(split.future["user_id"])
    assert not future["item_id"].reset_index(drop=True).equals(split.future["item_id"])
    fitted = train_recommenders(history, sample.items, TRAINING)
    pd.testing.assert_frame_equal(serve_slates(fitted, history, future, TRAINING), slates)


def test_nothing_of_the_history_reaches_the_clicks(sample, split, slates, rng):
    withheld = pd.DataFrame({"user_id": split.withheld_users})
    history = split.history.assign(rating=5.5 - split.history["rating"])
    history["item_id"] = rng.permutation(history["item_id"])
    arguments = withheld, sample.items, slates, WorldParameters(means=[0.1, 0.2])
    world = nodes.build_world(split.history, split.future, *arguments)[0]
    other = nodes.build_world(history, split.future, *arguments)[0]
    np.testing.assert_array_equal(other.click_probability, world.click_probability)
    np.testing.assert_array_equal(other.arrival_shares, world.arrival_shares)


def test_a_pick_of_the_future_makes_its_item_more_clickable(world, split):
    picked = split.future.groupby("user_id")["item_id"].agg(set)
    own = np.array(
        [
            [[item in picked[user] for item in slate] for slate in arms]
            for user, arms in zip(world.user_ids, world.items, strict=True)
        ]
    )
    top = world.position_probability[:, :, 0]  # at the top, attraction alone decides
    assert own[:, :, 0].any()
    assert top[own[:, :, 0]].mean() > 1.2 * top[~own[:, :, 0]].mean()
