"""Click metrics and curves: by hand, by brute force and against scikit-learn."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from armlift.errors import ParameterError
from armlift.evaluation import clicks


@pytest.fixture(scope="module")
def sample() -> tuple[np.ndarray, np.ndarray]:
    """3,000 pairs whose probabilities are rounded, so that many tie."""
    rng = np.random.default_rng(0)
    probability = rng.beta(2, 3, 3000).round(2)
    return rng.random(3000) < probability, probability


@given(st.lists(st.tuples(st.booleans(), st.sampled_from([0.1, 0.2, 0.3, 0.9])), min_size=1, max_size=30))
def test_auc_counts_pairs_of_pairs(pairs: list[tuple[bool, float]]) -> None:
    clicked, others = ([score for label, score in pairs if label is wanted] for wanted in (True, False))
    wins = [(a > b) + (a == b) / 2 for a in clicked for b in others]
    found = clicks.auc([label for label, _ in pairs], [score for _, score in pairs])
    assert found == pytest.approx(np.mean(wins), abs=1e-12) if wins else math.isnan(found)


def test_metrics_by_hand() -> None:
    clicked, scores = [1, 0, 1, 0], [0.8, 0.8, 0.4, 0.2]
    assert clicks.auc(clicked, scores) == (0.5 + 1 + 0 + 1) / 4
    # Half the clicks at precision 1/2, then all at precision 2/3.
    assert clicks.pr_auc(clicked, scores) == pytest.approx(0.5 * 1 / 2 + 0.5 * 2 / 3, abs=1e-15)
    logs = math.log(0.8) + math.log(0.2) + math.log(0.4) + math.log(0.8)
    assert clicks.log_loss(clicked, scores) == pytest.approx(-logs / 4, abs=1e-15)
    assert clicks.brier(clicked, scores) == pytest.approx((0.04 + 0.64 + 0.36 + 0.04) / 4, abs=1e-15)


def test_calibration_error_by_hand() -> None:
    clicked, scores = [1, 0, 1, 0, 1], [0.8, 0.8, 0.4, 0.2, 1.0]
    # Bins [0.8, 0.9) and [0.9, 1], and one each for 0.4 and 0.2.
    expected = (2 * abs(0.8 - 0.5) + 0.6 + 0.2 + 0.0) / 5
    assert clicks.calibration_error(clicked, scores) == pytest.approx(expected, abs=1e-15)
    # Two bins of equal mass: the middle rank of 0.4 is below the half, that of both 0.8 above.
    halves = (2 * abs(0.3 - 0.5) + 3 * abs(2.6 / 3 - 2 / 3)) / 5
    found = clicks.calibration_error(clicked, scores, bins=2, binning="equal_mass")
    assert found == pytest.approx(halves, abs=1e-15)


def test_metrics_are_scikit_learns(sample: tuple[np.ndarray, np.ndarray]) -> None:
    from sklearn import metrics

    for ours, theirs in (
        (clicks.auc, metrics.roc_auc_score),
        (clicks.pr_auc, metrics.average_precision_score),
        (clicks.log_loss, metrics.log_loss),
        (clicks.brier, metrics.brier_score_loss),
    ):
        assert ours(*sample) == pytest.approx(theirs(*sample), abs=1e-12)


def test_calibration_points_are_scikit_learns() -> None:
    from sklearn.calibration import calibration_curve

    rng = np.random.default_rng(1)
    probability = rng.random(2000)
    clicked = rng.random(2000) < probability**2
    for binning, strategy in (("equal_width", "uniform"), ("equal_mass", "quantile")):
        points = clicks.calibration_points(clicked, probability, binning=binning)
        rate, mean = calibration_curve(clicked, probability, n_bins=10, strategy=strategy)
        np.testing.assert_allclose(points["click_rate"], rate, atol=1e-12)
        np.testing.assert_allclose(points["probability"], mean, atol=1e-12)
        assert points["pairs"].sum() == 2000


def test_areas_under_the_points_are_the_metrics(sample: tuple[np.ndarray, np.ndarray]) -> None:
    roc = clicks.roc_points(*sample)
    assert np.trapezoid(roc["true_positive_rate"], roc["false_positive_rate"]) == pytest.approx(
        clicks.auc(*sample), abs=1e-12
    )
    pr = clicks.pr_points(*sample)
    assert pr["recall"].is_monotonic_increasing
    assert (pr["recall"].iloc[0], pr["recall"].iloc[-1]) == (0, 1)
    assert pr["precision"].iloc[-1] == pytest.approx(sample[0].mean())


def test_gain_by_hand() -> None:
    # Best first: a click, then two pairs of one score with one click in them, then none.
    points = clicks.gain_points([1, 1, 0, 0], [0.9, 0.5, 0.5, 0.1], steps=4)
    assert points["gain"].tolist() == [0.5, 0.75, 1.0, 1.0]
    np.testing.assert_allclose(points["lift"], [2.0, 1.5, 4 / 3, 1.0])


def test_a_useless_score_gains_nothing() -> None:
    points = clicks.gain_points([1, 0, 0, 1, 0], np.zeros(5))
    np.testing.assert_allclose(points["lift"], 1.0)
    assert clicks.auc([1, 0, 0, 1, 0], np.full(5, -np.inf)) == 0.5
    assert clicks.pr_auc([1, 0, 0, 1, 0], np.full(5, -np.inf)) == pytest.approx(0.4)


def test_ranking_metrics_of_one_class_are_undefined() -> None:
    assert math.isnan(clicks.auc([1, 1], [0.1, 0.2]))
    assert math.isnan(clicks.pr_auc([0, 0], [0.1, 0.2]))
    assert clicks.log_loss([1, 1], [1.0, 1.0]) == pytest.approx(0.0, abs=1e-12)
    for points in (clicks.roc_points, clicks.pr_points, clicks.gain_points):
        with pytest.raises(ParameterError, match="some clicked, some not"):
            points([0, 0], [0.1, 0.2])


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ParameterError, match="no NaN"):
        clicks.auc([1, 0], [0.5, np.nan])
    with pytest.raises(ParameterError, match="0 <= probability <= 1"):
        clicks.brier([1, 0], [0.5, 1.1])
    with pytest.raises(ParameterError, match="shape"):
        clicks.auc([1, 0], [0.5])
    with pytest.raises(ParameterError, match="bins >= 1"):
        clicks.calibration_error([1, 0], [0.5, 0.5], bins=0)
    with pytest.raises(ParameterError, match="equal_mass"):
        clicks.calibration_error([1, 0], [0.5, 0.5], binning="equal")  # type: ignore[arg-type]
