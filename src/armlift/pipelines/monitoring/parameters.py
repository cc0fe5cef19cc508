"""The parameters of monitoring and retraining, checked before any node runs."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from armlift.monitoring import Thresholds
from armlift.pipelines.parameters import Count, Seed, Share
from armlift.statistics.multiplicity import Correction

Source = Literal["simulated", "ratings", "live"]


class _Parameters(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class WindowParameters(_Parameters):
    """Windows of a source.

    Attributes:
        window_hours: Length of a window, hours.
        reference_windows: Windows that the others are held against.
        newest_windows: Newest windows that are looked at, right after the reference; null for all, the
            reference then being the first of the data.
        since: Moment of the first window, such as that of the champion's training; null for none.
    """

    window_hours: Annotated[float, Field(gt=0.0)]
    reference_windows: Count
    newest_windows: Count | None = None
    since: datetime | None = None


class DriftParameters(_Parameters):
    """When a feature drifts: see `armlift.monitoring.Thresholds`."""

    psi_warning: Annotated[float, Field(gt=0.0)] = 0.1
    psi_drift: Annotated[float, Field(gt=0.0)] = 0.25
    alpha: Share = 0.01
    correction: Correction = "holm"
    minimum_rows: Annotated[int, Field(ge=2)] = 50
    bins: Annotated[int, Field(ge=2)] = 10

    @property
    def thresholds(self) -> Thresholds:
        """The same, for the tests."""
        return Thresholds(**self.model_dump())


class DecayParameters(_Parameters):
    """When the performance of a model decays.

    Attributes:
        alpha: Accepted chance of ever raising a false alarm, over all arms and metrics of a source.
        tolerance: Loss that is accepted, as a share of the reference.
        minimum_units: Users that reference and watched windows must have for a look.
        like_threshold: Rating, in points, from which on a rating counts as a click.
    """

    alpha: Annotated[float, Field(gt=0.0, lt=0.5)] = 0.05
    tolerance: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    minimum_units: Annotated[int, Field(ge=2)] = 200
    like_threshold: Annotated[float, Field(gt=0.0)] = 4.0


class MonitoringParameters(_Parameters):
    """What is watched.

    Attributes:
        sources: Where the newer data come from: `simulated`, the events of the simulation; `ratings`; `live`,
            the log of the router, once there is one.
        windows: Windows by source.
        strategies: Strategies whose decisions are watched; one that learns shifts the traffic by itself.
        drift: When a feature drifts.
        decay: When a model's performance decays.
        seed: Seed of the rows that are drawn and of the simulated false alarms.
    """

    sources: list[Source] = Field(min_length=1)
    windows: dict[Source, WindowParameters]
    strategies: list[str] = Field(min_length=1)
    drift: DriftParameters = DriftParameters()
    decay: DecayParameters = DecayParameters()
    seed: Seed = 0


class RetrainingParameters(_Parameters):
    """How a drifted window is answered.

    Attributes:
        window: Key of the drifted window; empty where none is answered.
        until: First moment whose ratings are left out; null for all ratings.
        recommender: Name of what is trained; null for the champion's.
        test_share: Newest share of the ratings that the checks are made on.
        k: Length of the ranked list.
        like_threshold: Rating, in points, from which on an item is liked.
        alpha: Accepted chance to block a model that ranks as well as popularity.
        minimum_coverage: Least share of the catalogue that the slates must show to anyone.
        seed: Seed of the fits.
    """

    window: str = ""
    until: datetime | None = None
    recommender: str | None = None
    test_share: Share = 0.2
    k: Count = 10
    like_threshold: Annotated[float, Field(gt=0.0)] = 4.0
    alpha: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.05
    minimum_coverage: Annotated[float, Field(ge=0.0, le=1.0)] = 0.01
    seed: Seed = 0
