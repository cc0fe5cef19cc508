"""Exact distributions of what small bandits do, by dynamic programming over everything they can remember.

Nothing here is shared with armlift: each policy is written anew from its definition, with its own arithmetic.
A `Reference` folds rewards into a memory; decisions inside a batch see the memory of the batch's start, but
the pulls of every decision so far.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Hashable
from functools import cache
from typing import NamedTuple

import numpy as np
from scipy import integrate, optimize, special

Pulls = tuple[int, ...]
Probabilities = tuple[float, ...]
Counts = tuple[tuple[int, int], ...]  # (rewards observed, their sum) by arm


class Reference(NamedTuple):
    """A policy: what it remembers at first, how a reward changes that, and its probabilities by arm."""

    start: Hashable
    learn: Callable[[Hashable, int, int], Hashable]
    choose: Callable[[Hashable, Pulls], Probabilities]


def distribution_of_pulls(
    reference: Reference, means: tuple[float, ...], horizon: int, batch_size: int = 1
) -> dict[Pulls, float]:
    """Probability of every vector of pulls after `horizon` decisions."""
    choose, learn = cache(reference.choose), cache(reference.learn)
    frozen = {(reference.start, (0,) * len(means)): 1.0}
    for first in range(0, horizon, batch_size):
        # Inside a batch: what the choice sees, what will be known when the batch ends, and the pulls.
        inside = {(seen, seen, pulls): p for (seen, pulls), p in frozen.items()}
        for _ in range(first, min(first + batch_size, horizon)):
            after: dict[tuple[Hashable, Hashable, Pulls], float] = defaultdict(float)
            for (seen, known, pulls), p in inside.items():
                for arm, chosen in enumerate(choose(seen, pulls)):
                    if chosen == 0.0:
                        continue
                    played = (*pulls[:arm], pulls[arm] + 1, *pulls[arm + 1 :])
                    for reward, odds in ((1, means[arm]), (0, 1.0 - means[arm])):
                        after[seen, learn(known, arm, reward), played] += p * chosen * odds
            inside = after
        frozen = defaultdict(float)
        for (_, known, pulls), p in inside.items():
            frozen[known, pulls] += p
    result: dict[Pulls, float] = defaultdict(float)
    for (_, pulls), p in frozen.items():
        result[pulls] += p
    assert math.isclose(sum(result.values()), 1.0, rel_tol=1e-9)
    return dict(result)


def expected_regret(distribution: dict[Pulls, float], means: tuple[float, ...]) -> float:
    gaps = [max(means) - mean for mean in means]
    return sum(p * gap * n for pulls, p in distribution.items() for gap, n in zip(gaps, pulls, strict=True))


def counting(n_arms: int, choose: Callable[[Counts, Pulls], Probabilities]) -> Reference:
    """A policy that remembers counts and sums."""

    def learn(memory, arm, reward):
        n, total = memory[arm]
        return (*memory[:arm], (n + 1, total + reward), *memory[arm + 1 :])

    return Reference(((0, 0),) * n_arms, learn, choose)


def only(arm: int, n_arms: int) -> Probabilities:
    return tuple(float(k == arm) for k in range(n_arms))


def first_of_the_largest(scores: list[float]) -> int:
    return scores.index(max(scores))


def with_floor(reference: Reference, floor: float) -> Reference:
    """Every arm's probability is floor + (1 - K floor) times the policy's."""

    def choose(memory, pulls):
        chosen = reference.choose(memory, pulls)
        return tuple(floor + (1.0 - len(chosen) * floor) * w for w in chosen)

    return reference._replace(choose=choose)


def with_first_pulls(reference: Reference, least: int) -> Reference:
    """Until every arm has `least` pulls, the least pulled arm is played."""

    def choose(memory, pulls):
        if min(pulls) < least:
            return only(pulls.index(min(pulls)), len(pulls))
        return reference.choose(memory, pulls)

    return reference._replace(choose=choose)


def fixed(weights: tuple[float, ...]) -> Reference:
    return counting(len(weights), lambda memory, pulls: weights)


def epsilon_greedy(n_arms: int, epsilon: float) -> Reference:
    def choose(memory, pulls):
        if 0 in pulls:
            greedy = pulls.index(0)
        else:
            greedy = first_of_the_largest([s / n if n else math.inf for n, s in memory])
        return tuple(epsilon / n_arms + (1.0 - epsilon) * (k == greedy) for k in range(n_arms))

    return counting(n_arms, choose)


def softmax(n_arms: int, temperature: float) -> Reference:
    def choose(memory, pulls):
        if any(n == 0 for n, _ in memory):
            odds = [float(n == 0) for n, _ in memory]
        else:
            odds = [math.exp(s / n / temperature) for n, s in memory]
        return tuple(w / sum(odds) for w in odds)

    return counting(n_arms, choose)


def index_policy(n_arms: int, index: Callable[[int, int, int], float]) -> Reference:
    """Every arm once, in turn; then the largest index(n, sum, t), ties to the lowest arm."""

    def choose(memory, pulls):
        t = sum(n for n, _ in memory)
        scores = [index(n, s, t) if n else math.inf for n, s in memory]
        return only(first_of_the_largest(scores), n_arms)

    return with_first_pulls(counting(n_arms, choose), 1)


def ucb1_index(n: int, total: int, t: int) -> float:
    return total / n + math.sqrt(2.0 * math.log(t) / n)


@cache
def kl_ucb_index(n: int, total: float, t: int) -> float:
    """The largest q with n kl(mean, q) <= ln t, by bracketing."""
    mean, budget = total / n, math.log(t) / n

    def excess(q):
        return float(special.rel_entr(mean, q) + special.rel_entr(1.0 - mean, 1.0 - q)) - budget

    if mean == 1.0 or budget == 0.0:
        return mean
    highest = math.nextafter(1.0, 0.0)
    return (
        1.0
        if excess(highest) <= 0.0
        else float(optimize.brentq(excess, mean, highest, xtol=1e-15, rtol=1e-15))
    )


@cache
def beta_beats(a: int, b: int, c: int, d: int) -> float:
    """P(Beta(a, b) > Beta(c, d)) for whole numbers: a finite sum (Miller, 2015)."""
    return sum(
        math.exp(special.betaln(c + i, b + d) - special.betaln(1 + i, b) - special.betaln(c, d)) / (b + i)
        for i in range(a)
    )


@cache
def beta_beats_by_quadrature(a: float, b: float, c: float, d: float) -> float:
    """P(Beta(a, b) > Beta(c, d)) for any parameters of at least 1."""
    norm = special.betaln(a, b)

    def integrand(x):
        log_density = special.xlogy(a - 1.0, x) + special.xlog1py(b - 1.0, -x) - norm
        return float(np.exp(log_density) * special.betainc(c, d, x))

    return float(integrate.quad(integrand, 0.0, 1.0, epsabs=1e-11, epsrel=1e-11)[0])


def thompson() -> Reference:
    """Two arms, priors Beta(1, 1)."""

    def choose(memory, pulls):
        (n, s), (m, r) = memory
        second = beta_beats(1 + r, 1 + m - r, 1 + s, 1 + n - s)
        return 1.0 - second, second

    return counting(2, choose)


def thompson_gaussian() -> Reference:
    """Two arms, prior mean 1 worth 1 observation; rewards of 0 and 1 are their own squares."""

    def choose(memory, pulls):
        means, variances = [], []
        for n, s in memory:
            mean = (1.0 + s) / (1.0 + n)
            scatter = (1.0 - mean) ** 2 + s * (1.0 - mean) ** 2 + (n - s) * mean**2
            means.append(mean)
            variances.append((1.0 + scatter) / (1.0 + n) / (1.0 + n))
        first = float(special.ndtr((means[0] - means[1]) / math.sqrt(sum(variances))))
        return first, 1.0 - first

    return counting(2, choose)


def thompson_window(window: int) -> Reference:
    """Two arms; only the last `window` rewards count. Remembers them in order."""
    counts = thompson()

    def learn(memory, arm, reward):
        return (*memory, (arm, reward))[-window:]

    def choose(memory, pulls):
        rewards = [[reward for arm, reward in memory if arm == k] for k in range(2)]
        return counts.choose(tuple((len(r), sum(r)) for r in rewards), pulls)

    return Reference((), learn, choose)


def thompson_discounted(discount: float) -> Reference:
    """Two arms; a reward counts discount^j after j later ones. Remembers every reward in order."""

    def learn(memory, arm, reward):
        return (*memory, (arm, reward))

    def choose(memory, pulls):
        a, b = [1.0, 1.0], [1.0, 1.0]
        for age, (arm, reward) in enumerate(reversed(memory)):
            (a if reward else b)[arm] += discount**age
        second = beta_beats_by_quadrature(a[1], b[1], a[0], b[0])
        return 1.0 - second, second

    return Reference((), learn, choose)
