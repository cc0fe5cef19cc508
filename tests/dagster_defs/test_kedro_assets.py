"""Kedro outputs as assets: all of them, once; materialising one is a Kedro run with its MLflow run."""

import dagster as dg
import mlflow
import pandas as pd
import pytest
from kedro.pipeline import Pipeline, node

from armlift.datasets import world_split
from armlift.errors import TrackingError
from armlift.pipeline_registry import register_pipelines
from dagster_defs.kedro_assets import asset_key, kedro_assets, nodes_to_run
from dagster_defs.project import ROOT, KedroProject, folder_of

pytestmark = pytest.mark.usefixtures("sketched_figures")

PIPELINES = register_pipelines()
PROJECT = KedroProject(ROOT)


@pytest.fixture(scope="module")
def assets():
    return kedro_assets(PROJECT)


@pytest.fixture(scope="module")
def specs(assets):
    return {spec.key.to_user_string(): spec for each in assets for spec in each.specs}


def test_every_catalogued_output_of_every_pipeline_is_an_asset_exactly_once(assets):
    outputs = {output for pipeline in PIPELINES.values() for output in pipeline.all_outputs()}
    keys = [key.to_user_string() for each in assets for key in each.keys]
    assert sorted(keys) == sorted(outputs)
    assert outputs == set(PROJECT.catalog_entries) & outputs


def test_every_node_is_in_one_folder():
    nodes = [node.name for folder in PROJECT.folders.values() for node in folder.nodes]
    assert sorted(nodes) == sorted({node.name for each in PIPELINES.values() for node in each.nodes})


@pytest.mark.parametrize("folder", PROJECT.folders)
def test_every_group_can_be_run_as_a_whole(folder):
    nodes = {node.name for node in PROJECT.folders[folder].nodes}
    names = PROJECT.pipelines_with(nodes)
    assert nodes <= {node.name for name in names for node in PIPELINES[name].nodes}
    assert len(names) <= 2


def test_the_smallest_pipeline_that_has_all_nodes_is_run():
    (some,) = {node.name for node in PIPELINES["data"].nodes if "ratings" in node.outputs}
    assert PROJECT.pipelines_with({some}) == ["data"]
    training = {node.name for node in PROJECT.folders["training"].nodes}
    assert PROJECT.pipelines_with({some, *training}) == ["train"]


def test_an_asset_says_whose_it_is_what_it_is_and_what_it_is_made_from(specs):
    slates = specs["slates"]
    assert slates.group_name == "training"
    assert slates.owners == ["team:armlift"]
    assert slates.kinds == {"kedro", "parquet"}
    assert slates.description.startswith("Items that each arm shows each user.\n\nAsk each recommender")
    made_from = {dependency.asset_key.to_user_string() for dependency in slates.deps}
    assert made_from == {"recommenders", "history", "future"}
    assert all(spec.group_name and spec.owners and spec.code_version for spec in specs.values())
    assert all(len(spec.description) > 40 for spec in specs.values())
    assert not any("params" in key or key == "mlflow_run_id" for key in specs)


def test_the_kinds_are_those_of_the_files(specs):
    found = {
        name: specs[name].kinds - {"kedro"} for name in ("world", "figures", "recommenders", "summary_page")
    }
    assert found == {
        "world": {"pickle"},
        "figures": {"png"},
        "recommenders": {"folder"},
        "summary_page": {"html"},
    }


def test_a_code_version_is_that_of_the_node(specs):
    assert specs["history"].code_version == specs["future"].code_version != specs["slates"].code_version


def test_somebody_is_told_when_the_live_slates_are_old(specs):
    policy = specs["live_slates"].freshness_policy
    assert (policy.fail_window.to_timedelta().days, policy.warn_window.to_timedelta().days) == (30, 15)
    assert specs["figures"].freshness_policy is None


@pytest.mark.parametrize(
    ("name", "key"),
    [("ratings", ["ratings"]), ("live.sums", ["live", "sums"]), ("table@pandas", ["table"])],
)
def test_names_that_dagster_cannot_have_are_mapped(name, key):
    assert asset_key(name) == dg.AssetKey(key)


def _one(given):
    return given


def _two(given):
    return given, given


def _log(first, second, others):
    pass


FOLDER = Pipeline(
    [
        node(_one, "elsewhere", "first", name="one"),
        node(_two, "first", ["second", "third"], name="two"),
        node(_log, ["first", "second", "elsewhere"], None, name="log"),
    ]
)


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ({"first"}, {"one"}),
        ({"third"}, {"two"}),
        ({"first", "third"}, {"one", "two", "log"}),
        ({"first", "second", "third"}, {"one", "two", "log"}),
    ],
)
def test_what_logs_runs_once_all_that_it_logs_is_new(chosen, expected):
    assert nodes_to_run(FOLDER, chosen) == expected


def test_a_node_belongs_to_the_folder_it_comes_from():
    assert {folder_of(node) for node in PIPELINES["simulate"].nodes} == {"data", "training", "simulation"}


def materialisations(result):
    events = [event for event in result.all_events if event.is_step_materialization]
    return {event.asset_key.to_user_string(): event.materialization for event in events}


