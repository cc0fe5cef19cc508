"""Tables that the pipelines leave, of a small world: made by their nodes, but without pictures and MLflow."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import yaml

from armlift.datasets.sample import generate_sample
from armlift.pipelines.evaluation import nodes as evaluation
from armlift.pipelines.parameters import (
    EvaluationParameters,
    PolicyParameters,
    SimulationParameters,
    TrainingParameters,
)
from armlift.pipelines.simulation import nodes as simulation
from armlift.simulation import bernoulli_world
from armlift.simulation.summary import arm_click_rates

_CONF = Path(__file__).parents[1] / "conf/base"


def simulate_into(root: Path) -> dict[str, pd.DataFrame]:
    """Play some policies against three arms, and write the tables where the catalog has them.

    Returns:
        The tables by name.
    """
    settings = yaml.safe_load((_CONF / "parameters/simulation.yml").read_text())
    played = {name: settings["policies"]["play"][name] for name in ("fixed", "thompson", "ucb1")}
    policies = PolicyParameters(**settings["policies"] | {"play": played})
    small = {"horizon": 600, "replicates": 12, "batch_size": 20, "checkpoints": 12, "workers": 1}
    world = bernoulli_world((0.10, 0.12, 0.16))
    runs = simulation.play_policies(world, SimulationParameters(**settings["simulation"] | small), policies)
    names = ("policy_trend", "traffic_share", "posterior_snapshots", "cusum", "policy_summary")
    tables = dict(zip(names, simulation.tabulate(runs, world, policies), strict=True))
    return _written(root, tables | {"arm_click_rates": arm_click_rates(world)})


def evaluate_into(root: Path) -> dict[str, pd.DataFrame]:
    """Judge three recommenders on generated ratings, and write the tables where the catalog has them.

    Returns:
        The tables by name.
    """
    settings = yaml.safe_load((_CONF / "parameters/evaluation.yml").read_text())["evaluation"]
    training = yaml.safe_load((_CONF / "parameters/training.yml").read_text())["training"]
    chosen = {"popularity": True, "random": True, "svd": {"n_factors": 5, "n_epochs": 3}}
    small = {"recommenders": chosen, "splits": ["temporal", "k_fold"], "folds": 2, "resamples": 100}
    parameters = EvaluationParameters(**settings | small | {"workers": 1})
    sample = generate_sample(seed=3, n_users=80, n_items=200, n_ratings=3200)
    metrics, sizes, results = evaluation.evaluate_recommenders(
        sample.ratings, sample.items, parameters, TrainingParameters(**training)
    )
    tables = {
        "ratings": sample.ratings,
        "offline_metrics": metrics,
        "evaluation_splits": sizes,
        "click_curves": evaluation.trace_clicks(results),
        "model_comparison": evaluation.compare_recommenders(metrics, sizes, parameters),
        "segment_metrics": evaluation.evaluate_segments(results, sample.ratings, sample.items, parameters),
    }
    return _written(root, tables)


def _written(root: Path, tables: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    for name, table in tables.items():
        file = root / _file(name)
        file.parent.mkdir(parents=True, exist_ok=True)
        table.to_parquet(file)
    return tables


def _file(name: str) -> str:
    for catalog in (_CONF / "catalog").glob("*.yml"):
        entries = yaml.safe_load(catalog.read_text()) or {}
        if name in entries:
            return str(entries[name]["filepath"])
    raise KeyError(name)
