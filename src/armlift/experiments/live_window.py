"""What leaves the live store: sums by arm over stretches of time, about nobody in particular."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class LiveSums(NamedTuple):
    """Sums over decisions and events of one arm; flagged ones raise `excluded` alone.

    Attributes:
        decisions: Decisions.
        rewards: Decisions with a reward.
        reward_total: Sum of the rewards.
        reward_squares: Sum of their squares.
        impressions: Slates seen.
        clicks: Clicks.
        add_to_carts: Additions to a cart.
        purchases: Purchases.
        likes: Likes.
        dislikes: Dislikes.
        revenue: Sum over purchases, currency.
        excluded: Flagged decisions and events.
        propensity_total: Sum of the decisions' propensities.
    """

    decisions: int = 0
    rewards: int = 0
    reward_total: float = 0.0
    reward_squares: float = 0.0
    impressions: int = 0
    clicks: int = 0
    add_to_carts: int = 0
    purchases: int = 0
    likes: int = 0
    dislikes: int = 0
    revenue: float = 0.0
    excluded: int = 0
    propensity_total: float = 0.0

    def since(self, earlier: LiveSums) -> LiveSums:
        """What was added after earlier sums.

        Example:
            >>> LiveSums(decisions=5, rewards=2).since(LiveSums(decisions=3)).decisions
            2
        """
        return LiveSums(*(now - then for now, then in zip(self, earlier, strict=True)))  # type: ignore[arg-type]


KEPT_ROWS = (
    "decisions",
    "rewards",
    "impressions",
    "clicks",
    "add_to_carts",
    "purchases",
    "likes",
    "dislikes",
)
"""The sums that count rows which were not flagged."""


class LiveRun(NamedTuple):
    """What one run of the tracking store is about.

    Attributes:
        experiment_id: Experiment.
        strategy_id: Strategy.
        day: Day of arrival, UTC, ISO 8601.
        session_batch: Which simulated sessions; `live` for real traffic.
    """

    experiment_id: str
    strategy_id: str
    day: str
    session_batch: str


class LiveWindow(NamedTuple):
    """What was committed to a run between two cuts. It never changes.

    Attributes:
        number: Ascending over all runs, unique.
        run: Which run it belongs to.
        ts: Time of the cut that ended it, microseconds UTC; ascends from cut to cut.
        change: What it added, by arm.
        total: The run's sums at its end, by arm.
    """

    number: int
    run: LiveRun
    ts: int
    change: Mapping[str, LiveSums]
    total: Mapping[str, LiveSums]


class LiveDesign(NamedTuple):
    """How a strategy was meant to work.

    Attributes:
        tracking_experiment: Name of the experiment in the tracking store.
        parameters: The run's parameters by name.
    """

    tracking_experiment: str
    parameters: Mapping[str, object]
