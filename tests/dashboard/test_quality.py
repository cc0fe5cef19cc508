"""The quality page, on stores and tables of all kinds."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
from live_store import SECOND, Traffic, films, store_in
from shown_pages import Shown, view_of
from sqlalchemy import insert

from armlift.commands.aggregate import aggregate_live
from armlift.environment import RouterSettings
from armlift.messages import CATALOGUE
from armlift.storage.schema import monitoring
from dashboard.pages.quality import build

pytestmark = pytest.mark.usefixtures("sketched")


def say(key: str, language: str = "en", **values: object) -> str:
    return CATALOGUE[language].say(f"dash.quality.{key}", **values)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with traffic that was summed and measured twice, and one p-value in alarm."""
    root = tmp_path_factory.mktemp("measured")
    with store_in(root) as database:
        traffic = Traffic(database, films())
        traffic.visit(300)
        settings = RouterSettings.from_environment(root, {"MLFLOW_TRACKING_URI": "http://127.0.0.1:9"})
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("armlift.commands.aggregate._export", lambda *_: (0, ""))
            aggregate_live(settings, datetime.now(UTC), root=root)
        now = round(datetime.now(UTC).timestamp() * 1e6)
        rows = [
            ("films", "sample_ratio", "thompson", 0.5, 0.001, False),
            ("films", "sample_ratio", "thompson", 1e-9, 0.001, True),
            ("films", "lcp_seconds", "fixed/svd", 3.4, 3.5, False),
            ("", "drift:clicks.hour", "live", 0.31, 0.25, True),
            ("", "drift:clicks.device", "live", 0.01, 0.25, False),
        ]
        names = ("experiment_id", "metric", "segment", "value", "threshold", "alarm")
        with database.begin() as connection:
            for step, row in enumerate(rows):
                values = dict(zip(names, row, strict=True)) | {"ts": now + step * SECOND, "details": "{}"}
                connection.execute(insert(monitoring), values)
    return root


@pytest.fixture(scope="module")
def korean(measured: Path) -> Shown:
    """The page with its charts, which tests only look at."""
    return Shown(view_of(measured, language="ko", dark="1"), build)


def test_every_chart_is_drawn_or_says_what_is_missing(korean: Shown) -> None:
    language = "ko"
    states = {title: chart.state for title, chart in korean.charts.items()}
    assert states == {
        say("sample_ratio.title", language): "ready",
        say("exclusions.title", language): "ready",
        say("aa.title", language): "empty",
        say("guardrail.title", language, subject="lcp_seconds"): "ready",
        say("guardrail.title", language, subject="error_rate"): "empty",
        say("drift.title", language, subject="live"): "ready",
    }
    for chart in korean.charts.values():
        assert chart.sentence or chart.note
    assert 'class="card failure"' not in korean.html


def test_sentences_say_what_was_measured(measured: Path) -> None:
    shown = Shown(view_of(measured), build)
    charts = shown.charts
    assert "p-value of thompson was < 0.0001" in charts[say("sample_ratio.title")].sentence
    assert "within its bound of 3.5" in charts[say("guardrail.title", subject="lcp_seconds")].sentence
    assert "clicks.hour drifted" in charts[say("drift.title", subject="live")].sentence
    assert "headless" in charts[say("exclusions.title")].sentence
    assert "sample_ratio (thompson)" in shown.html


def test_the_range_leaves_out_what_is_older(measured: Path) -> None:
    long_ago = Shown(view_of(measured, range="hour"), build)
    assert long_ago.charts[say("sample_ratio.title")].state == "ready"
    view = view_of(measured)
    view.snapshot.monitoring["at"] -= pd.Timedelta(days=2)
    view.range = "day"
    assert Shown(view, build).charts[say("sample_ratio.title")].state == "empty"


def test_drift_comes_from_the_pipelines_table_where_there_is_one(measured: Path, tmp_path: Path) -> None:
    view = view_of(measured)
    file = view.sources.path("drift_report")
    file.parent.mkdir(parents=True)
    report = pd.DataFrame(
        {
            "source": ["ratings", "ratings"],
            "end": pd.date_range("2026-01-01", periods=2, freq="D", tz="UTC"),
            "feature": "ratings.rating",
            "psi": [0.02, 0.04],
            "threshold": 0.25,
            "verdict": "stable",
        }
    )
    report.to_parquet(file)
    try:
        shown = Shown(view_of(measured), build)
        drift = shown.charts[say("drift.title", subject="ratings")]
        assert "largest PSI is 0.040 (ratings.rating)" in drift.sentence
        file.write_text("torn")
        broken = Shown(view_of(measured), build)
        assert any(chart.state == "failed" for chart in broken.charts.values())
        assert broken.charts[say("sample_ratio.title")].state == "ready"
    finally:
        file.unlink()


def test_without_a_store_it_says_what_to_run(tmp_path: Path) -> None:
    shown = Shown(view_of(tmp_path), build)
    assert "make serve" in shown.html
    assert {chart.state for chart in shown.charts.values()} == {"empty"}
    assert say("fresh.never") in shown.html


def test_before_anything_was_measured_it_says_so(tmp_path: Path) -> None:
    with store_in(tmp_path) as database:
        Traffic(database, films())
    shown = Shown(view_of(tmp_path), build)
    assert "armlift aggregate" in shown.html
    assert say("check.title") in shown.html
    assert {chart.state for chart in shown.charts.values()} == {"empty"}
