"""P(arm is best) against closed forms and against references that share nothing with the quadrature.

`docs/statistics.md` states the error: at most 1e-8 for each probability.
"""

import math
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, special

from armlift.statistics import probability_best_beta, probability_best_normal
from armlift.statistics.posteriors import beta_beats

ERROR = 1e-8


def beats(a: int, b: int, c: int, d: int) -> float:
    """P(Beta(a, b) > Beta(c, d)) for whole numbers, in exact arithmetic: order statistics of uniforms.

    Beta(a, b) exceeds x when fewer than a of a + b - 1 uniforms lie below x, which leaves Beta functions of
    whole numbers to sum.
    """
    n = a + b - 1
    total = Fraction(0)
    for below in range(a):
        up, down = below + c, n - below + d  # integral of x^(up - 1) (1 - x)^(down - 1)
        beta = Fraction(math.factorial(up - 1) * math.factorial(down - 1), math.factorial(up + down - 1))
        total += math.comb(n, below) * beta
    return float(total * Fraction(math.factorial(c + d - 1), math.factorial(c - 1) * math.factorial(d - 1)))


def integral(function, cuts):
    """QUADPACK from cut to cut; `full_output` keeps it from warning that rounding stops it short of 1e-12."""
    pieces = [
        integrate.quad(function, *ends, epsabs=0, epsrel=1e-12, full_output=1) for ends in pairwise(cuts)
    ]
    return sum(piece[0] for piece in pieces)


def adaptive_beta(a, b):
    """Adaptive quadrature over x, cut where any arm's distribution function moves; parameters at least 1."""
    a, b = np.asarray(a, float), np.asarray(b, float)
    mean = a / (a + b)
    sd = np.sqrt(mean * (1 - mean) / (a + b + 1))
    cuts = np.concatenate([mean + width * sd for width in (-12, -6, -3, -1, 0, 1, 3, 6, 12)])
    cuts = np.unique(np.clip([0.0, 1.0, *cuts], 0.0, 1.0))

    def share(arm):
        others = np.arange(len(a)) != arm
        peak = special.xlogy(a[arm] - 1, mean[arm]) + special.xlog1py(b[arm] - 1, -mean[arm])

        def density(x):
            return np.exp(special.xlogy(a[arm] - 1, x) + special.xlog1py(b[arm] - 1, -x) - peak)

        def density_as_best(x):
            return density(x) * special.betainc(a[others], b[others], x).prod()

        def over(function):
            return sum(
                integrate.quad(function, *ends, epsabs=1e-16, epsrel=1e-12)[0] for ends in pairwise(cuts)
            )

        return over(density_as_best) / over(density)

    return np.array([share(arm) for arm in range(len(a))])


def log_below(z, a, b):
    """Log of Beta(a, b)'s distribution function at logit z <= 0, where x itself may be too small to store."""
    with np.errstate(divide="ignore"):
        inside = np.log(special.betainc(a, b, special.expit(np.maximum(z, -40.0))))
    return np.where(z < -40.0, a * z - special.betaln(a, b) - np.log(a), inside)


def trapezoid_beta(a, b):
    """The trapezoidal rule on the logit scale, which converges exponentially; any parameters above 0."""
    a, b = np.asarray(a, float), np.asarray(b, float)
    low, high = (np.log(a / b) - 45 / a - 12).min(), (np.log(a / b) + 45 / b + 12).max()
    step = min(0.05, np.sqrt(1 / a + 1 / b).min() / 8)
    z = np.arange(low, high, step)
    near, far = np.minimum(z, 0.0), np.minimum(-z, 0.0)
    at_left = np.array([np.exp(log_below(near, *arm)) for arm in zip(a, b, strict=True)])
    at_right = np.array([-np.expm1(log_below(far, *arm)) for arm in zip(b, a, strict=True)])
    below = np.where(z <= 0, at_left, at_right)
    density = np.exp(
        a[:, None] * special.log_expit(z) + b[:, None] * special.log_expit(-z) - special.betaln(a, b)[:, None]
    )
    return np.array([step * (density[k] * np.delete(below, k, 0).prod(axis=0)).sum() for k in range(len(a))])


