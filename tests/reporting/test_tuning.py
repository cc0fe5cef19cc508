"""Tables, words and charts of a tuning."""

import json

import pytest

from armlift.reporting import render_html, render_png
from armlift.reporting.tuning_charts import tuning_charts
from armlift.reporting.tuning_tables import best_parameters, tuning_tables, tuning_text
from armlift.tuning import TrialResult, TuningResult


def trial(number, state, values, error=""):
    value = sum(values.values()) / len(values) if state == "complete" else None
    return TrialResult(number, state, {"n_factors": 5 + number}, values, value, 2.0, error)


TRIALS = (
    trial(0, "complete", {1: 0.1, 2: 0.3}),
    trial(1, "pruned", {1: 0.05}),
    trial(2, "complete", {1: 0.4, 2: 0.2}),
    trial(3, "failed", {}, "ValueError: no"),
    trial(4, "complete", {1: 0.1, 2: 0.2}),
)
SHARES = {"n_factors": 0.75, "n_epochs": 0.25}
SVD = TuningResult("svd", "svd-1", "ndcg@10", True, TRIALS, TRIALS[2], 0.2, SHARES)
EASE = TuningResult("ease", "ease-1", "rmse", False, TRIALS[:2], TRIALS[0], None, {})


def test_tables_have_a_row_for_each_trial_fold_and_recommender():
    trials, folds, importance, summary = tuning_tables([SVD, EASE])
    assert len(trials) == 7
    assert len(folds) == 10
    assert trials.loc[trials["is_best"], ["recommender", "trial"]].to_numpy().tolist() == [
        ["svd", 2], ["ease", 0],
    ]  # fmt: skip
    assert json.loads(trials["params"][2]) == {"n_factors": 7}
    assert importance["importance"].tolist() == [0.75, 0.25]
    row = summary.iloc[0]
    assert (row["complete"], row["pruned"], row["failed"], row["seconds"]) == (3, 1, 1, 10.0)
    assert summary["before"].isna().tolist() == [False, True]
    assert best_parameters([SVD, EASE]) == {"svd": {"n_factors": 7}, "ease": {"n_factors": 5}}


def test_tables_keep_their_types_without_importance():
    importance = tuning_tables([EASE])[2]
    assert importance.empty
    assert importance["importance"].dtype == float


def test_words_say_what_is_gained_and_that_it_is_no_test():
    text = tuning_text(tuning_tables([SVD, EASE])[3], best_parameters([SVD, EASE]))
    words = " ".join(text.split())
    assert "svd: ndcg@10 0.3000 instead of 0.2000 on the validation folds, by trial 2" in words
    assert "ease: rmse 0.2000 on the validation folds" in words
    assert "1 pruned, 1 failed" in words
    assert "n_factors: 7" in words
    assert "only the evaluation" in words
    assert max(map(len, text.splitlines())) <= 96


@pytest.fixture(scope="module")
def charts():
    trials, _, importance, summary = tuning_tables([SVD, EASE])
    return tuning_charts(trials, importance, summary)


def test_each_recommender_has_a_history_and_an_importance_where_known(charts):
    assert list(charts) == ["history_svd", "importance_svd", "history_ease"]
    assert charts["history_svd"].caption == (
        "Trial 2 is best with ndcg@10 0.3000, instead of 0.2000 with the hyper-parameters as they were; "
        "1 of 5 trials were stopped early."
    )
    assert charts["importance_svd"].caption.startswith("n_factors explains 75")


def test_the_best_so_far_only_gets_better(charts):
    line = next(each for each in charts["history_svd"].element.values()[0] if each.group == "Lead")
    corners = [(line.dimension_values(f"x{end}"), line.dimension_values(f"y{end}")) for end in (0, 1)]
    assert corners[0][0].tolist() == [0, 2, 2, 4, 4]
    assert corners[0][1].tolist() == pytest.approx([0.2, 0.2, 0.3, 0.3, 0.3])
    assert corners[1][0].tolist() == [2, 2, 4, 4, 4]


def test_charts_become_pictures_and_pages(charts):
    for chart in charts.values():
        assert render_png(chart).width == 1600
        assert "<script src" not in render_html(chart)
