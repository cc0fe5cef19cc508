"""Jitted scalar rules that the policy classes and the simulator share: indices and norms."""

from __future__ import annotations

import math

from armlift.jit import jit


@jit
def ucb1_index(mean: float, n: float, t: float) -> float:
    """UCB1's index mean + sqrt(2 ln t / n) (Auer, Cesa-Bianchi and Fischer, 2002)."""
    return mean + math.sqrt(2.0 * math.log(t) / n)


@jit
def kl_ucb_index(mean: float, n: float, t: float) -> float:
    """KL-UCB's index: the largest q with n kl(mean, q) <= ln t (Garivier and Cappe, 2011).

    Newton's method from an upper bound of the root: kl is convex in q, so the iterates fall to it.
    """
    budget = math.log(t) / n
    if budget <= 0.0 or mean >= 1.0:
        return mean
    if mean <= 0.0:
        return -math.expm1(-budget)
    negative_entropy = mean * math.log(mean) + (1.0 - mean) * math.log1p(-mean)
    pinsker = mean + math.sqrt(0.5 * budget)
    near_one = -math.expm1((negative_entropy - budget) / (1.0 - mean))
    q = min(pinsker, near_one)
    if q >= 1.0:  # the root is nearer to 1 than any smaller number
        return 1.0
    for _ in range(50):
        excess = negative_entropy - mean * math.log(q) - (1.0 - mean) * math.log1p(-q) - budget
        step = excess * q * (1.0 - q) / (q - mean)
        q -= step
        if step <= 1e-14 * q:
            break
    return max(q, mean)


@jit
def log_beta_function(a: float, b: float) -> float:
    """Logarithm of the Beta function."""
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