def adaptive_normal(mean, sd):
    mean, sd = np.asarray(mean, float), np.asarray(sd, float)
    cuts = np.unique(np.concatenate([mean + width * sd for width in (-12, -6, -3, -1, 0, 1, 3, 6, 12)]))

    def share(arm):
        others = np.arange(len(mean)) != arm

        def density_as_best(x):
            z = (x - mean) / sd
            density = math.exp(-(z[arm] ** 2) / 2) / sd[arm] / math.sqrt(2 * math.pi)
            return density * special.ndtr(z[others]).prod()

        return integral(density_as_best, cuts)

    return np.array([share(arm) for arm in range(len(mean))])


def test_the_references_agree_with_arithmetic():
    assert beats(1, 1, 1, 1) == 0.5
    assert beats(2, 1, 1, 1) == pytest.approx(2 / 3, rel=1e-15)
    assert beats(2, 1, 1, 2) == pytest.approx(5 / 6, rel=1e-15)
    for reference in (adaptive_beta, trapezoid_beta):
        assert reference([3, 5], [4, 6]) == pytest.approx([beats(3, 4, 5, 6), beats(5, 6, 3, 4)], abs=1e-12)
        assert reference([2, 1, 1], [1, 3, 1]) == pytest.approx([19 / 30, 1 / 20, 19 / 60], abs=1e-12)


whole = st.integers(1, 150)


@given(a=whole, b=whole, c=whole, d=whole)
@settings(max_examples=150)
def test_two_arms_with_whole_numbers_in_closed_form(a, b, c, d):
    got = probability_best_beta(np.array([a, c], float), np.array([b, d], float))
    assert got == pytest.approx([beats(a, b, c, d), beats(c, d, a, b)], abs=1e-9)


@pytest.mark.parametrize("n_arms", [1, 2, 3, 10, 100])
@pytest.mark.parametrize(
    "parameters", [(1, 1), (0.5, 0.5), (0.1, 2), (1, 1e6), (3e5, 7e5), (1e6, 1), (40, 7)]
)
def test_equal_arms_share_equally(n_arms, parameters):
    a, b = (np.full(n_arms, value, dtype=float) for value in parameters)
    assert probability_best_beta(a, b) == pytest.approx(np.full(n_arms, 1 / n_arms), abs=ERROR)
    assert probability_best_normal(a, b) == pytest.approx(np.full(n_arms, 1 / n_arms), abs=ERROR)


@given(
    st.lists(st.tuples(st.floats(-50, 50), st.floats(-3, 3)), min_size=2, max_size=2),
)
def test_two_normal_arms_in_closed_form(arms):
    mean, sd = np.array([m for m, _ in arms]), np.array([10.0**s for _, s in arms])
    first = special.ndtr((mean[0] - mean[1]) / math.hypot(*sd))
    assert probability_best_normal(mean, sd) == pytest.approx([first, 1 - first], abs=ERROR)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ([2, 1, 1], [1, 3, 1]),
        ([12, 30, 7, 18], [40, 90, 31, 44]),
        ([1, 1, 1, 500], [1, 2, 9, 700]),
        ([1, 300_000], [1, 700_000]),
        ([300_001, 300_500, 5], [700_001, 699_500, 5]),
        ([500_000, 500_700, 499_000, 501_000], [500_000, 499_300, 501_000, 499_000]),
        ([1, 2, 3], [1e6, 1e6, 1e6]),
        ([100, 1, 1000, 10, 1e5], [900, 8, 9000, 80, 9e5]),
        ([900_000, 1], [100_000, 1]),
        ([20, 80_000, 3], [80, 20_000, 997]),  # the last has no hope
    ],
)
def test_adaptive_quadrature_from_one_to_a_million_rewards(a, b):
    got = probability_best_beta(np.array(a, float), np.array(b, float))
    assert got == pytest.approx(adaptive_beta(a, b), abs=ERROR)
    assert got.sum() == pytest.approx(1.0, abs=1e-14)


