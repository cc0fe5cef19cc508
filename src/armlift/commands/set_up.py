"""What an experiment needs beside the router, once it was started."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from armlift.environment import RouterSettings
    from armlift.experiments.checklist import Item


@dataclass(frozen=True)
class SetUpReport:
    """What was set up for an experiment.

    Attributes:
        experiment_id: Experiment.
        state: Where it is in its life.
        tracked_as: Name of its MLflow experiment.
        mlflow_experiment: Id of that; None if somebody deleted it.
        checklist: What a good experiment does, and whether this one does.
    """

    experiment_id: str
    state: str
    tracked_as: str
    mlflow_experiment: str | None
    checklist: tuple[Item, ...]


def set_up_experiment(settings: RouterSettings, root: Path, experiment_id: str) -> SetUpReport:
    """Make what an experiment needs; what is there stays.

    Args:
        settings: Which store.
        root: Root of the project, whose MLflow store is used.
        experiment_id: Experiment.

    Raises:
        UnknownExperiment: There is none of that name.
        TrackingError: MLflow cannot be used.
    """
    from armlift.commands.running import known_experiments
    from armlift.errors import UnknownExperiment
    from armlift.experiments.checklist import check_brief
    from armlift.tracking.live_runs import set_up_experiment as in_mlflow

    known = {row.id: row for row in known_experiments(settings)}
    if experiment_id not in known:
        raise UnknownExperiment(experiment_id, tuple(known))
    row = known[experiment_id]
    made = in_mlflow(row.brief.tracked_as, root=root)
    return SetUpReport(row.id, row.state, row.brief.tracked_as, made, check_brief(row.brief).items)
