import logging

import numpy as np
import pytest
from reporting.invented_evaluation import FACTS, NDCG, RMSE, click_curves, offline_metrics, segment_metrics

from armlift.reporting import render_html, render_png
from armlift.reporting.evaluation_charts import evaluation_charts


@pytest.fixture(scope="module")
def charts():
    return evaluation_charts(offline_metrics(), click_curves(), segment_metrics(), FACTS)


def element(panel, group):
    return next(each for each in panel if each.group == group).dframe()


def test_every_figure_of_the_issue_is_there(charts):
    assert {
        "accuracy", "ranking", "protocols", "beyond_accuracy", "clicks", "roc", "precision_recall",
        "calibration", "gain_and_lift", "k_fold", "repeated_temporal", "segments", "genres",
    } == set(charts)  # fmt: skip


def test_ratings_and_rankings_stand_side_by_side_in_the_order_of_the_ranking(charts):
    ratings, ranking = charts["accuracy"].element
    assert charts["accuracy"].categories[::-1] == tuple(NDCG)
    assert element(ratings, "Bar").set_index("name")["x1"].to_dict() == RMSE
    assert element(ranking, "Bar").set_index("name")["x1"].to_dict() == NDCG
    assert "below popularity" in charts["accuracy"].caption


def test_captions_quote_the_numbers(charts):
    assert "implicit_als (0.215)" in charts["protocols"].caption
    assert "AUC 0.730" in charts["roc"].caption
    assert "holds 19.0\u00a0% of all clicks, 1.90 times" in charts["gain_and_lift"].caption
    assert charts["segments"].caption.startswith("ease leads in 2 of 3 segments")
    for name, chart in charts.items():
        assert chart.caption.endswith("."), name


def test_segments_show_the_best_rankers_and_popularity(charts):
    dots = element(next(iter(charts["segments"].element)), "Small")
    assert set(dots["name"]) == {"ease", "implicit_als", "item_neighbours", "popularity"}
    assert len(charts["segments"].categories) == 3


def test_what_has_no_data_is_not_drawn():
    metrics = offline_metrics().query("split == 'temporal' and metric == 'ndcg@10'")
    charts = evaluation_charts(metrics, click_curves()[:0], segment_metrics()[:0], FACTS)
    assert set(charts) == {"ranking"}


def test_charts_render(charts, caplog):
    with caplog.at_level(logging.WARNING):
        for name, chart in charts.items():
            assert np.asarray(render_png(chart)).std() > 1, name
        for name in ("calibration", "segments"):  # bars and boxes: on the page of the evaluation
            assert len(render_html(charts[name])) > 10_000
    assert not caplog.records
