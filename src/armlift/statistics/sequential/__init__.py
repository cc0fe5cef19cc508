"""Tests that may be looked at while the data come in."""

from armlift.statistics.sequential.beta_binomial import (
    Limits,
    beta_binomial_limits,
    beta_binomial_sequence,
)
from armlift.statistics.sequential.confidence_sequence import confidence_sequence
from armlift.statistics.sequential.group_sequential import (
    Bounds,
    Spending,
    group_sequential,
    group_sequential_bounds,
)
from armlift.statistics.sequential.mixture_sprt import mixing_variance, mixture_sprt
from armlift.statistics.sequential.verdict import FirstVerdict, Verdict, first_verdict, running, verdicts

__all__ = [
    "Bounds",
    "FirstVerdict",
    "Limits",
    "Spending",
    "Verdict",
    "beta_binomial_limits",
    "beta_binomial_sequence",
    "confidence_sequence",
    "first_verdict",
    "group_sequential",
    "group_sequential_bounds",
    "mixing_variance",
    "mixture_sprt",
    "running",
    "verdicts",
]
