"""Paired tests: by hand, against scipy, and calibrated under no difference."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from armlift.errors import ParameterError
from armlift.evaluation import compare_models, compare_paired, corrected_resampled_t
from armlift.statistics.effect import Reason


def test_corrected_t_by_hand() -> None:
    # Mean 0.02, variance 5e-5, five folds: the mean's variance is (1/5 + 1/4) 5e-5 = 2.25e-5.
    effect = corrected_resampled_t([0.03, 0.01, 0.02, 0.02, 0.02], 1 / 4)
    error = np.sqrt(2.25e-5)
    assert effect.standard_error == pytest.approx(error, rel=1e-12)
    assert effect.p_value == pytest.approx(2 * stats.t.sf(0.02 / error, 4), rel=1e-12)
    half = stats.t.ppf(0.975, 4) * error
    assert [float(effect.low), float(effect.high)] == pytest.approx([0.02 - half, 0.02 + half], rel=1e-12)


def test_without_shared_ratings_it_is_the_paired_t_test() -> None:
    a, b = np.random.default_rng(0).normal(0.3, 1, (2, 40))
    expected = stats.ttest_rel(a, b)
    effect = corrected_resampled_t(a - b, 0)
    assert effect.p_value == pytest.approx(expected.pvalue, abs=1e-12)
    interval = expected.confidence_interval()
    assert [float(effect.low), float(effect.high)] == pytest.approx([interval.low, interval.high], abs=1e-12)


def test_many_at_once_are_each_alone() -> None:
    differences = np.random.default_rng(1).normal(0, 1, (3, 4, 5))
    together = corrected_resampled_t(differences, 0.25).p_value
    alone = [[corrected_resampled_t(folds, 0.25).p_value for folds in row] for row in differences]
    np.testing.assert_allclose(together, np.array(alone))


def test_the_correction_holds_the_level_where_the_plain_test_does_not() -> None:
    # Two learners of equal error that each predict a mean; 15 random resamplings of the same 60 rows.
    rng = np.random.default_rng(2)
    plain, corrected = 0, 0
    for _ in range(300):
        y, x, z = rng.normal(size=(3, 60))
        differences = []
        for _ in range(15):
            test = rng.permutation(60) < 12
            losses = []
            for feature in (x, z):
                slope = feature[~test] @ y[~test] / (feature[~test] @ feature[~test])
                losses.append(np.mean((y[test] - slope * feature[test]) ** 2))
            differences.append(losses[0] - losses[1])
        plain += corrected_resampled_t(differences, 0).p_value < 0.05
        corrected += corrected_resampled_t(differences, 12 / 48).p_value < 0.05
    assert corrected / 300 <= 0.07
    assert plain / 300 >= 0.12


@pytest.mark.parametrize(
    ("differences", "reason"),
    [([0.1], Reason.TOO_FEW), ([0.1, 0.1, 0.1], Reason.NO_VARIANCE), ([0.0, 0.0], Reason.NO_VARIANCE)],
)
def test_without_noise_nothing_is_decided(differences: list[float], reason: Reason) -> None:
    effect = corrected_resampled_t(differences, 0.25)
    assert effect.reason == reason
    assert (float(effect.p_value), float(effect.low), float(effect.high)) == (1.0, -np.inf, np.inf)
    assert effect.estimate == pytest.approx(differences[0])


@pytest.fixture
def metrics() -> pd.DataFrame:
    """Model a beats b on ndcg and loses on rmse; c is like b. Only a and b predict ratings."""
    noise = np.array([0.001, -0.001, 0.002, -0.002, 0.0])
    values = {
        ("a", "ndcg@10"): 0.4 + noise,
        ("b", "ndcg@10"): 0.3 - noise,
        ("c", "ndcg@10"): 0.3 + 2 * noise,
        ("a", "rmse"): 0.95 + noise,
        ("b", "rmse"): 0.85 - noise,
        ("a", "novelty@10"): 3 + noise,
        ("b", "novelty@10"): 2 - noise,
    }
    return pd.DataFrame(
        [
            (model, "k_fold", fold, metric, value)
            for (model, metric), folds in values.items()
            for fold, value in enumerate(folds, start=1)
        ],
        columns=["model", "split", "fold", "metric", "value"],
    )


def test_verdicts_know_the_direction(metrics: pd.DataFrame) -> None:
    table = compare_models(metrics, 0.25).set_index(["metric", "model", "other"])
    assert table["verdict"].to_dict() == {
        ("ndcg@10", "a", "b"): "better",
        ("ndcg@10", "a", "c"): "better",
        ("ndcg@10", "b", "c"): "not decided",
        ("rmse", "a", "b"): "worse",
    }
    assert (table["units"] == 5).all()
    assert table.loc[("rmse", "a", "b"), "difference"] == pytest.approx(0.1)
    ndcg = table.loc["ndcg@10"]
    np.testing.assert_allclose(ndcg["adjusted_p_value"].max(), ndcg["p_value"].max())
    smallest = ndcg["p_value"].idxmin()
    assert ndcg.loc[smallest, "adjusted_p_value"] == pytest.approx(3 * ndcg.loc[smallest, "p_value"])


def test_swapping_the_models_swaps_the_verdict(metrics: pd.DataFrame) -> None:
    table = compare_models(metrics, 0.25, reference="a")
    assert table[["metric", "model", "other", "verdict"]].to_numpy().tolist() == [
        ["ndcg@10", "b", "a", "worse"],
        ["ndcg@10", "c", "a", "worse"],
        ["rmse", "b", "a", "better"],
    ]
    only = compare_models(metrics, 0.25, reference="c")
    assert set(only["metric"]) == {"ndcg@10"}


def test_units_that_not_both_have_do_not_count() -> None:
    values = pd.DataFrame({"a": [1.0, 2.0, np.nan, 4.0], "b": [0.0, np.nan, 1.0, 2.0], "c": [np.nan] * 4})
    table = compare_paired(values)
    assert table[["model", "other", "units"]].to_numpy().tolist() == [["a", "b", 2]]
    assert table["difference"].tolist() == [1.5]


def test_models_without_a_metric_in_common_leave_the_types_alone(metrics: pd.DataFrame) -> None:
    rows = metrics[(metrics["model"] == "a") | (metrics["metric"] != "rmse")]
    table = compare_models(rows, 0.25)
    assert set(table["metric"]) == {"ndcg@10"}
    numbers = ["difference", "low", "high", "p_value", "adjusted_p_value"]
    assert {str(dtype) for dtype in table[numbers].dtypes} == {"float64"}
    with pytest.raises(ParameterError, match="better and worse"):
        compare_models(metrics[metrics["metric"] == "novelty@10"], 0.25)


def test_one_model_alone_is_not_compared() -> None:
    assert compare_paired(pd.DataFrame({"a": [1.0, 2.0]})).empty


def test_what_makes_no_sense_is_refused(metrics: pd.DataFrame) -> None:
    with pytest.raises(ParameterError, match="reference"):
        compare_models(metrics, 0.25, reference="d")
    with pytest.raises(ParameterError, match="one split"):
        compare_models(pd.concat([metrics, metrics.assign(split="other")]), 0.25)
    with pytest.raises(ParameterError, match="alpha"):
        compare_paired(pd.DataFrame({"a": [1.0]}), alpha=0)
    for wrong in ({"test_train_ratio": -1.0}, {"test_train_ratio": 0.25, "confidence": 1.0}):
        with pytest.raises(ParameterError, match=list(wrong)[-1]):
            corrected_resampled_t([0.1, 0.2], **wrong)
    for differences in ([], [np.nan, 1.0]):
        with pytest.raises(ParameterError, match="differences"):
            corrected_resampled_t(differences, 0.25)
