"""`kedro run --pipelines=simulate`, whole, as the command runs it."""

import json

import mlflow
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from armlift.storage import SlateSnapshots

POLICIES = (
    "fixed", "epsilon_greedy", "softmax", "ucb1", "kl_ucb",
    "thompson", "thompson_gaussian", "thompson_discounted", "thompson_window",
)  # fmt: skip
ARMS = ("popularity", "random", "logistic_regression", "lightgbm", "svd")
SIMULATED = (
    "decisions",
    "events",
    "policy_trend",
    "traffic_share",
    "posterior_snapshots",
    "cusum",
    "policy_summary",
)


def artifacts(run_id, folder=""):
    return {file.path for file in mlflow.MlflowClient().list_artifacts(run_id, folder)}


def children_of(parent):
    found = mlflow.MlflowClient().search_runs(
        [parent.info.experiment_id], f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'"
    )
    return {run.info.run_name: run for run in found}


def test_every_table_speaks_of_every_policy_and_arm(main_job):
    tables, _ = main_job
    assert tables["policy_summary"]["policy"].tolist() == list(POLICIES)
    for name in ("policy_trend", "traffic_share", "posterior_snapshots"):
        assert set(tables[name]["policy"]) == set(POLICIES)
        assert tables[name]["decisions"].max() == 600
        assert tables[name]["checkpoint"].nunique() == 12
    for name in ("traffic_share", "posterior_snapshots", "arm_click_rates"):
        assert set(tables[name]["arm"]) == set(ARMS)
    assert len(tables["decisions"]) == 600 * len(POLICIES)
    assert set(tables["cusum"]["arm"]) == set(ARMS[1:])
    assert set(tables["cusum"]["control"]) == {"popularity"}
    assert tables["decisions"]["decision_id"].is_unique
    assert tables["events"]["event_id"].is_unique


def test_slates_hold_unseen_items_for_everyone_who_arrives(main_job):
    tables, _ = main_job
    slates, history = tables["slates"], tables["history"]
    sizes = slates.groupby(["arm", "user_id"])["item_id"].agg(["size", "nunique"])
    assert (sizes == 10).all(axis=None)
    assert len(sizes) == len(ARMS) * tables["future"]["user_id"].nunique()
    assert slates.merge(history, on=["user_id", "item_id"]).empty


def test_the_live_router_gets_the_slates_and_what_new_users_see(main_job, project):
    tables, _ = main_job
    current = SlateSnapshots(project.root / "data/live/slates").current()
    assert set(current.manifest.arms) == set(ARMS)
    user = int(tables["future"]["user_id"].iloc[0])
    of_user = tables["slates"].query("arm == 'svd' and user_id == @user")
    assert current.slate("svd", user) == tuple(of_user["item_id"])
    counts = tables["history"]["item_id"].value_counts()
    shown = [counts.get(item, 0) for item in current.slate("popularity", 10**9)]
    assert shown == sorted(shown, reverse=True)
    assert shown[0] == counts.max() == counts[current.items.item_ids[0]]


def test_the_world_has_the_wanted_click_rate(main_job):
    rates = main_job[0]["arm_click_rates"]
    whole = rates[rates["segment"] == "all"]
    assert whole["click_rate"].mean() == pytest.approx(0.1, abs=1e-9)
    share = rates.drop_duplicates("segment").set_index("segment")["traffic_share"]
    assert share.drop("all").sum() == pytest.approx(1.0)


def test_trend_and_summary_agree(main_job):
    tables, _ = main_job
    last = tables["policy_trend"].groupby("policy").last()
    summary = tables["policy_summary"].set_index("policy")
    np.testing.assert_allclose(last["cumulative_reward_mean"], summary["reward_mean"].loc[last.index])
    np.testing.assert_allclose(last["cumulative_regret_mean"], summary["regret_mean"].loc[last.index])
    np.testing.assert_allclose(last["ctr_mean"], summary["ctr_mean"].loc[last.index])