@given(st.lists(st.floats(-2, 6), min_size=1, max_size=20))
def test_arms_without_a_failure_in_closed_form(logs):
    """Beta(a, 1) has x^a below x, so an arm is the best with its share of the sum of the a's."""
    a = 10.0 ** np.array(logs)
    assert probability_best_beta(a, np.ones_like(a)) == pytest.approx(a / a.sum(), abs=ERROR)


def test_a_million_clicks_without_a_failure_but_one():
    a = 1e6
    others = a + 999_990  # the exponent of x in the product of the others' distribution functions
    best = a * (a + 1) / ((a + others) * (a + others + 1))
    got = probability_best_beta(np.array([a, a, 999_990]), np.array([1.0, 2.0, 1.0]))
    assert got[1] == pytest.approx(best, abs=ERROR)


@pytest.mark.parametrize("lowest", [0.5, 1e5, 3e6])
def test_two_arms_up_to_ten_million_rewards(lowest):
    """Against the integral over characteristic functions, which has 11 digits there."""
    a, b, c, d = np.exp(np.random.default_rng(6).uniform(math.log(lowest), math.log(1e7), (4, 300)))
    c[::2], d[::2] = a[::2] + np.sqrt(a[::2]), b[::2]  # arms that are close
    got = probability_best_beta(np.stack([a, c], axis=-1), np.stack([b, d], axis=-1))
    assert got[:, 0] == pytest.approx(beta_beats(a, b, c, d), abs=ERROR / 2)


@pytest.mark.parametrize("n_arms", [20, 100])
def test_many_arms(n_arms):
    rng = np.random.default_rng(n_arms)
    n = np.floor(10 ** rng.uniform(1, 4, n_arms))
    clicks = rng.binomial(n.astype(int), rng.uniform(0.28, 0.32, n_arms))
    a, b = 1.0 + clicks, 1.0 + n - clicks
    got = probability_best_beta(a, b)
    assert got == pytest.approx(trapezoid_beta(a, b), abs=ERROR)
    assert (got > 1e-3).sum() > 5


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ([0.5, 0.5], [0.5, 0.7]),
        ([0.1, 0.2, 0.3], [0.3, 0.2, 0.1]),
        ([0.05, 0.02], [0.01, 0.02]),
        ([0.01, 0.01], [0.01, 0.02]),
        ([0.07, 0.2], [1.3, 9.6]),
        ([4.3, 0.17], [0.083, 0.14]),
        ([0.05, 200.0], [0.05, 100.0]),
        ([0.3, 0.3, 12.3, 1e4], [0.7, 0.7, 9.7, 1e4]),
    ],
)
def test_priors_below_one(a, b):
    got = probability_best_beta(np.array(a), np.array(b))
    assert got == pytest.approx(trapezoid_beta(a, b), abs=ERROR)


@pytest.mark.slow
@pytest.mark.parametrize("lowest", [0.05, 1.0])
def test_random_posteriors(lowest):
    rng = np.random.default_rng(3)
    for _ in range(200):
        size = rng.integers(2, 6)
        a, b = np.exp(rng.uniform(math.log(lowest), math.log(200), (2, size)))
        assert probability_best_beta(a, b) == pytest.approx(trapezoid_beta(a, b), abs=ERROR)


