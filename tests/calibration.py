"""Whether rates that were counted in a simulation are what they should be."""

import numpy as np

STANDARD_ERRORS = 4.0


def assert_rate(hits, nominal):
    """The share of hits is `nominal`, to within 4 standard errors of a binomial.

    Args:
        hits: What happened in each independent simulation, booleans.
        nominal: The rate it should have.
    """
    share, error = _share(hits, nominal)
    assert abs(share - nominal) <= error, f"rate {share:.4f} is not {nominal} +- {error:.4f}"


def assert_rate_at_most(hits, bound):
    """The share of hits does not exceed `bound` by more than 4 standard errors of a binomial."""
    share, error = _share(hits, bound)
    assert share <= bound + error, f"rate {share:.4f} exceeds {bound} + {error:.4f}"


def assert_coverage(effect, truth, confidence=0.95):
    """The intervals of `effect` cover the truth as often as they say."""
    assert_rate((effect.low <= truth) & (truth <= effect.high), confidence)


def assert_always_covers(effect, truth, confidence=0.95):
    """The sequences of `effect`, shape (simulations, looks), cover the truth at all looks often enough."""
    missed = ((effect.low > truth) | (truth > effect.high)).any(axis=-1)
    assert_rate_at_most(missed, 1.0 - confidence)


def _share(hits, nominal):
    hits = np.asarray(hits, dtype=bool).ravel()
    return hits.mean(), STANDARD_ERRORS * np.sqrt(nominal * (1.0 - nominal) / hits.size)
