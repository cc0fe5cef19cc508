"""Estimates and probabilities that policies, simulations and reports share."""

from armlift.statistics.best_arm import probability_best_beta, probability_best_normal
from armlift.statistics.lift import Lift, paired_lift

__all__ = ["Lift", "paired_lift", "probability_best_beta", "probability_best_normal"]
