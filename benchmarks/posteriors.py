"""Speed and error of P(best) and P(beats): armlift's quadrature beside Monte Carlo and SciPy's quad.

Monte Carlo with N draws has a standard error of sqrt(p (1 - p) / N), so what it would cost to be as exact as
quadrature is its time at a million draws, scaled up; it is also given as it stands.
"""

import argparse
import time
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import integrate, stats

from armlift.statistics.best_arm import probability_best_beta
from armlift.statistics.posteriors import beta_beats

Floats = NDArray[np.float64]

DRAWS = 1_000_000
PAIRS = 120_000  # 4,000 experiments of 30 looks


def posteriors(rows: int, n_arms: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Beta posteriors of arms with 100 to 100,000 users and conversion near 10 %, shape (rows, n_arms)."""
    n = np.floor(10.0 ** rng.uniform(2, 5, (rows, 1))) * np.ones((rows, n_arms))
    clicks = rng.binomial(n.astype(np.int64), 0.1).astype(float)
    return 1.0 + clicks, 1.0 + n - clicks


def seconds(work: Callable[[], object], repeats: int) -> Floats:
    """Time of each of several runs."""
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return np.array(times)


def monte_carlo(a: Floats, b: Floats, rng: np.random.Generator) -> Floats:
    """P(arm is best) of one set of arms from `DRAWS` draws, shape (K,)."""
    best = np.argmax([rng.beta(*arm, size=DRAWS) for arm in zip(a, b, strict=True)], axis=0)
    return np.bincount(best, minlength=len(a)) / DRAWS


def by_quad(a: Floats, b: Floats) -> Floats:
    """P(arm is best) of one set of arms by QUADPACK to 1e-10, shape (K,)."""
    arms = [stats.beta(*arm) for arm in zip(a, b, strict=True)]
    cuts = sorted({min(max(arm.mean() + w * arm.std(), 0.0), 1.0) for arm in arms for w in (-9, -3, 0, 3, 9)})

    def share(k: int) -> float:
        def density_as_best(x: float) -> float:
            return float(arms[k].pdf(x) * np.prod([arm.cdf(x) for arm in arms[:k] + arms[k + 1 :]]))

        ends = (cuts[0], cuts[-1])
        return float(integrate.quad(density_as_best, *ends, points=cuts[1:-1], epsabs=1e-10, limit=500)[0])

    return np.array([share(k) for k in range(len(a))])


def words(times: Sequence[float] | Floats) -> str:
    """Median, minimum and maximum in microseconds."""
    low, middle, high = (1e6 * value for value in (np.min(times), np.median(times), np.max(times)))
    return f"{middle:,.1f} ({low:,.1f} .. {high:,.1f})"


def compare_best(n_arms: int, repeats: int, rng: np.random.Generator) -> None:
    """Print one line: P(best) of one set of arms."""
    rows = 2_000 if n_arms < 50 else 200
    a, b = posteriors(rows, n_arms, rng)
    probability_best_beta(a[:1], b[:1])
    ours = seconds(lambda: probability_best_beta(a, b), repeats) / rows
    one_call = seconds(lambda: probability_best_beta(a[0], b[0]), 200)
    drawn = seconds(lambda: monte_carlo(a[0], b[0], rng), 3)
    ratio = np.median(drawn) / np.median(ours)
    cells = [f"{n_arms}", words(ours), words(one_call), words(drawn), f"{ratio:,.0f}"]
    if n_arms <= 10:
        exact: list[Floats] = []
        quad = seconds(lambda: exact.append(by_quad(a[0], b[0])), 1)
        error = np.abs(probability_best_beta(a[0], b[0]) - exact[0]).max()
        cells += [f"{1e6 * quad[0]:,.0f}", f"{quad[0] / np.median(ours):,.0f}", f"{error:.1e}"]
    else:
        cells += ["", "", ""]
    print(f"| {' | '.join(cells)} |")


def main() -> None:
    """Parse the command line and print the tables as Markdown."""
    parser = argparse.ArgumentParser(description="Time P(best) and P(beats).")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)

    print(f"P(best) of one set of arms, microseconds, median (minimum .. maximum); {DRAWS:,} draws.\n")
    print(
        "| arms | armlift, many sets | one call | Monte Carlo | ratio | quad | ratio | difference from quad |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for n_arms in (2, 10, 100):
        compare_best(n_arms, options.repeats, rng)

    a, b = posteriors(PAIRS, 2, rng)
    pairs = a[:, 0].copy(), b[:, 0].copy(), a[:, 1].copy(), b[:, 1].copy()
    beta_beats(*(values[:1] for values in pairs))
    times = seconds(lambda: beta_beats(*pairs), options.repeats)
    draws = 100
    drawn = seconds(lambda: [rng.beta(a, b) for _ in range(draws)], 1)[0]
    low, middle, high = (f(times) for f in (np.min, np.median, np.max))
    error, ratio = 0.5 / draws**0.5, drawn / middle
    print(f"\n{PAIRS:,} pairs: {middle:.3f} ({low:.3f} .. {high:.3f}) s.")
    print(f"Monte Carlo with {draws} draws a pair, standard error up to {error:.2f}: {drawn:.2f} s,")
    print(f"{ratio:.1f} times as long; to 1e-8 {ratio * (error / 1e-8) ** 2:.0e} times as long.")


if __name__ == "__main__":
    main()
