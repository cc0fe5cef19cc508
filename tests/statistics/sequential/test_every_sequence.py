"""What every test that may be looked at again and again must do."""

from functools import cache
from typing import NamedTuple

import numpy as np
import pytest
from calibration import assert_always_covers, assert_rate_at_most
from hypothesis import given, settings
from hypothesis import strategies as st

from armlift.statistics.effect import Reason
from armlift.statistics.effects import difference
from armlift.statistics.moments import Mean, Proportion, Ratio
from armlift.statistics.sequential import (
    beta_binomial_sequence,
    confidence_sequence,
    group_sequential,
    group_sequential_bounds,
    mixture_sprt,
    running,
)

SIMULATIONS, LOOKS, UNITS = 2000, 100, 200
FRACTIONS = np.arange(1, LOOKS + 1) / LOOKS


def tuned(treatment, control, **question):
    return confidence_sequence(treatment, control, tuned_at=LOOKS * UNITS / 2, **question)


def mixed(treatment, control, **question):
    return mixture_sprt(treatment, control, mixing_variance=0.01**2, **question)


@cache
def pocock(alpha, alternative):
    return group_sequential_bounds(FRACTIONS, alpha=alpha, spending="pocock", alternative=alternative)


def planned(treatment, control, *, confidence=0.95, alternative="two-sided", look=None, **question):
    plan = pocock(1.0 - confidence, alternative)
    if look is None:
        look = 0 if np.ndim(treatment.n) == 0 else np.arange(np.shape(treatment.n)[-1])
    return group_sequential(treatment, control, plan, look=look, **question)


SEQUENCES = [tuned, mixed, beta_binomial_sequence, planned]
PARTS = [tuned, mixed, beta_binomial_sequence]  # sequences that know nothing of looks


class Arms(NamedTuple):
    treatment: Proportion
    control: Proportion


@cache
def simulated(rate_t, rate_c, seed=0, share=0.5):
    """Looks at proportions, (SIMULATIONS, LOOKS); `share` of all units are treated."""
    rng = np.random.default_rng(seed)
    units_t, units_c = int(2 * UNITS * share), int(2 * UNITS * (1 - share))
    answers_t = rng.binomial(units_t, rate_t, (SIMULATIONS, LOOKS)).cumsum(-1)
    answers_c = rng.binomial(units_c, rate_c, (SIMULATIONS, LOOKS)).cumsum(-1)
    look = np.arange(1, LOOKS + 1)
    return Arms(Proportion(units_t * look, answers_t), Proportion(units_c * look, answers_c))


@pytest.fixture(scope="module")
def equal_arms():
    return simulated(0.1, 0.1)


@pytest.mark.parametrize(
    ("sequence", "alternative"),
    [
        *((sequence, "two-sided") for sequence in SEQUENCES),
        *((sequence, "greater") for sequence in (tuned, mixed, planned)),
    ],
)
def test_equal_arms_rarely_differ_at_any_of_100_looks(sequence, alternative, equal_arms):
    effect = sequence(*equal_arms, alternative=alternative)
    assert_always_covers(effect, 0.0)
    assert_rate_at_most(effect.p_value.min(axis=-1) < 0.05, 0.05)


def test_a_z_test_at_every_look_fails_the_same_check(equal_arms):
    naive = difference(*equal_arms)
    with pytest.raises(AssertionError, match="exceeds"):
        assert_always_covers(naive, 0.0)
    with pytest.raises(AssertionError, match="exceeds"):
        assert_rate_at_most(naive.p_value.min(axis=-1) < 0.05, 0.05)


@pytest.mark.parametrize(
    "sequence", [tuned, mixed, pytest.param(beta_binomial_sequence, marks=pytest.mark.slow)]
)
def test_the_true_effect_is_covered_at_all_100_looks(sequence):
    arms = simulated(0.13, 0.1, seed=1, share=0.2)
    assert_always_covers(sequence(*arms), 0.03)
    assert_rate_at_most(sequence(*arms, margin=0.03).p_value.min(axis=-1) < 0.05, 0.05)


