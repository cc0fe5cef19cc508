"""`kedro run --pipelines=plan`, whole, as the command runs it."""

import json

import mlflow
import pandas as pd
import pytest
from PIL import Image

FIGURES = {"false_declarations", "power", "stopping", "regret"}


@pytest.fixture(scope="module")
def planned(project):
    project.run("plan", planning={"replicates": 200})
    run = next(run for run in project.runs() if "decision_rule" in run.data.tags)
    return project.root / "data/planning", run


def test_tables_record_and_words_are_files(planned):
    folder, _ = planned
    rules = pd.read_parquet(folder / "operating_characteristics.parquet")
    assert rules["rule"].nunique() == 8
    assert rules["scenario"].unique().tolist() == ["aa", "half_mde", "mde", "double_mde"]
    costs = pd.read_parquet(folder / "allocation_costs.parquet")
    assert set(costs["allocation"]) == {"fixed", "thompson", "ucb"}
    record = json.loads((folder / "plan.json").read_text())
    assert (record["rule"], record["brief"]) == ("always_valid", "movielens_ab")
    assert "always_valid" in (folder / "plan.txt").read_text()


def test_figures_are_pictures_and_self_contained_pages(planned):
    folder, _ = planned
    for name in FIGURES:
        with Image.open(folder / "figures" / f"{name}.png") as image:
            assert image.width == 1600
        assert "<script src" not in (folder / "interactive" / f"{name}.html").read_text()


def test_the_run_holds_it_all(planned, project):
    _, run = planned
    assert run.info.status == "FINISHED"
    assert run.data.params["planning.replicates"] == "200"
    assert run.data.params["plan.mde"] == "0.1"
    assert run.data.metrics["aa/declared_winner_rate"] <= 0.12
    files = mlflow.MlflowClient().list_artifacts(run.info.run_id, "figures")
    assert {file.path for file in files} == {
        f"figures/{name}.{kind}" for name in FIGURES for kind in ("png", "html")
    }
    children = [
        each for each in project.runs() if each.data.tags.get("mlflow.parentRunId") == run.info.run_id
    ]
    assert len(children) == 8
