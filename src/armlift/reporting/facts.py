"""What the report knows about a simulation beside its tables, and what a chart is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

BASELINE = "fixed"
"""Policy with the fixed even split, the A/B test that every bandit is compared with."""


@dataclass(frozen=True)
class SimulationFacts:
    """The set-up of one simulation.

    Attributes:
        kind: Kind of world; in an `aa` world all arms are the same arm.
        source: Name of the data the world was built from, such as `ml-latest-small`.
        decisions: Horizon: decisions per policy and replicate.
        replicates: Independent runs per policy.
        batch_size: Decisions between two updates of a policy.
        best_arm: Arm with the highest click rate over all traffic.
        users_with_history: Share (0 to 1) of users whose past ratings the recommenders saw.
    """

    kind: Literal["movielens", "aa", "bernoulli"]
    source: str
    decisions: int
    replicates: int
    batch_size: int
    best_arm: str
    users_with_history: float


@dataclass(frozen=True, eq=False)
class Chart:
    """One chart, independent of the plotting backend.

    Attributes:
        title: What the chart shows.
        caption: One sentence with the finding, computed from the tables.
        element: `holoviews.Layout` of panels, each a `holoviews.Overlay`.
        reading: How to read the chart.
        colours: Hex colour of every policy or arm that occurs in the chart.
        legend: Names to explain in a legend, in order; empty where the panels name their lines.
        columns: Panels per row on a wide surface.
        categories: What stands at 0, 1, 2, ... on a categorical y axis; empty for a numeric one.
    """

    title: str
    caption: str
    element: Any
    reading: str
    colours: Mapping[str, str]
    legend: tuple[str, ...] = ()
    columns: int = 1
    categories: tuple[str, ...] = ()
