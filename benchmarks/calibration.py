"""How often tests and intervals err, in simulated experiments: the tables of `docs/statistics.md`.

Each table has a fixed seed: `python benchmarks/calibration.py --only looks bandits`.
"""

import argparse
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from armlift.bandits import ThompsonSampling
from armlift.statistics import (
    Effect,
    Proportion,
    Verdict,
    aipw_scores,
    arm_scores,
    beta_binomial_sequence,
    confidence_sequence,
    difference,
    false_alarm_rate,
    group_sequential,
    group_sequential_bounds,
    mixture_sprt,
    relative_difference,
    sample_ratio_test,
    sequential_sample_ratio_test,
    trend,
    verdicts,
)
from armlift.statistics.sequential import first_verdict

Floats = NDArray[np.float64]


def looks() -> None:
    """Print what each sequential method costs: 100 looks of 200 users an arm, control 10 %, alpha 5 %."""
    n, simulations = 200.0 * np.arange(1, 101), 4000
    plans = {
        name: group_sequential_bounds(np.arange(1, 101) / 100, spending=name)
        for name in ("obrien_fleming", "pocock")
    }
    methods: dict[str, Callable[[Proportion, Proportion], Effect]] = {
        "z-test at every look": difference,
        "z-test at the last look": lambda t, c: difference(t[:, -1:], c[:, -1:]),
        "O'Brien-Fleming": lambda t, c: group_sequential(t, c, plans["obrien_fleming"]),
        "Pocock": lambda t, c: group_sequential(t, c, plans["pocock"]),
        "confidence sequence": lambda t, c: confidence_sequence(t, c, tuned_at=10_000),
        "mixture SPRT": lambda t, c: mixture_sprt(t, c, mixing_variance=0.01**2),
        "Beta-Binomial": beta_binomial_sequence,
    }
    print("| method | any verdict in A/A | win at +10 % | mean look | win at +20 % | mean look |")
    print("|---|---|---|---|---|---|")
    for name, method in methods.items():
        cells = []
        for rate in (0.10, 0.11, 0.12):
            rng = np.random.default_rng(7)
            arms = [
                Proportion(n, rng.binomial(200, p, (simulations, 100)).cumsum(axis=1)) for p in (rate, 0.10)
            ]
            effect = method(*arms)
            found = first_verdict(verdicts(effect))
            look = n.size if effect.low.shape[1] == 1 else (found.look + 1).mean()
            if rate == 0.10:
                cells.append(f"{(found.verdict != Verdict.CONTINUE).mean():.3f}")
            else:
                cells += [f"{(found.verdict == Verdict.WIN).mean():.3f}", f"{look:.1f}"]
        print(f"| {name} | {' | '.join(cells)} |")


def bandits() -> None:
    """Print the worse arm's bias, plain and by AIPW: Thompson sampling, 20 batches of 50, arms .3 and .4."""
    means, batches, size, replicates = np.array([0.3, 0.4]), 20, 50, 4000
    print("| floor | bias of the plain mean | bias of AIPW | 95 % interval of AIPW's contrast covers |")
    print("|---|---|---|---|")
    for floor in (0.05, 0.01, 0.0):
        rng, policy = np.random.default_rng(1), ThompsonSampling(floor=floor)
        state = policy.initial_state(2, replicates)
        arms, rewards, propensities = [], [], []
        for _ in range(batches):
            allocation = policy.allocation(state)
            arm = (rng.random((replicates, size)) >= allocation[:, :1]).astype(np.int64)
            reward = (rng.random((replicates, size)) < means[arm]).astype(float)
            for place in range(size):
                state = policy.update(state, arm[:, place], reward[:, place])
            arms.append(arm)
            rewards.append(reward)
            propensities.append(np.broadcast_to(allocation[:, None], (replicates, size, 2)))
        scores = aipw_scores(*(np.concatenate(parts, axis=1) for parts in (arms, rewards, propensities)))
        estimates = arm_scores(scores)
        plain = state.total[:, 0] / np.maximum(state.n[:, 0], 1.0)
        cells = [
            f"{values.mean() - means[0]:+.4f} ± {values.std() / replicates**0.5:.4f}"
            for values in (plain[state.n[:, 0] > 0], estimates.arms.value[:, 0])
        ]
        effect, gap = difference(*estimates.against(0)), means - means[0]
        covered = ((effect.low <= gap) & (gap <= effect.high))[:, 1].mean()
        print(f"| {floor} | {' | '.join(cells)} | {covered:.3f} |")


def relative() -> None:
    """Print how A/A tests of the relative difference err on each side: 200,000 of them, 95 %."""
    print("| rate, n an arm | Fieller above, below | delta above, below |\n|---|---|---|")
    rng, tests = np.random.default_rng(0), 200_000
    for rate, n in ((0.1, 200), (0.1, 1000), (0.02, 2000), (0.02, 20_000)):
        arms = [Proportion(np.full(tests, n), rng.binomial(n, rate, tests)) for _ in range(2)]
        cells = []
        for method in ("fieller", "delta"):
            effect = relative_difference(*arms, method=method)
            cells.append(f"{(effect.low > 0).mean():.2%}, {(effect.high < 0).mean():.2%}")
        print(f"| {rate:.0%}, {n:,} | {' | '.join(cells)} |")


def sample_ratio() -> None:
    """Print how often a sound experiment rings the alarm: 100 looks of 500 units, 20,000 experiments."""
    print("| threshold | 1 look | 10 | 30 | 100 | Pearson, simulated | sequential, simulated |")
    print("|---|---|---|---|---|---|---|")
    counts = np.random.default_rng(0).multinomial(500, [0.5, 0.5], (20_000, 100)).cumsum(axis=1)
    for threshold in (0.01, 0.001):
        cells = [f"{false_alarm_rate(threshold, looks=n):.4f}" for n in (1, 10, 30, 100)]
        for test in (sample_ratio_test, sequential_sample_ratio_test):
            cells.append(f"{test(counts, [1, 1], threshold=threshold).alarm.any(axis=1).mean():.4%}")
        print(f"| {threshold} | {' | '.join(cells)} |")


def trends() -> None:
    """Print the coverage of the trend's 95 % interval, 2,000 series each."""
    lengths = (30, 60, 100, 400)
    print(f"| noise | {' | '.join(map(str, lengths))} |\n|---|---|---|---|---|")
    rng = np.random.default_rng(0)
    for coefficients in ((), (0.3,), (0.5,), (0.7,), (0.3, 0.3)):
        cells = []
        for length in lengths:
            shocks = rng.standard_normal((2000, length + 300))
            series = signal.lfilter([1.0], [1.0, *(-c for c in coefficients)], shocks)[:, 300:]
            found = [trend(row) for row in series]
            cells.append(f"{np.mean([each.low <= 0.0 <= each.high for each in found]):.3f}")
        name = f"AR({len(coefficients)}) {coefficients}" if coefficients else "independent"
        print(f"| {name} | {' | '.join(cells)} |")


TABLES = {each.__name__: each for each in (looks, bandits, relative, sample_ratio, trends)}


def main() -> None:
    """Parse the command line and print the tables as Markdown."""
    parser = argparse.ArgumentParser(description="Error rates of tests and intervals, by simulation.")
    parser.add_argument("--only", nargs="+", choices=sorted(TABLES), default=list(TABLES))
    for name in parser.parse_args().only:
        print(f"\n## {name}\n\n{TABLES[name].__doc__}\n")
        TABLES[name]()


if __name__ == "__main__":
    main()
