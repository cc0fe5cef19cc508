import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import betaln
from scipy.stats import binom

from armlift.statistics.moments import Proportion
from armlift.statistics.sequential import beta_binomial_limits, beta_binomial_sequence


def log_martingale(p, n, s, a=0.5, b=0.5):
    return betaln(a + s, b + n - s) - betaln(a, b) - s * np.log(p) - (n - s) * np.log1p(-p)


@pytest.mark.parametrize(("n", "s"), [(10, 3), (1000, 1), (1_000_000, 30_000), (40, 20)])
@pytest.mark.parametrize("prior", [(0.5, 0.5), (10.0, 90.0)])
def test_the_limits_are_where_the_martingale_reaches_one_over_alpha(n, s, prior):
    low, high = beta_binomial_limits(Proportion(n, s), prior=prior)

    def excess(p):
        return log_martingale(p, n, s, *prior) + np.log(0.05)

    assert low == pytest.approx(brentq(excess, 1e-300, s / n, xtol=1e-300), rel=1e-7)
    assert high == pytest.approx(brentq(excess, s / n, 1 - 1e-12, xtol=1e-15), rel=1e-7)


def test_nothing_and_everything_leave_one_end_open():
    low, high = beta_binomial_limits(Proportion([0, 50, 50], [0, 0, 50]))
    np.testing.assert_array_equal(low[:2], 0.0)
    np.testing.assert_array_equal(high[[0, 2]], 1.0)
    assert 0.0 < high[1] < 0.2
    assert low[2] == pytest.approx(1.0 - high[1])


def probability_of_ever_missing(p, units, confidence, limits):
    """Exact, by dynamic programming over the number of successes."""
    still = np.ones(1)
    missed = 0.0
    for n in range(1, units + 1):
        still = np.append(still * (1.0 - p), 0.0) + np.append(0.0, still * p)
        low, high = limits(Proportion(n, np.arange(n + 1)), confidence)
        outside = (p < low) | (p > high)
        missed += still[outside].sum()
        still[outside] = 0.0
    return missed


@pytest.mark.parametrize("p", [0.02, 0.1, 0.5, 0.93])
@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_the_sequence_ever_misses_with_less_than_alpha(p, confidence):
    def limits(arm, confidence):
        return beta_binomial_limits(arm, confidence=confidence)

    missed = probability_of_ever_missing(p, 600, confidence, limits)
    assert 0.1 * (1.0 - confidence) < missed <= 1.0 - confidence


def test_an_exact_interval_for_one_look_misses_far_too_often():
    """Clopper and Pearson's, at each look: the same check finds it out."""

    def limits(arm, confidence):
        tail = (1.0 - confidence) / 2.0
        at = 0.1
        too_high = binom.sf(arm.successes - 1.0, arm.n, at) < tail
        too_low = binom.cdf(arm.successes, arm.n, at) < tail
        return np.where(too_high, 1.0, 0.0), np.where(too_low, 0.0, 1.0)

    assert probability_of_ever_missing(0.1, 600, 0.95, limits) > 0.1


@pytest.mark.parametrize("margin", [0.0, 0.1, -0.3, 0.9])
@pytest.mark.parametrize(
    "arms", [((400, 0), (300, 240)), ((40, 40), (50, 0)), ((3000, 450), (2000, 500)), ((20, 0), (25, 25))]
)
def test_the_interval_of_confidence_one_less_p_touches_the_margin(arms, margin):
    treatment, control = (Proportion(*arm) for arm in arms)
    p_value = float(beta_binomial_sequence(treatment, control, margin=margin).p_value)
    if 1e-12 < p_value < 1.0:
        touching = beta_binomial_sequence(treatment, control, confidence=1 - p_value)
        end = touching.low if touching.estimate > margin else touching.high
        assert end == pytest.approx(margin, abs=1e-4)  # 1 - p keeps few digits of a small p
    else:
        inside = beta_binomial_sequence(treatment, control, confidence=0.999)
        assert (p_value == 1.0) == (inside.low <= margin <= inside.high)


def test_two_arms_share_alpha():
    treatment, control = Proportion(4000, 440), Proportion(5000, 500)
    effect = beta_binomial_sequence(treatment, control, confidence=0.9)
    low, high = beta_binomial_limits(treatment, confidence=0.95)
    other_low, other_high = beta_binomial_limits(control, confidence=0.95)
    assert effect.low == pytest.approx(low - other_high)
    assert effect.high == pytest.approx(high - other_low)
    more = beta_binomial_sequence(treatment, control, confidence=0.9, arms=5)
    assert more.low < effect.low
    strong = Proportion(4000, 640)
    few, many = (beta_binomial_sequence(strong, control, arms=k).p_value for k in (2, 6))
    assert many == pytest.approx(3.0 * few)


def test_a_prior_that_is_right_narrows():
    arm = Proportion(5000, 500)
    vague, sharp = beta_binomial_limits(arm), beta_binomial_limits(arm, prior=(100.0, 900.0))
    assert vague.low < sharp.low < sharp.high < vague.high


@pytest.mark.parametrize(
    ("name", "question"),
    [("prior", {"prior": (0.0, 1.0)}), ("arms", {"arms": 1}), ("margin", {"margin": 1.0})],
)
def test_bad_arguments_are_refused(name, question):
    with pytest.raises(ValueError, match=name):
        beta_binomial_sequence(Proportion(10, 1), Proportion(10, 2), **question)
