from typing import NamedTuple

import numpy as np
import pytest
from calibration import assert_rate, assert_rate_at_most
from hypothesis import given, settings
from hypothesis import strategies as st

from armlift.statistics.adaptive import aipw_scores, arm_scores, ipw_scores, stabilised
from armlift.statistics.best_arm import probability_best_beta
from armlift.statistics.effects import difference
from armlift.statistics.sequential import confidence_sequence


class Log(NamedTuple):
    arms: np.ndarray  # (R, T)
    rewards: np.ndarray  # (R, T)
    propensities: np.ndarray  # (R, T, K)


def thompson(means, *, floor, batches, batch_size, replicates, seed):
    """Decisions of a batched Thompson sampler on Bernoulli arms, all replicates at once."""
    rng = np.random.default_rng(seed)
    means = np.asarray(means)
    successes, pulls = np.zeros((2, replicates, len(means)))
    parts = []
    for _ in range(batches):
        best = probability_best_beta(1.0 + successes, 1.0 + pulls - successes)
        chances = np.broadcast_to(
            (floor + (1.0 - len(means) * floor) * best)[:, None], (replicates, batch_size, len(means))
        )
        arms = (rng.random((replicates, batch_size, 1)) > chances.cumsum(-1)[..., :-1]).sum(-1)
        rewards = (rng.random(arms.shape) < means[arms]).astype(float)
        chosen = arms[..., None] == np.arange(len(means))
        pulls += chosen.sum(1)
        successes += (chosen * rewards[..., None]).sum(1)
        parts.append((arms, rewards, chances))
    return Log(*(np.concatenate(column, axis=1) for column in zip(*parts, strict=True)))


def plain_means(log):
    chosen = log.arms[..., None] == np.arange(log.propensities.shape[-1])
    return (chosen * log.rewards[..., None]).sum(1) / np.maximum(chosen.sum(1), 1)


def assert_unbiased(values, truth):
    """The mean over replicates is the truth, to within 4 standard errors."""
    error = values.std(axis=0) / np.sqrt(len(values))
    assert np.all(np.abs(values.mean(axis=0) - truth) <= 4.0 * error)


MEANS = np.array([0.3, 0.3, 0.4])


@pytest.fixture(scope="module")
def log():
    return thompson(MEANS, floor=0.05, batches=12, batch_size=50, replicates=4000, seed=0)


def test_the_plain_mean_is_biased_downwards(log):
    values = plain_means(log)
    with pytest.raises(AssertionError):
        assert_unbiased(values, MEANS)
    assert np.all(values.mean(axis=0)[:2] < 0.29)  # a thirtieth of the value, with 600 decisions


@pytest.mark.parametrize("scores", [ipw_scores, aipw_scores])
def test_scores_are_unbiased(log, scores):
    values = arm_scores(scores(*log))
    assert_unbiased(values.arms.value, MEANS)
    contrast = values.against(0).treatment
    assert_unbiased(contrast.value[:, 1:], MEANS[1:] - 0.3)


def test_a_good_guess_takes_variance_away(log):
    plain, augmented = arm_scores(ipw_scores(*log)).arms, arm_scores(aipw_scores(*log)).arms
    assert np.all(augmented.value.var(axis=0) < 0.85 * plain.value.var(axis=0))


def test_the_standard_errors_are_those_of_the_replicates(log):
    scores = aipw_scores(*log)
    for estimate in (arm_scores(scores).arms, stabilised(scores, log.propensities).estimate):
        stated = np.sqrt((estimate.variance / estimate.n).mean(axis=0))
        np.testing.assert_allclose(stated, estimate.value.std(axis=0), rtol=0.05)


def chunks(means, *, floor, batches, batch_size):
    """2,000 replicates in parts that fit into memory."""
    for seed in range(2):
        yield thompson(means, floor=floor, batches=batches, batch_size=batch_size, replicates=1000, seed=seed)


@pytest.mark.slow
@pytest.mark.parametrize("means", [(0.3, 0.3), (0.3, 0.4)])
def test_intervals_cover_with_a_floor(means):
    """2,000 replicates of 4,000 decisions, floor 0.1, seeds 0 and 1."""
    covered, covered_weighted, width, width_weighted = [], [], [], []
    truth = means[1] - means[0]
    for log in chunks(means, floor=0.1, batches=40, batch_size=100):
        scores = aipw_scores(*log)
        for effects, hits, widths in (
            (difference(*arm_scores(scores).against(0)), covered, width),
            (
                difference(*stabilised(scores, log.propensities, control=0).against_zero),
                covered_weighted,
                width_weighted,
            ),
        ):
            low, high = effects.low[:, 1], effects.high[:, 1]
            hits.append((low <= truth) & (truth <= high))
            widths.append((high - low).mean())
    for hits in (covered, covered_weighted):
        assert_rate(np.concatenate(hits), 0.95)
    assert np.mean(width_weighted) < np.mean(width)


@pytest.mark.slow
def test_without_a_floor_they_do_not():
    """4,000 replicates of 1,000 decisions: the abandoned arm's interval misses twice as often as it says."""
    log = thompson((0.3, 0.4), floor=0.0, batches=20, batch_size=50, replicates=4000, seed=1)
    effect = difference(*arm_scores(aipw_scores(*log)).against(0))
    covered = (effect.low <= 0.1) & (effect.high >= 0.1)
    assert covered[:, 1].mean() < 0.9


