"""How often the lift of each bandit seems to differ from 0 in the A/A world, where it is 0.

Trains the arms of `conf/base` on a data set, makes all of them equal, plays every policy with many seeds and
counts the 95 % intervals that exclude 0: `python benchmarks/aa.py --source ml-latest-small --path FOLDER`.
"""

import argparse
import sys
from pathlib import Path

import yaml
from scipy.stats import binom

from armlift.bandits import create_policy
from armlift.datasets.loading import load_dataset
from armlift.pipelines.parameters import PolicyParameters, TrainingParameters, WorldParameters
from armlift.pipelines.simulation.nodes import build_world
from armlift.pipelines.training.nodes import serve_slates, split_by_user, train_recommenders
from armlift.simulation import World, simulate
from armlift.statistics import paired_lift

CONF = Path(__file__).parents[1] / "conf" / "base" / "parameters"
ERROR_RATE = 0.05


def aa_world(source: str, path: Path | None) -> World:
    """The A/A world of a data set, by the nodes of the main job."""
    training = TrainingParameters(**yaml.safe_load((CONF / "training.yml").read_text())["training"])
    declared = yaml.safe_load((CONF / "simulation.yml").read_text())["world"]
    world = WorldParameters(**declared | {"kind": "aa"})
    data = load_dataset(source, path, "raise")
    history, future, withheld = split_by_user(data.ratings, world)
    recommenders = train_recommenders(history, data.items, training)
    slates = serve_slates(recommenders, history, future, training)
    return build_world(history, future, withheld, data.items, slates, world)[0]


def main() -> None:
    """Parse the command line and print the table as Markdown."""
    parser = argparse.ArgumentParser(description="False differences in the A/A world.")
    parser.add_argument("--source", default="sample")
    parser.add_argument("--path", type=Path)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--replicates", type=int, default=50)
    parser.add_argument("--horizon", type=int, default=2000)
    parser.add_argument("--batch-size", type=int, default=100)
    options = parser.parse_args()

    world = aa_world(options.source, options.path)
    declared = yaml.safe_load((CONF / "simulation.yml").read_text())["policies"]
    parameters = PolicyParameters(**declared).of_each_policy()
    policies = {policy_id: create_policy(policy_id, **own) for policy_id, own in parameters.items()}
    excluded = dict.fromkeys(list(policies)[1:], 0)
    for seed in range(options.seeds):
        totals = {
            policy_id: simulate(
                policy,
                world,
                horizon=options.horizon,
                replicates=options.replicates,
                seed=seed,
                batch_size=options.batch_size,
            )
            .rewards[:, -1]
            .sum(axis=1)
            .astype(float)
            for policy_id, policy in policies.items()
        }
        for policy_id in excluded:
            lift = paired_lift(totals[policy_id], totals["fixed"])
            excluded[policy_id] += not lift.low <= 0.0 <= lift.high
        print(f"\rseed {seed + 1} of {options.seeds}", end="", file=sys.stderr)

    print(
        f"\n{options.seeds} seeds, {options.replicates} x {options.horizon:,} decisions, {options.source}:\n"
    )
    print("| policy | intervals without 0 |\n|---|---|")
    for policy_id, count in excluded.items():
        print(f"| {policy_id} | {count} |")
    most = [int(binom.ppf(level, options.seeds, ERROR_RATE)) for level in (0.95, 0.99)]
    print(f"\nA binomial at 5 % allows up to {most[0]} (95 %) or {most[1]} (99 %) for one policy.")


if __name__ == "__main__":
    main()
