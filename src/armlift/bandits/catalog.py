"""Policies by their ids, as briefs, parameters, tables and MLflow name them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from armlift.bandits.fixed import FixedSplit
from armlift.bandits.mean_based import EpsilonGreedy, Softmax
from armlift.bandits.policy import Policy
from armlift.bandits.thompson import ThompsonSampling
from armlift.bandits.ucb import KLUCB, UCB1
from armlift.errors import ParameterError

POLICIES: Mapping[str, Any] = {
    "fixed": FixedSplit,
    "epsilon_greedy": EpsilonGreedy,
    "softmax": Softmax,
    "ucb1": UCB1,
    "kl_ucb": KLUCB,
    "thompson": ThompsonSampling,
    "thompson_gaussian": partial(ThompsonSampling, model="gaussian"),
    "thompson_discounted": partial(ThompsonSampling, discount=0.999),
    "thompson_window": partial(ThompsonSampling, window=5000),
}


def create_policy(policy_id: str, **parameters: Any) -> Policy:
    """Build a policy from its id and parameters.

    Args:
        policy_id: One of `POLICIES`.
        **parameters: The class's arguments, such as `epsilon=0.05` or `floor=0.05`.

    Raises:
        ParameterError: If the id or a parameter is unknown, or a value lies outside its bound.

    Example:
        >>> create_policy("epsilon_greedy", epsilon=0.2).id
        'epsilon_greedy'
    """
    if policy_id not in POLICIES:
        raise ParameterError("policy", policy_id, f"one of {', '.join(POLICIES)}", "Choose one of them.")
    try:
        policy: Policy = POLICIES[policy_id](**parameters)
    except TypeError as error:
        raise ParameterError(f"policies.{policy_id}", parameters, "its arguments", str(error)) from error
    if policy.id != policy_id:
        raise ParameterError(
            f"policies.{policy_id}", parameters, f"what keeps it {policy_id}", f"These make it {policy.id}."
        )
    return policy
