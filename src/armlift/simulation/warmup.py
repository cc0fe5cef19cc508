"""Compile the simulation kernels: `python -m armlift.simulation.warmup`. The result is kept on disk."""

from __future__ import annotations

from armlift.bandits import POLICIES, create_policy
from armlift.simulation.runner import simulate
from armlift.simulation.world import bernoulli_world


def compile_kernels() -> None:
    """Play every policy for a moment, which compiles whatever is not on disk yet."""
    world = bernoulli_world([0.1, 0.2])
    for policy_id in POLICIES:
        policy = create_policy(policy_id, floor=0.05)
        simulate(policy, world, horizon=10, replicates=1, seed=0, workers=1, traced=True)


if __name__ == "__main__":
    compile_kernels()
