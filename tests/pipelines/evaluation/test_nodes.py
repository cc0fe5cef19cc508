"""The nodes on a small invented set, in this process."""

import numpy as np
import pandas as pd
import pytest

from armlift.datasets.sample import generate_sample
from armlift.pipelines.evaluation import nodes, outputs
from armlift.pipelines.parameters import EvaluationParameters, TrainingParameters

MODELS = {"popularity": True, "random": True, "svd": {"n_factors": 3, "n_epochs": 2}}
TRAINING = TrainingParameters(recommenders={"popularity": {}, "random": {}})
EVALUATION = EvaluationParameters(
    recommenders=MODELS,
    splits=["temporal", "leave_one_out", "k_fold", "repeated_temporal"],
    protocols=["full", "sampled"],
    folds=3,
    repeats=2,
    k=5,
    resamples=100,
    workers=1,
)


@pytest.fixture(scope="module")
def data():
    return generate_sample(seed=3, n_users=60, n_items=150, n_ratings=2400)


@pytest.fixture(scope="module")
def evaluated(data):
    return nodes.evaluate_recommenders(data.ratings, data.items, EVALUATION, TRAINING)


@pytest.fixture(scope="module")
def metrics(evaluated):
    return evaluated[0]


@pytest.fixture(scope="module")
def results(evaluated):
    return evaluated[2]


def test_every_metric_of_every_recommender_fold_and_split_is_one_row(metrics):
    assert metrics.columns.tolist() == ["model", "split", "fold", "metric", "value"]
    assert not metrics.duplicated(["model", "split", "fold", "metric"]).any()
    folds = metrics.groupby("split", sort=False)["fold"].unique().map(list).to_dict()
    assert folds == {
        "temporal": [1], "leave_one_out": [1], "k_fold": [1, 2, 3], "repeated_temporal": [1, 2]
    }  # fmt: skip
    assert set(metrics["model"]) == set(MODELS)
    rated = set(metrics.loc[metrics["metric"] == "rmse", "model"])
    assert rated == {"svd"}
    assert {"ndcg@5", "sampled99_ndcg@5", "auc", "coverage@5"} <= set(metrics["metric"])


def test_folds_never_train_on_what_they_test(evaluated, data):
    sizes = evaluated[1].set_index(["split", "fold"])
    assert (sizes["train"] + sizes["test"]).loc["k_fold"].eq(len(data.ratings)).all()
    assert sizes.loc["k_fold", "test"].sum() == len(data.ratings)
    temporal = sizes.loc[["temporal", "repeated_temporal"]]
    assert (temporal["last_train"] < temporal["first_test"]).all()


def test_recommenders_are_compared_where_there_are_folds(evaluated):
    compared = nodes.compare_recommenders(evaluated[0], evaluated[1], EVALUATION)
    decided = compared[compared["verdict"] != "not decided"]
    assert set(decided["split"]) <= {"k_fold", "repeated_temporal"}
    pair = compared.query(
        "split == 'k_fold' and metric == 'ndcg@5' and model == 'popularity' and other == 'random'"
    ).iloc[0]
    own = (
        evaluated[0]
        .query("split == 'k_fold' and metric == 'ndcg@5'")
        .pivot_table(index="fold", columns="model", values="value")
    )
    assert pair["units"] == 3
    assert pair["difference"] == pytest.approx((own["popularity"] - own["random"]).mean())


def test_segments_compare_rankings_with_popularitys(results, data, metrics):
    table = nodes.evaluate_segments(results, data.ratings, data.items, EVALUATION)
    whole = table.query("segment == 'all' and metric == 'ndcg@5'").set_index("model")
    expected = metrics.query("split == 'temporal' and metric == 'ndcg@5'").set_index("model")["value"]
    assert whole["value"].to_dict() == pytest.approx(expected.to_dict())
    assert whole["compared_with"].to_dict() == {
        "popularity": "all",
        "random": "popularity",
        "svd": "popularity",
    }
    assert (table["low"] <= table["value"] + 1e-9).all()
    assert set(table["split"]) == {"temporal"}
    assert set(table.loc[table["metric"] == "rmse", "model"]) == {"svd"}


def test_curves_end_where_they_must(results, metrics):
    curves = nodes.trace_clicks(results)
    assert set(curves["curve"]) == {"roc", "precision_recall", "gain", "lift"}
    assert set(curves["model"]) == set(MODELS)
    for _, roc in curves[curves["curve"] == "roc"].groupby("model"):
        assert roc[["x", "y"]].iloc[[0, -1]].to_numpy().tolist() == [[0, 0], [1, 1]]
        assert len(roc) <= 203
    svd = curves.query("model == 'svd' and curve == 'roc'")
    auc = metrics.query("model == 'svd' and split == 'temporal' and metric == 'auc'")["value"].item()
    assert np.trapezoid(svd["y"], svd["x"]) == pytest.approx(auc, abs=0.01)


def test_a_test_without_any_click_has_no_curves(results):
    nothing = results["svd"].clicks
    nothing = type(nothing)(nothing.split, False, nothing.pairs.assign(clicked=False))
    found = results["svd"].__class__(**vars(results["svd"]) | {"clicks": nothing})
    assert nodes.trace_clicks({"svd": found}).empty


def test_the_record_names_the_data_and_every_mean(metrics):
    record = outputs.record_evaluation(metrics, {"hash": "abc"}, EVALUATION)
    assert record["data_hash"] == "abc"
    assert set(record["models"]) == set(MODELS)
    folds = metrics.query("model == 'svd' and split == 'k_fold' and metric == 'rmse'")["value"]
    assert record["models"]["svd"]["k_fold.rmse"] == pytest.approx(folds.mean())


@pytest.mark.slow
def test_the_tables_do_not_depend_on_the_number_of_workers(evaluated, data):
    again = nodes.evaluate_recommenders(
        data.ratings, data.items, EVALUATION.model_copy(update={"workers": 2}), TRAINING
    )
    pd.testing.assert_frame_equal(again[0], evaluated[0], check_exact=True)
