"""An evaluation in words, tables and on its page, against the numbers it was made from."""

import re

import pandas as pd
import pytest
from reporting.invented_evaluation import (
    FACTS,
    NDCG,
    click_curves,
    model_comparison,
    offline_metrics,
    segment_metrics,
)

from armlift.reporting.evaluation_charts import evaluation_charts
from armlift.reporting.evaluation_page import evaluation_page
from armlift.reporting.evaluation_results import best_first, means, model_colours, paired_tests
from armlift.reporting.evaluation_tables import closing_words, model_rows, verdict_rows
from armlift.reporting.evaluation_verdict import decide_evaluation


@pytest.fixture(scope="module")
def table():
    return means(offline_metrics(), "temporal")


def decide(metrics=None, comparison=None):
    return decide_evaluation(
        offline_metrics() if metrics is None else metrics,
        model_comparison() if comparison is None else comparison,
        segment_metrics(),
        FACTS,
    )


def test_means_are_over_folds_and_errors_are_best_when_small(table):
    k_fold = offline_metrics().query("split == 'k_fold' and model == 'svd' and metric == 'rmse'")["value"]
    assert means(offline_metrics(), "k_fold").loc["svd", "rmse"] == pytest.approx(k_fold.mean())
    assert list(best_first(table["rmse"], "rmse").index) == ["svd", "item_neighbours"]
    assert best_first(table["ndcg@10"], "ndcg@10").index[0] == "ease"


def test_sixteen_recommenders_have_sixteen_colours():
    names = [f"model_{number}" for number in range(16)]
    colours = model_colours(names)
    assert list(colours) == names
    assert len(set(colours.values())) == 16


def test_the_verdict_says_who_ranks_best_and_how_sure_that_is():
    verdict = decide()
    assert verdict.outcome == "gain"
    assert verdict.headline == "ease ranks best (NDCG@10 0.120), and better than popularity."
    assert verdict.findings[0].endswith("not decided against implicit_als.")


def test_a_reader_learns_that_accurate_ratings_rank_below_popularity():
    (sentence,) = [finding for finding in decide().findings if "RMSE" in finding]
    assert "svd predicts ratings best of 2 that predict them (RMSE 0.874), and ranks 6th of 7" in sentence
    assert sentence.endswith("(NDCG@10 0.020), below popularity (0.050), which predicts no rating.")


def test_a_reader_learns_that_the_protocols_disagree():
    (sentence,) = [finding for finding in decide().findings if "drawn items" in finding]
    assert "implicit_als would look best (NDCG@10 0.215)" in sentence


def test_a_segment_with_another_best_is_named():
    assert [finding for finding in decide().findings if "segment" in finding] == [
        "In the segment “users: cold start” popularity ranks better: 0.200 against 0.120 of ease."
    ]


def test_a_reader_learns_that_another_split_has_another_best():
    metrics = offline_metrics()
    assert not [finding for finding in decide(metrics).findings if "On the" in finding]
    other = (metrics["split"] == "k_fold") & (metrics["model"] == "svd") & (metrics["metric"] == "ndcg@10")
    metrics.loc[other, "value"] = 0.9
    (sentence,) = [finding for finding in decide(metrics).findings if "On the" in finding]
    assert sentence.startswith("On the k-fold split svd ranks best (NDCG@10 0.900; ease 0.1")
    assert sentence.endswith("but random folds know the future.")


def test_a_reader_learns_that_most_tested_users_are_new():
    segments = segment_metrics()
    whole = segments[segments["segment"] == "cold start"].assign(kind="all", segment="all", users=130)
    verdict = decide_evaluation(offline_metrics(), model_comparison(), pd.concat([segments, whole]), FACTS)
    (sentence,) = [finding for finding in verdict.findings if "newcomers" in finding]
    assert sentence.startswith("120 of 130 tested users have no rating in train")


@pytest.mark.parametrize(
    ("metrics", "comparison", "outcome", "words"),
    [
        (
            lambda rows: rows[rows["model"].isin(["popularity", "svd", "random"])],
            None,
            "loss",
            "No recommender",
        ),
        (None, lambda rows: rows.assign(verdict="not decided"), "none", "is not decided"),
        (None, lambda rows: rows[:0], "unknown", "was not tested against popularity"),
    ],
)
def test_what_is_not_shown_is_not_said(metrics, comparison, outcome, words):
    verdict = decide(
        metrics and metrics(offline_metrics()), None if comparison is None else comparison(model_comparison())
    )
    assert verdict.outcome == outcome
    assert words in verdict.headline


def test_rows_mark_the_best_of_each_column(table):
    rows = model_rows(table, FACTS)
    assert [row.model for row in rows] == list(NDCG)
    assert {row.model for row in rows if row.cells[0][1]} == {"svd"}


def test_verdict_rows_are_antisymmetric():
    rows = verdict_rows(paired_tests(model_comparison(), "ndcg@10"), list(NDCG))
    cells = pd.DataFrame([[text for text, _ in row.cells] for row in rows])
    opposite = cells.T.replace({"better": "worse", "worse": "better"})
    assert cells.equals(opposite)


def test_the_closing_words_fit_a_terminal_and_say_the_verdict(table):
    text = closing_words(table, model_comparison(), decide(), FACTS)
    assert max(map(len, text.splitlines())) <= 100
    assert text.isascii()
    assert re.search(r"^svd +0\.874 .* 0\.020 .* worse$", text, re.MULTILINE)
    assert "ease ranks best" in text


def test_the_page_holds_verdict_tables_and_charts_and_loads_nothing():
    metrics, comparison = offline_metrics(), model_comparison()
    charts = evaluation_charts(metrics, click_curves(), segment_metrics(), FACTS)
    few = {name: charts[name] for name in ("accuracy", "k_fold")}
    page = evaluation_page(few, metrics, comparison, decide(), FACTS)
    text = re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
    assert "ease ranks best" in text
    assert text.count('class="not-decided"') == 2
    assert all(f'<section id="{name}"' in text for name in few)
    assert "<script src" not in page
    assert "<link rel=stylesheet" not in page
