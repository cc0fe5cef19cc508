"""The pipelines by name."""

from __future__ import annotations

from kedro.pipeline import Pipeline

from armlift.pipelines import data, evaluation, monitoring, planning, reporting, simulation, training, tuning


def register_pipelines() -> dict[str, Pipeline]:
    """Pipelines for `kedro run --pipeline=...`; verbs, of which `simulate` is the main job."""
    read, train, play = data.create_pipeline(), training.create_pipeline(), simulation.create_pipeline()
    simulate = read + train + play
    return {
        "data": read,
        "train": read + train,
        "tune": read + tuning.create_pipeline(),
        "evaluate": read + evaluation.create_pipeline(),
        "simulate": simulate,
        "plan": planning.create_pipeline(),
        "monitor": monitoring.create_pipeline(),
        "retrain": read + monitoring.create_retraining_pipeline(),
        "report": reporting.create_pipeline(),
        "__default__": simulate,
    }
