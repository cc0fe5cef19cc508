"""Bandit policies: rules that allocate decisions to arms."""

from armlift.bandits.catalog import POLICIES, create_policy
from armlift.bandits.fixed import FixedSplit
from armlift.bandits.mean_based import EpsilonGreedy, Softmax
from armlift.bandits.policy import Policy
from armlift.bandits.state import BanditState
from armlift.bandits.thompson import Posterior, ThompsonSampling
from armlift.bandits.ucb import KLUCB, UCB1

__all__ = [
    "KLUCB",
    "POLICIES",
    "UCB1",
    "BanditState",
    "EpsilonGreedy",
    "FixedSplit",
    "Policy",
    "Posterior",
    "Softmax",
    "ThompsonSampling",
    "create_policy",
]