@pytest.mark.slow
@pytest.mark.parametrize("means", [(0.3, 0.3), (0.3, 0.36)])
def test_the_contrast_may_be_watched(means):
    """100 looks at each of 2,000 replicates; the plain z-interval fails the same check."""
    missed, naive = [], []
    truth = means[1] - means[0]
    for log in chunks(means, floor=0.1, batches=100, batch_size=40):
        scores = aipw_scores(*log)
        parts = (1000, 100, 40, 2)
        looks = stabilised(scores.reshape(parts), log.propensities.reshape(parts), control=0).cumulated(1)
        pair = looks.against_zero
        sequence = confidence_sequence(*pair, tuned_at=4000)
        for effect, hits in ((sequence, missed), (difference(*pair), naive)):
            low, high = effect.low[..., 1], effect.high[..., 1]
            hits.append(((low > truth) | (high < truth)).any(axis=-1))
    assert_rate_at_most(np.concatenate(missed), 0.05)
    with pytest.raises(AssertionError, match="exceeds"):
        assert_rate_at_most(np.concatenate(naive), 0.05)


def small_log(seed, replicates=(), decisions=40, n_arms=3):
    rng = np.random.default_rng(seed)
    propensities = rng.dirichlet(np.full(n_arms, 3.0), (*replicates, decisions))
    arms = (rng.random((*replicates, decisions, 1)) > propensities.cumsum(-1)[..., :-1]).sum(-1)
    return Log(arms, rng.normal(2.0, 1.0, arms.shape), propensities)


def test_scores_by_hand():
    log = [0, 1, 0], [1.0, 4.0, 3.0], [[0.5, 0.5], [0.2, 0.8], [0.25, 0.75]]
    assert ipw_scores(*log).tolist() == [[2.0, 0.0], [0.0, 5.0], [12.0, 0.0]]
    assert aipw_scores(*log).tolist() == [[2.0, 0.0], [1.0, 5.0], [9.0, 4.0]]


@pytest.mark.parametrize("scores", [ipw_scores, aipw_scores])
def test_replicates_do_not_mix(scores):
    log = small_log(1, replicates=(2, 5))
    together = scores(*log)
    np.testing.assert_array_equal(together[1, 3], scores(*(column[1, 3] for column in log)))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 39))
def test_parts_add_up(seed, cut):
    log = small_log(seed)
    scores = aipw_scores(*log)
    whole = arm_scores(scores)
    merged = arm_scores(scores[:cut]) + arm_scores(scores[cut:])
    np.testing.assert_allclose(merged.arms.value, whole.arms.value, rtol=1e-9)
    np.testing.assert_allclose(
        merged.against(1).treatment.variance, whole.against(1).treatment.variance, rtol=1e-8
    )
    weighted = stabilised(scores, log.propensities, control=0)
    halves = [
        stabilised(scores[part], log.propensities[part], control=0) for part in (slice(cut), slice(cut, None))
    ]
    both = halves[0] + halves[1]
    np.testing.assert_allclose(both.estimate.value, weighted.estimate.value, rtol=1e-9)
    np.testing.assert_allclose(both.estimate.variance, weighted.estimate.variance, rtol=1e-8)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.floats(-5.0, 5.0), st.floats(0.1, 10.0))
def test_the_guess_uses_the_past_alone(seed, change, factor):
    log = small_log(seed)
    later = log.rewards.copy()
    later[20:] = later[20:] * factor + change
    np.testing.assert_array_equal(aipw_scores(*log)[:20], aipw_scores(log.arms, later, log.propensities)[:20])
    np.testing.assert_allclose(
        aipw_scores(log.arms, factor * log.rewards, log.propensities), factor * aipw_scores(*log), rtol=1e-9
    )


def test_the_contrast_is_taken_within_decisions():
    log = small_log(2)
    scores = ipw_scores(*log)
    pair = arm_scores(scores).against(2)
    apart = scores - scores[:, [2]]
    np.testing.assert_allclose(pair.treatment.value, apart.mean(0))
    np.testing.assert_allclose(pair.treatment.variance, apart.var(0, ddof=1), atol=1e-12)
    effect = difference(*pair)
    np.testing.assert_allclose(effect.standard_error[:2], apart.std(0, ddof=1)[:2] / np.sqrt(40))


def test_with_constant_propensities_weights_do_nothing():
    log = small_log(3)
    even = np.full(log.propensities.shape, 1.0 / 3.0)
    scores = aipw_scores(log.arms, log.rewards, even)
    weighted, plain = stabilised(scores, even).estimate, arm_scores(scores).arms
    np.testing.assert_allclose(weighted.value, plain.value)
    np.testing.assert_allclose(weighted.variance * 40 / 39, plain.variance)


def test_an_arm_that_was_never_possible_is_unknown():
    scores = aipw_scores([0, 0], [1.0, 2.0], [[1.0, 0.0], [1.0, 0.0]])
    estimate = stabilised(scores, [[1.0, 0.0], [1.0, 0.0]]).estimate
    assert (estimate.value[1], estimate.variance[1]) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("name", "log"),
    [
        ("arms", ([2], [1.0], [[0.5, 0.5]])),
        ("rewards", ([1], [np.nan], [[0.5, 0.5]])),
        ("propensities", ([1], [1.0], [[1.0, 0.0]])),
        ("propensities", ([1], [1.0], [[-0.5, 1.5]])),
        ("shapes", ([1, 0], [1.0], [[0.5, 0.5]])),
    ],
)
def test_bad_logs_are_refused(name, log):
    with pytest.raises(ValueError, match=name):
        aipw_scores(*log)
