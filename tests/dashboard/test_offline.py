"""The page "Offline", on the tables of an invented evaluation."""

from __future__ import annotations

from pathlib import Path

import pytest
from reporting.invented_evaluation import click_curves, model_comparison, offline_metrics, segment_metrics
from shown_pages import Shown, view_of

from armlift.messages import CATALOGUE
from armlift.reporting.facts import Chart as ReportChart
from dashboard.offline_data import evaluation, stamp
from dashboard.pages.offline import build
from dashboard.report_figures import report_figure, translated


def say(key: str, language: str = "en", **values: object) -> str:
    return CATALOGUE[language].say(f"dash.offline.{key}", **values)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with an evaluation."""
    root = tmp_path_factory.mktemp("offline")
    folder = root / "data/evaluation"
    folder.mkdir(parents=True)
    offline_metrics().to_parquet(folder / "offline_metrics.parquet")
    model_comparison().to_parquet(folder / "model_comparison.parquet")
    segment_metrics().to_parquet(folder / "segment_metrics.parquet")
    click_curves().to_parquet(folder / "click_curves.parquet")
    return root


@pytest.fixture(scope="module")
def korean(project: Path) -> Shown:
    """The page, which tests only look at."""
    return Shown(view_of(project, language="ko", dark="1"), build)


def test_charts_are_drawn_with_sentences(project: Path, korean: Shown) -> None:
    found = evaluation(view_of(project))
    assert found is not None
    for name in found.charts:
        chart = korean.charts[say(f"{name}.title", "ko")]
        assert (chart.state, chart.note) == ("ready", ""), name
        assert chart.sentence
    drawn = {say(f"{name}.title", "ko") for name in found.charts}
    assert {chart.state for title, chart in korean.charts.items() if title not in drawn} <= {"empty"}
    assert 'class="card failure"' not in korean.html


def test_the_models_and_their_pairs_are_tables(korean: Shown) -> None:
    for name in offline_metrics()["model"].unique():
        assert f'<th scope="row">{name}</th>' in korean.html
    assert say("pair.better", "ko") in korean.html
    assert say("pair.not_decided", "ko") in korean.html


def test_an_empty_project_says_what_to_run(tmp_path: Path, sketched: None) -> None:
    view = view_of(tmp_path)
    shown = Shown(view, build)
    assert "<code>kedro run --pipelines=evaluate</code>" in shown.html
    assert not shown.charts
    assert stamp(view.sources) == ()


def test_labels_without_a_message_stay_as_they_are(project: Path) -> None:
    view = view_of(project, language="ko")
    assert translated(view, "Recall") == "재현율"
    assert translated(view, "Experiments that declare a winner (%)") == "승자를 선언한 실험 (%)"
    assert translated(view, "NDCG@10") == "NDCG@10"
    assert translated(view, "") == ""


def test_a_report_on_a_dark_page_has_no_dark_ink(project: Path) -> None:
    found = evaluation(view_of(project))
    assert found is not None
    chart: ReportChart = found.charts["roc"]
    figure = report_figure(view_of(project, dark="1"), chart)
    assert "#1f2933" not in str(
        [renderer.glyph.properties_with_values() for renderer in figure.children[0].renderers]
    )
    legend = [item.label.value for item in figure.children[0].legend[0].items]
    assert legend == list(chart.legend)
