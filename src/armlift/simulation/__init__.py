"""Worlds with a known truth, and policies played against them."""

from armlift.simulation.bernoulli import BernoulliResult, run_bernoulli
from armlift.simulation.runner import DecisionTrace, PolicyRun, simulate
from armlift.simulation.world import World, bernoulli_world, equal_arms_world

__all__ = [
    "BernoulliResult",
    "DecisionTrace",
    "PolicyRun",
    "World",
    "bernoulli_world",
    "equal_arms_world",
    "run_bernoulli",
    "simulate",
]
