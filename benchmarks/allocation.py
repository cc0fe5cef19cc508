"""Error and speed of the exact allocation: `ThompsonSampling().allocation` against adaptive quadrature.

The reference integrates P(arm is best) = E[product of the others' distribution functions] arm by arm with
QUADPACK to 1e-12, and takes the distribution functions from SciPy: nothing is shared with armlift's own rule.
The table that the simulator keeps over batches is compared with the allocation along simulated experiments.
"""

import argparse
import time
from collections.abc import Callable
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import integrate, special

from armlift.bandits import BanditState, ThompsonSampling
from armlift.bandits.win_table import empty_win_table, win_probabilities
from armlift.statistics import probability_best_beta

Floats = NDArray[np.float64]


def random_states(number: int, n_arms: int, rng: np.random.Generator) -> BanditState:
    """States of every age, from a few rewards to a million, with arms of like and of unlike means."""
    rewards = np.floor(10.0 ** rng.uniform(0, 6, (number, n_arms)))
    centre, gap = rng.uniform(0.02, 0.98, (number, 1)), 10.0 ** rng.uniform(-4, -0.5, (number, 1))
    means = np.clip(centre + gap * rng.standard_normal((number, n_arms)), 0.0, 1.0)
    successes = rng.binomial(rewards.astype(np.int64), means).astype(float)
    counts = rewards.astype(np.int64)
    return BanditState(
        n=rewards,
        total=successes,
        squares=successes,
        observed=counts,
        pending=np.zeros_like(counts),
        time=counts.sum(axis=1),
    )


def density(x: float, a: float, b: float) -> float:
    """Density of Beta(a, b) up to a constant; taken from the mean, where its large terms cancel early."""
    mean = a / (a + b)
    rise = special.xlog1py(a - 1.0, (x - mean) / mean)
    return float(np.exp(rise + special.xlog1py(b - 1.0, (mean - x) / (1.0 - mean))))


def density_as_best(x: float, arm: int, a: Floats, b: Floats) -> float:
    """An arm's density at x, times the probability that all others lie below."""
    others = special.betainc(np.delete(a, arm), np.delete(b, arm), x)
    return density(x, a[arm], b[arm]) * float(others.prod())


def reference(a: Floats, b: Floats) -> Floats:
    """P(arm is best) of one set of Beta posteriors, shape (K,)."""
    mean = a / (a + b)
    sd = np.sqrt(mean * (1.0 - mean) / (a + b + 1.0))
    # Cut at every arm's landmarks: a narrow posterior lost between two nodes would count as nothing.
    cuts = np.concatenate([mean + width * sd for width in (-12, -6, -3, -1, 0, 1, 3, 6, 12)])
    pieces = list(pairwise(np.unique(np.clip(np.append(cuts, [0.0, 1.0]), 0.0, 1.0))))

    def integral(function: Callable[..., float], *parameters: object) -> float:
        return sum(
            integrate.quad(function, *piece, args=parameters, epsabs=1e-14, epsrel=1e-12)[0]
            for piece in pieces
        )

    return np.array(
        [integral(density_as_best, arm, a, b) / integral(density, a[arm], b[arm]) for arm in range(len(a))]
    )


def allocation_error(number: int, n_arms: int, seed: int) -> tuple[Floats, Floats]:
    """Compare armlift's allocation with the reference on random states.

    Returns:
        Largest error over the arms of each state, shape (number,), and by how much the reference's own
        probabilities miss a sum of 1, shape (number,).
    """
    policy = ThompsonSampling()
    state = random_states(number, n_arms, np.random.default_rng(seed))
    exact = np.array([reference(a, b) for a, b in zip(*policy.posterior(state), strict=True)])
    return np.abs(policy.allocation(state) - exact).max(axis=1), np.abs(exact.sum(axis=1) - 1.0)


def table_error(means: Floats, batch_size: int, experiments: int, batches: int = 100) -> Floats:
    """Largest error over the arms of the simulator's table, shape (experiments x batches,)."""
    errors = []
    for seed in range(experiments):
        rng, table, found = np.random.default_rng(seed), empty_win_table(len(means)), np.empty(len(means))
        a, b = np.ones(len(means)), np.ones(len(means))
        for _ in range(batches):
            win_probabilities(table, a, b, found)
            exact = probability_best_beta(a, b)
            errors.append(np.abs(found - exact).max())
            pulls = rng.multinomial(batch_size, exact)
            wins = rng.binomial(pulls, means)
            a, b = a + wins, b + pulls - wins
    return np.array(errors)


def main() -> None:
    """Parse the command line and print the error and the time of an allocation."""
    parser = argparse.ArgumentParser(description="Error and speed of Thompson sampling's exact allocation.")
    parser.add_argument("--states", type=int, default=50)
    parser.add_argument("--arms", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    errors, misses = allocation_error(options.states, options.arms, options.seed)
    print(f"{options.states} random states of {options.arms} arms, against adaptive quadrature:")
    print(f"error of a probability: largest {errors.max():.1e}, median over states {np.median(errors):.1e}")
    print(f"the reference's own probabilities miss a sum of 1 by at most {misses.max():.1e}")

    policy, state = ThompsonSampling(), random_states(2000, options.arms, np.random.default_rng(options.seed))
    seconds = []
    for _ in range(5):
        started = time.perf_counter()
        policy.allocation(state)
        seconds.append(time.perf_counter() - started)
    low, middle, high = (value / 2000 * 1e6 for value in (min(seconds), np.median(seconds), max(seconds)))
    print(f"time of an allocation: {middle:.1f} ({low:.1f} .. {high:.1f}) microseconds")

    print("the simulator's table, along 5 experiments of 100 batches each:")
    for means in (np.linspace(0.30, 0.48, 10), np.linspace(0.1, 0.9, 9), np.linspace(0.09, 0.13, 5)):
        for batch_size in (16, 100, 1000):
            off = table_error(means, batch_size, experiments=5)
            arms = f"{len(means)} arms of {means[0]:.2f} .. {means[-1]:.2f}"
            print(f"{arms}, batches of {batch_size}: largest {off.max():.1e}, median {np.median(off):.1e}")


if __name__ == "__main__":
    main()