def runs_of(result):
    """MLflow runs that say they were started by this Dagster run."""
    ids = [experiment.experiment_id for experiment in mlflow.search_experiments()]
    return mlflow.MlflowClient().search_runs(ids, f"tags.dagster_run_id = '{result.run_id}'")


def test_one_asset_is_one_kedro_run_with_its_mlflow_run_linked(dagster_project):
    result = dagster_project.materialise("data", "items")
    assert result.success
    made = materialisations(result)
    assert set(made) == {"ratings", "items", "users", "rejects"}  # the node writes all of them
    (run,) = runs_of(result)
    assert run.info.status == "FINISHED"
    assert run.data.params["data.source"] == "ml-latest-small"
    about = made["items"].metadata
    assert about["MLflow run"].url.endswith(f"/runs/{run.info.run_id}")
    table = pd.read_parquet(dagster_project.kedro.path("items"))
    assert about["dagster/row_count"].value == len(table)
    assert about["preview"].value.splitlines()[0] == "| item_id | title | year | genres |"
    assert [column.name for column in about["dagster/column_schema"].schema.columns] == list(table)


@pytest.mark.slow
def test_a_second_run_in_the_process_is_a_run_of_its_own_with_equal_data_versions(dagster_project):
    first, second = (dagster_project.materialise("data") for _ in range(2))
    assert first.success
    assert second.success
    versions = [
        {name: made.tags["dagster/data_version"] for name, made in materialisations(result).items()}
        for result in (first, second)
    ]
    assert versions[0] == versions[1]
    assert len(set(versions[0].values())) == 5
    (one,), (other,) = runs_of(first), runs_of(second)
    assert one.info.run_id != other.info.run_id
    assert {one.info.status, other.info.status} == {"FINISHED"}


def test_a_blocking_check_keeps_what_is_built_on_it_from_running(dagster_project, monkeypatch):
    def leaking(ratings, **settings):
        split = world_split(ratings, **settings)
        return type(split)(
            pd.concat([split.history, split.future.tail(5)]), split.future, split.withheld_users
        )

    dagster_project.materialise("data", "ratings", "data_snapshot")
    dagster_project.materialise("train", "history")
    monkeypatch.setattr("armlift.datasets.world_split", leaking)
    result = dagster_project.materialise("simulate", "history", "world")
    assert not result.success
    assert "history" in materialisations(result)
    assert "world" not in materialisations(result)
    checks = {each.check_name: each for each in result.get_asset_check_evaluations()}
    leak = checks["no_future_leak"]
    assert not leak.passed
    assert "5 ratings are in both parts" in leak.description


def test_bad_parameters_fail_in_one_line_and_are_not_tried_again(dagster_project):
    result = dagster_project.materialise("data", "ratings", data={"source": "nonsense"})
    assert not result.success
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    error = failure.step_failure_data
    assert "nonsense" in error.error.message
    assert "one of" in error.error.message
    (run,) = runs_of(result)
    assert run.info.status == "FAILED"
    assert error.user_failure_data.metadata["MLflow run"].url.endswith(run.info.run_id)


def test_a_run_is_repeated_while_mlflow_is_away(dagster_project, monkeypatch):
    run, asked = KedroProject.run, []

    def away_at_first(project, *arguments):
        asked.append(arguments)
        if len(asked) < 3:
            raise TrackingError("MLflow is away")
        run(project, *arguments)

    monkeypatch.setattr(KedroProject, "run", away_at_first)
    monkeypatch.setattr("dagster_defs.kedro_assets.RETRY_SECONDS", 0.01)
    result = dagster_project.materialise("data", "items")
    assert result.success
    assert len(asked) == 3
    assert len(runs_of(result)) == 1


@pytest.mark.slow
def test_the_whole_training_and_again_with_equal_data_versions(dagster_project):
    first = dagster_project.materialise("train")
    assert first.success
    again = dagster_project.materialise("train", "slates", "live_slates")
    new, old = materialisations(again), materialisations(first)
    assert set(new) == {"slates", "live_slates"}
    for name in new:
        assert new[name].tags["dagster/data_version"] == old[name].tags["dagster/data_version"]
    assert set(old) == PIPELINES["train"].all_outputs()
    assert all(each.passed for each in first.get_asset_check_evaluations())
    assert {each.check_name for each in first.get_asset_check_evaluations()} == {
        "schema", "row_counts", "no_future_leak", "coverage",
    }  # fmt: skip
    assert {run.info.status for run in runs_of(first)} == {"FINISHED"}


@pytest.mark.slow
def test_the_check_for_drift_trains_nothing_and_the_whole_group_can_be_made(dagster_project):
    assert dagster_project.materialise("simulate").success
    checked = dagster_project.materialise("retrain_check")
    assert checked.success
    assert set(materialisations(checked)) == PIPELINES["monitor"].all_outputs()
    group = dagster_project.materialise("monitoring_group")
    assert group.success
    outputs = {output for node in PROJECT.folders["monitoring"].nodes for output in node.outputs}
    assert set(materialisations(group)) == outputs
    (run,) = runs_of(group)
    assert run.info.status == "FINISHED"
