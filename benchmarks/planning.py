"""Speed of `armlift plan`: 4,000 experiments x 30 looks x 2 arms by rule, simulation included.

Everything here runs on one core. The peer is what one would write by hand: one experiment and one look at a
time, with statsmodels' z-test for two proportions until it is significant. It judges a small share of the
same experiments, and its time is scaled up.
"""

import argparse
import time

import numpy as np
from statsmodels.stats.proportion import test_proportions_2indep

from armlift.experiments.rules import RULES, plain_design
from armlift.simulation.operating_characteristics import operating_characteristics
from armlift.simulation.planning_worlds import Scenario, simulated_looks


def seconds(replicates: int, looks: int, rule: str, seed: int) -> float:
    """Time of one rule in the A/A world, the best of three."""
    design = plain_design(baseline=0.1, looks=looks)
    times = []
    for _ in range(3):
        started = time.perf_counter()
        operating_characteristics(RULES[rule], design, Scenario("aa", 0.0), replicates=replicates, seed=seed)
        times.append(time.perf_counter() - started)
    return min(times)


def peer_seconds(experiments: int, looks: int, seed: int) -> float:
    """Time of statsmodels, experiment by experiment and look by look."""
    design = plain_design(baseline=0.1, looks=looks)
    started = time.perf_counter()
    (data,) = simulated_looks(design, Scenario("aa", 0.0), experiments, seed)
    for successes, users in zip(data.successes, data.n, strict=True):
        for look in range(looks):
            p_value = test_proportions_2indep(
                successes[look, 1],
                users[look, 1],
                successes[look, 0],
                users[look, 0],
                method="wald",
                alternative="larger",
            ).pvalue
            if p_value < 0.05:
                break
    return time.perf_counter() - started


def main() -> None:
    """Parse the command line and print seconds by rule and the peer's."""
    parser = argparse.ArgumentParser(description="Speed of decision rules on simulated experiments.")
    parser.add_argument("--replicates", type=int, default=4000)
    parser.add_argument("--looks", type=int, default=30)
    parser.add_argument("--peer-experiments", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    size = f"{options.replicates:,} experiments x {options.looks} looks x 2 arms, simulation included"
    print(f"{size}:")
    for rule in RULES:
        operating_characteristics(  # compiles and loads what the rule needs
            RULES[rule], plain_design(baseline=0.1, looks=options.looks), Scenario("aa", 0.0), replicates=64
        )
        took = seconds(options.replicates, options.looks, rule, options.seed)
        print(f"  {rule:<16} {took:6.3f} s")
    own = seconds(options.replicates, options.looks, "fixed_horizon", options.seed)
    scale = options.replicates / options.peer_experiments
    peer = scale * np.median(
        [peer_seconds(options.peer_experiments, options.looks, options.seed) for _ in range(3)]
    )
    print(f"statsmodels, one experiment and look at a time: {peer:.1f} s (scaled), {peer / own:.0f} times")


if __name__ == "__main__":
    main()
