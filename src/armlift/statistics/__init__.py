"""Estimates and probabilities that policies, simulations and reports share."""

from armlift.statistics.best_arm import probability_best_beta, probability_best_normal

__all__ = ["probability_best_beta", "probability_best_normal"]
