"""Who arrives, and what the world answers: the same for every policy.

Decision t of a replicate meets the same user whatever the policy, and arm k would have got the same answer:
both are numbers of a random stream keyed by (seed, name, replicate) and read at position t, or t K + k.
Policies are thus compared on paired replicates, and nothing depends on batches or workers.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from armlift.bandits.draws import name_code, uniform_at
from armlift.jit import jit
from armlift.simulation.world import Floats, Integers

USERS = name_code("users")
OUTCOMES = name_code("outcomes")


class Odds(NamedTuple):
    """A world in the words of the loop.

    Attributes:
        click_probability: By user and arm, shape (U, K).
        keep: Alias table of the users' arrival shares, shape (U,).
        other: Its second half, shape (U,).
    """

    click_probability: Floats
    keep: Floats
    other: Integers


@jit
def arriving_user(key: np.uint64, decision: int, keep: Floats, other: Integers) -> int:
    """The user of a decision, drawn from the alias table."""
    if keep.shape[0] == 1:
        return 0
    place = uniform_at(key, decision) * keep.shape[0]
    cell = int(place)
    return cell if place - cell < keep[cell] else int(other[cell])


@jit
def meet_all(
    odds: Odds,
    keys: tuple[np.uint64, np.uint64],
    start: int,
    arms: Integers,
    users: Integers,
    draws: Floats,
    answers: Integers,
) -> None:
    """Users and answers of a stretch that starts at decision `start`."""
    n_arms = odds.click_probability.shape[1]
    if odds.keep.shape[0] > 1:
        for i in range(arms.shape[0]):
            users[i] = arriving_user(keys[0], start + i, odds.keep, odds.other)
    for i in range(arms.shape[0]):
        draws[i] = uniform_at(keys[1], (start + i) * n_arms + arms[i])
    for i in range(arms.shape[0]):
        user, arm = np.uint64(users[i]), np.uint64(arms[i])  # unsigned: no index counts from the end
        answers[i] = draws[i] < odds.click_probability[user, arm]