def test_the_parent_run_says_what_it_was_made_from(main_job, project):
    _, parent = main_job
    assert parent.info.status == "FINISHED"
    assert parent.data.params["world.kind"] == "movielens"
    assert parent.data.params["simulation.horizon"] == "600"
    assert parent.data.params["policies.play.thompson_window.window"] == "200"
    assert parent.data.params["training.recommenders.svd.n_factors"] == "5"
    assert parent.data.params["data_path"] == str(project.ratings_files)
    assert parent.data.params["data_source"] == "ml-latest-small"
    snapshot = json.loads((project.root / "data/processed/data_snapshot.json").read_text())
    assert parent.data.params["data_hash"] == snapshot["hash"]
    assert parent.data.tags["git_commit"] == project.git("rev-parse", "HEAD")
    assert parent.data.tags["git_dirty"] == "false"


def test_every_policy_is_a_child_run_with_curves(main_job):
    tables, parent = main_job
    children = children_of(parent)
    assert set(children) == set(POLICIES)
    trend = tables["policy_trend"].set_index("policy")
    for name, run in children.items():
        assert run.info.status == "FINISHED"
        for metric in ("ctr_mean", "cumulative_reward_mean", "cumulative_regret_mean"):
            curve = mlflow.MlflowClient().get_metric_history(run.info.run_id, metric)
            points = {point.step: point.value for point in curve}
            assert points == pytest.approx(
                dict(zip(trend.loc[name, "decisions"], trend.loc[name, metric], strict=True))
            )
        assert {f"share/{arm}" for arm in ARMS} <= set(run.data.metrics)
    assert children["thompson"].data.params["floor"] == "0.05"
    assert "floor" not in children["fixed"].data.params
    assert children["thompson_window"].data.params["window"] == "200"


def test_figures_and_page_are_files_and_artifacts(main_job, project):
    _, parent = main_job
    folder = project.root / "data/reporting"
    pictures = sorted((folder / "figures").glob("*.png"))
    assert len(pictures) >= 7
    for picture in pictures:
        with Image.open(picture) as image:
            assert min(image.size) > 200
            assert len(image.convert("RGB").getcolors(image.width * image.height)) > 10  # not blank
        assert (folder / "interactive" / f"{picture.stem}.html").stat().st_size > 10_000
    drawn = [*pictures, *(folder / "interactive").iterdir()]
    logged = artifacts(parent.info.run_id, "figures")
    assert logged == {f"figures/{file.name}" for file in drawn}
    assert "summary.html" in artifacts(parent.info.run_id)
    page = (folder / "summary.html").read_text()
    assert page.lstrip().lower().startswith("<!doctype html")
    assert all(policy in page for policy in POLICIES)


def test_recommenders_are_logged_as_models(main_job):
    tables, parent = main_job
    models = {
        model.name: model
        for model in mlflow.MlflowClient().search_logged_models([parent.info.experiment_id])
        if model.source_run_id == parent.info.run_id
    }
    assert set(models) == {*ARMS, "router"}
    user = int(tables["slates"]["user_id"].iloc[0])
    loaded = mlflow.pyfunc.load_model(models["svd"].model_uri)
    answer = loaded.predict(pd.DataFrame({"user_id": [user]}), params={"n": 10})
    slates = tables["slates"]
    expected = slates[(slates["arm"] == "svd") & (slates["user_id"] == user)]
    assert answer["item_id"].tolist() == expected["item_id"].tolist()


def test_same_seed_same_tables_for_one_and_two_workers(main_job, project):
    first = main_job[0]
    project.run(to=("tabulate", "write_events"), simulation={"workers": 2, "replicates": 12})
    second = project.tables()
    assert set(first) == set(second) >= set(SIMULATED)
    for name, table in first.items():
        pd.testing.assert_frame_equal(second[name], table, check_exact=True)


def test_another_seed_gives_other_tables(main_job, project):
    first = main_job[0]
    project.run(to=("tabulate", "write_events"), simulation={"seed": 1})
    second = project.tables()
    for name in SIMULATED:
        assert not second[name].equals(first[name]), name
    assert second["slates"].equals(first["slates"])