@cache
def skewed():
    """Looks at revenue and at revenue per view, 1,000 experiments; the treatment's revenue is 10 % higher."""
    rng = np.random.default_rng(2)
    means, ratios = [], []
    for gain in (1.1, 1.0):
        revenue = rng.lognormal(0.0, 1.0, (1000, LOOKS, UNITS)) * gain
        views = 1.0 + rng.poisson(3.0, revenue.shape)
        n = np.broadcast_to(UNITS * np.arange(1.0, LOOKS + 1), revenue.shape[:2])
        columns = np.stack([revenue * views, views], axis=-1)
        products = np.einsum("...ri,...rj->...ij", columns, columns).cumsum(1)
        ratios.append(Ratio.from_sums(n, columns.sum(-2).cumsum(1), products))
        revenue = revenue[..., None]
        squares = np.einsum("...ri,...rj->...ij", revenue, revenue).cumsum(1)
        means.append(Mean.from_sums(n, revenue.sum(-2).cumsum(1), squares))
    return means, ratios


@pytest.mark.slow
@pytest.mark.parametrize("alternative", ["two-sided", "greater"])
@pytest.mark.parametrize("sequence", [tuned, planned])
def test_skewed_revenue_and_ratios_are_covered_too(sequence, alternative):
    for arms in skewed():
        assert_always_covers(sequence(*arms, alternative=alternative), 0.1 * np.exp(0.5))
        assert_always_covers(sequence(*arms, alternative=alternative, relative=True), 0.1)


@pytest.mark.parametrize("sequence", SEQUENCES)
def test_a_large_effect_is_found(sequence):
    arms = simulated(0.125, 0.1, seed=3)
    found = (running(sequence(*(arm[:1000] for arm in arms))).low > 0.0)[:, -1]
    assert found.mean() > 0.9


@pytest.mark.parametrize("alternative", ["two-sided", "greater", "less"])
@pytest.mark.parametrize("margin", [0.0, 0.012, -0.01])
@pytest.mark.parametrize("sequence", SEQUENCES)
def test_p_value_and_interval_agree(sequence, margin, alternative):
    arms = simulated(0.115, 0.1, seed=4)
    effect = sequence(*(arm[:500] for arm in arms), alternative=alternative, margin=margin)
    outside = (effect.low > margin) | (effect.high < margin)
    np.testing.assert_array_equal(effect.p_value < 0.05, outside)
    if margin <= 0.0:
        assert outside.any() == (alternative != "less")


@pytest.mark.parametrize("sequence", SEQUENCES)
def test_confidence_widens_and_data_narrow(sequence, equal_arms):
    arms = tuple(arm[:50] for arm in equal_arms)
    narrow, wide = sequence(*arms, confidence=0.9), sequence(*arms, confidence=0.99)
    assert np.all((wide.low < narrow.low) & (wide.high > narrow.high))
    n = np.array([1e3, 2e3, 1e4, 1e5, 1e6])
    effect = sequence(Proportion(n, 0.1 * n), Proportion(n, 0.11 * n))
    assert np.all(np.diff(effect.high - effect.low) < 0.0)


counts = st.tuples(st.integers(1, 5000), st.floats(0.0, 1.0)).map(
    lambda pair: Proportion(pair[0], round(pair[0] * pair[1]))
)


