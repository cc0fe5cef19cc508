"""A world: who arrives, which slates the arms show, and how likely each slate is to be clicked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from armlift.errors import ParameterError

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

#: Users without a history, and thirds of the others by its length.
SEGMENTS = ("new", "light", "medium", "heavy")


@dataclass(frozen=True)
class World:
    """The truth that policies are simulated against; U users, K arms, N positions in a slate.

    Attributes:
        kind: `movielens`, `aa` or `bernoulli`.
        arms: Arm ids, length K.
        user_ids: User ids, shape (U,).
        arrival_shares: Share of the decisions that each user brings, shape (U,); sums to 1.
        segments: Segment of each user, shape (U,).
        click_probability: P(the slate gets a click) by user and arm, shape (U, K).
        position_probability: P(the click is at a position), shape (U, K, N); sums to `click_probability`
            over positions. None in a world without slates.
        items: Item at each position of each slate, shape (U, K, N). None in a world without slates.
    """

    kind: str
    arms: tuple[str, ...]
    user_ids: Integers
    arrival_shares: Floats
    segments: NDArray[np.str_]
    click_probability: Floats
    position_probability: Floats | None = None
    items: Integers | None = None

    @property
    def means(self) -> Floats:
        """True click rate of each arm over all decisions, shape (K,)."""
        rates: Floats = self.arrival_shares @ self.click_probability
        return rates

    @property
    def gaps(self) -> Floats:
        """What a decision for each arm loses against the best arm, in clicks, shape (K,); 0 for equals."""
        gaps = self.means.max() - self.means
        return np.where(gaps < 1e-12, 0.0, gaps)

    @property
    def best_arm(self) -> int:
        """Index of the arm with the highest true click rate; the lowest index among equals."""
        return int(np.argmin(self.gaps))

    @property
    def users_with_history(self) -> float:
        """Share of the users whose history trained the arms; 1 in a world that has no history."""
        return float((self.segments != SEGMENTS[0]).mean())

    def segment_rates(self) -> dict[str, tuple[float, Floats]]:
        """Share of the decisions and true click rate by arm (K,) for `all` and for each segment."""
        rates = {"all": (1.0, self.means)}
        for segment in sorted(set(self.segments.tolist()), key=_segment_order):
            shares = np.where(self.segments == segment, self.arrival_shares, 0.0)
            rates[segment] = (float(shares.sum()), shares @ self.click_probability / shares.sum())
        return rates


def _segment_order(segment: str) -> tuple[int, str]:
    return (SEGMENTS.index(segment) if segment in SEGMENTS else len(SEGMENTS), segment)


def bernoulli_world(means: list[float] | Floats, arms: tuple[str, ...] | None = None) -> World:
    """A world with a known truth: every user clicks arm k with probability `means[k]`.

    Args:
        means: True click rate of each arm, in [0, 1], shape (K,).
        arms: Arm ids; `arm_1` ... when omitted.

    Raises:
        ParameterError: If there are no means or one lies outside [0, 1].

    Example:
        >>> bernoulli_world([0.1, 0.2]).best_arm
        1
    """
    rates = np.asarray(means, dtype=float)
    if rates.ndim != 1 or len(rates) == 0 or not ((rates >= 0.0) & (rates <= 1.0)).all():
        raise ParameterError("means", means, "a list of numbers in [0, 1]", "Give one for each arm.")
    return World(
        kind="bernoulli",
        arms=arms or tuple(f"arm_{k + 1}" for k in range(len(rates))),
        user_ids=np.zeros(1, dtype=np.int64),
        arrival_shares=np.ones(1),
        segments=np.array(["everyone"]),
        click_probability=rates[None, :],
    )


def equal_arms_world(world: World) -> World:
    """The A/A version of a world: for each user every arm clicks as often as the mean of the arms.

    Slates and positions are those of the first arm, whose position probabilities are scaled to match.
    """
    mean = world.click_probability.mean(axis=1, keepdims=True)
    equal = np.broadcast_to(mean, world.click_probability.shape).copy()
    positions, items = world.position_probability, world.items
    if positions is not None and items is not None:
        share = positions[:, :1] / positions[:, :1].sum(axis=2, keepdims=True)
        positions = np.broadcast_to(share * mean[:, :, None], positions.shape).copy()
        items = np.broadcast_to(items[:, :1], items.shape).copy()
    return World(
        "aa", world.arms, world.user_ids, world.arrival_shares, world.segments, equal, positions, items
    )
