import json

import pandas as pd
import pytest
import yaml
from PIL import Image

from armlift.errors import ParameterError


@pytest.fixture(scope="module")
def tuned(project):
    """What one `kedro run --pipelines=tune` left: its folder, its MLflow run and that run's children."""
    project.run("tune")
    parent = next(run for run in project.runs() if "mlflow.parentRunId" not in run.data.tags)
    children = [
        run for run in project.runs() if run.data.tags.get("mlflow.parentRunId") == parent.info.run_id
    ]
    return project.root / "data/tuning", parent, children


def test_the_best_trial_is_in_the_file_that_training_reads(tuned, project):
    folder, _, _ = tuned
    trials = pd.read_parquet(folder / "tuning_trials.parquet")
    assert trials["trial"].tolist() == list(range(12))
    assert set(trials["state"]) <= {"complete", "pruned"}
    best = trials[trials["is_best"]].iloc[0]
    assert best["value"] == trials["value"].max()
    written = yaml.safe_load((folder / "tuned_parameters.yml").read_text())
    assert written == {"svd": json.loads(best["params"])}

    project.run("train", to=("train_recommenders",), training={"tuned": str(folder / "tuned_parameters.yml")})
    saved = json.loads((project.root / "data/models/recommenders/svd/recommender.json").read_text())
    assert written["svd"].items() <= saved["params"].items()
    assert saved["params"]["n_factors"] != 5  # as conf/test has it


def test_each_trial_is_a_nested_run_with_a_metric_by_fold(tuned):
    folder, parent, children = tuned
    trials = pd.read_parquet(folder / "tuning_trials.parquet")
    assert parent.info.status == "FINISHED"
    states = {run.data.tags["trial"]: (run.data.tags["trial_state"], run.info.status) for run in children}
    status = {"complete": "FINISHED", "pruned": "KILLED"}
    assert states == {str(row.trial): (row.state, status[row.state]) for row in trials.itertuples()}
    best = next(run for run in children if run.data.tags.get("best_trial") == "true")
    summary = pd.read_parquet(folder / "tuning_summary.parquet").iloc[0]
    assert best.data.metrics["ndcg_5 mean"] == pytest.approx(summary["value"])
    assert parent.data.metrics["svd/ndcg_5"] == pytest.approx(summary["value"])
    assert parent.data.params["best.svd.n_factors"] == best.data.params["n_factors"]


def test_figures_are_pictures_and_self_contained_pages(tuned):
    folder, _, _ = tuned
    with Image.open(folder / "figures/history_svd.png") as image:
        assert image.width == 1600
    assert "<script src" not in (folder / "interactive/history_svd.html").read_text()


def test_a_second_run_keeps_every_trial(tuned, project, caplog):
    folder, _, _ = tuned
    before = pd.read_parquet(folder / "tuning_trials.parquet")
    with caplog.at_level("INFO", logger="armlift"):
        project.run("tune", to=("search_parameters",))
    assert "12 trials, 12 of them kept from before" in caplog.text
    pd.testing.assert_frame_equal(pd.read_parquet(folder / "tuning_trials.parquet"), before)


def test_a_run_without_the_file_says_how_to_make_it(project):
    with pytest.raises(Exception, match="kedro run --pipelines=tune") as error:
        project.run("train", to=("split_by_user", "train_recommenders"), training={"tuned": "nowhere.yml"})
    assert not isinstance(error.value, ParameterError)  # Kedro's own, before any node