@pytest.mark.parametrize(
    ("mean", "sd"),
    [
        ([0, 0.5, 1], [1, 1, 1]),
        ([0, 0.001, -3], [1e-3, 2e-3, 5]),
        ([100, 101, 99, 100], [3, 0.1, 20, 1e-3]),
        ([-1e6, -1e6 + 3], [1, 5]),
        (list(np.linspace(0, 1, 30)), list(np.linspace(1, 0.1, 30))),
    ],
)
def test_normal_arms_against_adaptive_quadrature(mean, sd):
    got = probability_best_normal(np.array(mean, float), np.array(sd, float))
    assert got == pytest.approx(adaptive_normal(mean, sd), abs=ERROR)


def test_an_arm_without_hope_gets_nothing_and_disturbs_nobody():
    two = probability_best_beta(np.array([600.0, 610.0]), np.array([400.0, 390.0]))
    three = probability_best_beta(np.array([600.0, 1.0, 610.0]), np.array([400.0, 1e5, 390.0]))
    assert three[1] == 0.0
    assert three[[0, 2]] == pytest.approx(two, abs=1e-12)
    assert probability_best_beta(np.array([1e6, 1.0]), np.array([1.0, 1e6])).tolist() == [1.0, 0.0]
    assert probability_best_normal(np.array([0.0, 1e9]), np.array([1.0, 1.0])).tolist() == [0.0, 1.0]


@given(
    st.lists(st.tuples(st.floats(-1, 5), st.floats(-1, 5)), min_size=2, max_size=6),
    st.randoms(use_true_random=False),
)
@settings(max_examples=60)
def test_the_order_of_arms_does_not_matter(logs, random):
    a, b = 10.0 ** np.array(logs).T
    order = random.sample(range(len(a)), len(a))
    got = probability_best_beta(a, b)
    assert (got >= 0.0).all()
    assert got.sum() == pytest.approx(1.0, abs=1e-13)
    assert probability_best_beta(a[order], b[order]) == pytest.approx(got[order], abs=1e-12)
    assert probability_best_normal(a[order], b[order]) == pytest.approx(
        probability_best_normal(a, b)[order], abs=1e-12
    )


@given(st.lists(st.floats(0.3, 50), min_size=4, max_size=4))
@settings(max_examples=60)
def test_best_of_successes_is_worst_of_failures(values):
    """With two arms, swapping successes and failures swaps the winner."""
    a, b = np.array(values[:2]), np.array(values[2:])
    assert probability_best_beta(a, b) == pytest.approx(1 - probability_best_beta(b, a), abs=2 * ERROR)


def test_one_more_success_raises_an_arm():
    a, b = np.array([5.0, 6.0, 7.0]), np.array([5.0, 4.0, 9.0])
    before = probability_best_beta(a, b)
    after = probability_best_beta(a + np.array([1.0, 0.0, 0.0]), b)
    assert after[0] > before[0]
    assert (after[1:] < before[1:]).all()


def test_leading_axes_and_broadcasting():
    rng = np.random.default_rng(0)
    a, b = rng.uniform(1, 9, (4, 3, 5)), rng.uniform(1, 9, (4, 3, 5))
    for probability in (probability_best_beta, probability_best_normal):
        together = probability(a, b)
        assert together.shape == (4, 3, 5)
        for index in np.ndindex(4, 3):
            assert (together[index] == probability(a[index], b[index])).all()
        assert (probability(a, b[0, 0]) == probability(a, np.broadcast_to(b[0, 0], a.shape))).all()
        assert (
            probability(a[:, ::2, ::-1], b[:, ::2, ::-1])[..., ::-1] == together[:, ::2]
        ).all() or np.allclose(
            probability(a[:, ::2, ::-1], b[:, ::2, ::-1])[..., ::-1], together[:, ::2], rtol=0, atol=1e-14
        )


def test_whole_numbers_are_taken_and_arguments_left_alone():
    a, b = np.array([3, 5]), np.array([4, 6])
    assert probability_best_beta(a, b) == pytest.approx([beats(3, 4, 5, 6), beats(5, 6, 3, 4)], abs=1e-10)
    assert (a.tolist(), b.tolist()) == ([3, 5], [4, 6])