@settings(max_examples=40, deadline=None)
@given(counts, counts, st.sampled_from(SEQUENCES), st.sampled_from(["two-sided", "greater", "less"]))
def test_swapping_the_arms_mirrors_the_result(treatment, control, sequence, alternative):
    mirrored = {"two-sided": "two-sided", "greater": "less", "less": "greater"}[alternative]
    one = sequence(treatment, control, alternative=alternative)
    other = sequence(control, treatment, alternative=mirrored)
    assert one.reason == other.reason
    np.testing.assert_allclose(one.estimate, -other.estimate, rtol=1e-12)
    np.testing.assert_allclose([one.low, one.high], [-other.high, -other.low], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(one.p_value, other.p_value, rtol=1e-7, atol=1e-300)


@settings(max_examples=40, deadline=None)
@given(counts, counts, st.sampled_from(SEQUENCES))
def test_every_number_is_one(treatment, control, sequence):
    effect = sequence(treatment, control)
    assert np.isfinite([effect.estimate, effect.standard_error, effect.p_value]).all()
    assert 0.0 <= effect.p_value <= 1.0
    assert effect.low <= effect.estimate <= effect.high


@settings(max_examples=40, deadline=None)
@given(counts, counts, counts, counts, st.sampled_from(PARTS))
def test_merged_parts_are_the_pool(first_t, second_t, first_c, second_c, sequence):
    merged = sequence(first_t + second_t, first_c + second_c)
    pooled = sequence(
        Proportion(first_t.n + second_t.n, first_t.successes + second_t.successes),
        Proportion([first_c.n, second_c.n], [first_c.successes, second_c.successes]).sum(),
    )
    for name in ("estimate", "low", "high", "p_value"):
        np.testing.assert_allclose(getattr(merged, name), getattr(pooled, name), rtol=1e-12)


@pytest.mark.parametrize("sequence", SEQUENCES)
@pytest.mark.parametrize(
    ("treated", "controlled", "reason"),
    [
        ((0, 0), (0, 0), Reason.NO_DATA),
        ((0, 0), (9, 3), Reason.EMPTY_ARM),
        ((9, 3), (0, 0), Reason.EMPTY_ARM),
    ],
)
def test_without_data_nothing_is_said(sequence, treated, controlled, reason):
    effect = sequence(Proportion(*treated), Proportion(*controlled))
    assert (effect.low, effect.high, effect.p_value, effect.reason) == (-np.inf, np.inf, 1.0, reason)
    assert effect.estimate == 0.0


@pytest.mark.parametrize("sequence", [tuned, mixed, planned])
@pytest.mark.parametrize(
    ("treated", "controlled", "reason"),
    [
        ((1, 1), (50, 5), Reason.TOO_FEW),
        ((2, 2), (2, 0), Reason.NO_VARIANCE),
        ((9, 0), (9, 0), Reason.NO_VARIANCE),
    ],
)
def test_without_a_variance_nothing_is_said(sequence, treated, controlled, reason):
    effect = sequence(Proportion(*treated), Proportion(*controlled))
    assert (effect.low, effect.high, effect.p_value, effect.reason) == (-np.inf, np.inf, 1.0, reason)


@pytest.mark.parametrize("sequence", [tuned, mixed, planned])
def test_nothing_is_relative_to_zero(sequence):
    effect = sequence(Proportion(50, 5), Proportion(50, 0), relative=True)
    assert (effect.estimate, effect.p_value, effect.reason) == (0.0, 1.0, Reason.ZERO_BASELINE)


@pytest.mark.parametrize("sequence", PARTS)
def test_shapes_broadcast(sequence):
    effect = sequence(Proportion(100, [[10], [12]]), Proportion(100, [9, 10, 11]), margin=np.zeros((4, 1, 1)))
    assert effect.p_value.shape == effect.low.shape == effect.reason.shape == (4, 2, 3)


@pytest.mark.parametrize("sequence", PARTS)
@pytest.mark.parametrize(
    ("name", "question"),
    [
        ("confidence", {"confidence": 1.0}),
        ("alternative", {"alternative": "unequal"}),
        ("margin", {"margin": np.nan}),
    ],
)
def test_bad_questions_are_refused(sequence, name, question):
    with pytest.raises(ValueError, match=name):
        sequence(Proportion(10, 1), Proportion(10, 2), **question)
