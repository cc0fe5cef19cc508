import numpy as np
import pytest

from armlift.errors import ParameterError
from armlift.simulation import World, bernoulli_world, equal_arms_world
from armlift.simulation.world import SEGMENTS


def two_segments():
    return World(
        kind="movielens",
        arms=("a", "b"),
        user_ids=np.array([3, 5, 8]),
        arrival_shares=np.array([0.5, 0.3, 0.2]),
        segments=np.array(["heavy", "new", "new"]),
        click_probability=np.array([[0.2, 0.1], [0.1, 0.5], [0.1, 0.25]]),
    )


def test_rates_weigh_users_by_what_they_bring():
    world = two_segments()
    np.testing.assert_allclose(world.means, [0.15, 0.25])
    assert world.best_arm == 1
    assert world.users_with_history == pytest.approx(1 / 3)


def test_segment_rates_by_hand_in_order_of_activity():
    rates = two_segments().segment_rates()
    assert list(rates) == ["all", "new", "heavy"]
    assert [share for share, _ in rates.values()] == pytest.approx([1.0, 0.5, 0.5])
    np.testing.assert_allclose(rates["new"][1], [0.1, (0.3 * 0.5 + 0.2 * 0.25) / 0.5])
    np.testing.assert_allclose(rates["heavy"][1], [0.2, 0.1])


def test_segments_add_up_to_the_whole(world):
    rates = world.segment_rates()
    whole = rates.pop("all")[1]
    assert set(rates) == set(SEGMENTS)
    np.testing.assert_allclose(sum(share * rate for share, rate in rates.values()), whole, rtol=1e-12)


def test_bernoulli_world_has_the_given_means():
    world = bernoulli_world([0.1, 0.0, 1.0])
    assert world.kind == "bernoulli"
    assert world.arms == ("arm_1", "arm_2", "arm_3")
    assert world.means.tolist() == [0.1, 0.0, 1.0]
    assert world.best_arm == 2
    assert world.users_with_history == 1.0
    assert list(world.segment_rates()) == ["all", "everyone"]
    assert bernoulli_world([0.3, 0.3], ("x", "y")).best_arm == 0


@pytest.mark.parametrize("means", [[], [0.1, 1.1], [-0.1], [np.nan, 0.1], [[0.1], [0.2]]])
def test_impossible_means_are_refused_with_their_bound(means):
    with pytest.raises(ParameterError, match=r"means = .* in \[0, 1\]"):
        bernoulli_world(means)


def test_rounding_does_not_choose_the_best_arm():
    assert bernoulli_world([0.1, 0.1 + 1e-15]).best_arm == 0


def test_in_the_aa_world_all_arms_are_equal_for_every_user(world):
    equal = equal_arms_world(world)
    assert equal.kind == "aa"
    assert equal.arms == world.arms
    np.testing.assert_array_equal(equal.click_probability, equal.click_probability[:, :1].repeat(3, axis=1))
    np.testing.assert_allclose(
        equal.click_probability[:, 0], world.click_probability.mean(axis=1), rtol=1e-14
    )
    assert np.ptp(equal.means) == 0.0
    # The uniform mixture of arms, which calibration sets, is what it was.
    np.testing.assert_allclose(equal.means[0], world.means.mean(), rtol=1e-12)
    assert equal.best_arm == 0


def test_in_the_aa_world_all_arms_show_the_same_slates(world):
    equal = equal_arms_world(world)
    for arm in range(len(equal.arms)):
        np.testing.assert_array_equal(equal.items[:, arm], world.items[:, 0])
        np.testing.assert_array_equal(equal.position_probability[:, arm], equal.position_probability[:, 0])
    np.testing.assert_allclose(equal.position_probability.sum(axis=2), equal.click_probability, rtol=1e-12)
    np.testing.assert_array_equal(equal.segments, world.segments)
    np.testing.assert_array_equal(equal.arrival_shares, world.arrival_shares)


def test_an_aa_world_without_slates_stays_without():
    equal = equal_arms_world(bernoulli_world([0.1, 0.3]))
    assert equal.items is None
    np.testing.assert_allclose(equal.click_probability, [[0.2, 0.2]])
