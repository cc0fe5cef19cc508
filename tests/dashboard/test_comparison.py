"""A/B test against bandit: the page, on stores and tables of all kinds."""

from __future__ import annotations

import re
import shutil
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import panel as pn
import pytest
from live_store import Traffic, films, shop, store_in
from shown_pages import Shown, view_of

from armlift.errors import DataFileError, TrackingError
from armlift.messages import CATALOGUE
from armlift.storage.interval_sums import refresh
from armlift.tracking.live_history import LiveRecord, LiveRunRow
from dashboard import comparison_data, simulated_charts
from dashboard.comparison_charts import ctr_chart, lift_chart, lift_words, money_value
from dashboard.comparison_data import comparison, stretch, tell
from dashboard.mlflow_history import HistoryReader, by_stretch, grain_finding, grain_of, history_finding
from dashboard.pages import comparison as page
from dashboard.view import View
from dashboard.widgets import NothingToDraw, live

BUILD = page.build
pytestmark = pytest.mark.usefixtures("sketched")


def say(key: str, language: str = "en", **values: object) -> str:
    return CATALOGUE[language].say(f"dash.comparison.{key}", **values)


@pytest.fixture(scope="module")
def films_page(project: Path) -> Shown:
    """The page of the experiment with both strategies, which tests only look at."""
    return Shown(view_of(project, experiment="films", value="2.5"), BUILD)


LIVE = ("lift", "reward", "ctr", "regret", "traffic", "sessions", "histogram")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with an experiment of two strategies, two experiments beside it, and a simulation."""
    root = tmp_path_factory.mktemp("comparison")
    with store_in(root) as database:
        Traffic(database, films()).visit(400)
        strategy = {"id": "thompson", "share": 1.0, "allocation": "thompson", "floor": 0.05}
        alone = films().model_dump(mode="json") | {"id": "alone", "strategies": [strategy]}
        Traffic(database, type(films()).model_validate(alone), seed=1).visit(300)
        split = {"id": "fixed", "share": 1.0, "allocation": "fixed"}
        only = films().model_dump(mode="json") | {"id": "split_only", "strategies": [split]}
        Traffic(database, type(films()).model_validate(only), seed=2).visit(60)
        Traffic(database, shop(), seed=3)  # running, without traffic
        refresh(database, now=datetime.now(UTC), since=datetime.now(UTC) - timedelta(hours=5))
    _simulate(root)
    return root


def _simulate(root: Path) -> None:
    folder = root / "data/simulation"
    folder.mkdir(parents=True)
    policies, decisions = ("fixed", "thompson", "ucb1"), np.arange(1, 21) * 100
    rows = []
    for place, policy in enumerate(policies):
        for checkpoint, n in enumerate(decisions, 1):
            row = {"policy": policy, "checkpoint": checkpoint, "decisions": n}
            for name, value in (
                ("ctr", 0.1 + 0.01 * place),
                ("cumulative_reward", (0.1 + 0.01 * place) * n),
                ("cumulative_regret", (0.03 - 0.01 * place) * n),
            ):
                row |= {f"{name}_mean": value, f"{name}_p05": 0.9 * value, f"{name}_p95": 1.1 * value}
            rows.append(row)
    pd.DataFrame(rows).to_parquet(folder / "policy_trend.parquet")
    shares = [
        {"policy": policy, "checkpoint": at, "decisions": n, "arm": arm, "share_mean": 0.5}
        for policy in policies
        for at, n in enumerate(decisions, 1)
        for arm in ("popularity", "svd")
    ]
    pd.DataFrame(shares).to_parquet(folder / "traffic_share.parquet")
    summary = pd.DataFrame(
        {
            "policy": policies,
            "reward_mean": [200.0, 220.0, 240.0],
            "lift": [0.0, 0.1, 0.2],
            "lift_low": [0.0, 0.05, 0.15],
            "lift_high": [0.0, 0.15, 0.25],
            "decisions_to_best": np.nan,
        }
    )
    rest = dict.fromkeys(("ctr_mean", "regret_mean", "best_arm_share"), 0.1)
    summary.assign(**rest).to_parquet(folder / "policy_summary.parquet")


def test_every_chart_is_drawn_with_a_sentence(films_page: Shown) -> None:
    for name in (*LIVE, *(f"simulated.{name}" for name in LIVE[:5])):
        chart = films_page.charts[say(f"{name}.title")]
        assert (chart.state, chart.note) == ("ready", ""), name
        assert chart.sentence
    assert 'class="card failure"' not in films_page.html


def test_the_page_speaks_korean(project: Path) -> None:
    shown = Shown(view_of(project, experiment="split_only", language="ko", dark="1", source="live"), BUILD)
    assert shown.charts[say("ctr.title", "ko")].state == "ready"
    assert "클릭률은" in shown.charts[say("ctr.title", "ko")].sentence
    assert say("table.title", "ko") in shown.html


def test_sentences_and_figures_are_those_of_the_store(project: Path, films_page: Shown) -> None:
    view, shown = view_of(project, experiment="films", value="2.5"), films_page
    totals = view.snapshot.totals
    own = totals[totals["experiment_id"] == "films"].groupby("strategy_id").sum(numeric_only=True)
    cells = re.findall(r"<td[^>]*>([^<]*)</td>", shown.html)
    for name, row in own.iterrows():
        at = cells.index(str(name))
        wanted = [f"{row['decisions']:,.0f}", f"{row['rewards']:,.0f}", f"{row['reward_total']:,.10g}"]
        assert cells[at + 1 : at + 4] == wanted
        assert cells[at + 5 : at + 7] == [f"{row['impressions']:,.0f}", f"{row['clicks']:,.0f}"]
    known = comparison(view)
    assert known is not None
    assert known.lift is not None
    means = own["reward_total"] / own["decisions"]
    assert known.lift.now.difference == pytest.approx(means["thompson"] - means["fixed"])
    lift = shown.charts[say("lift.title")].sentence
    assert "95 % interval" in lift
    assert "In money" in lift or "worth" in lift or "cost" in lift
    assert "asymptotic confidence sequence" in shown.html


def test_a_bandit_alone_is_weighed_against_an_even_split(project: Path) -> None:
    view = view_of(project, experiment="alone")
    known = comparison(view)
    assert known is not None
    assert known.lift is not None
    assert known.lift.method == "weighted"
    assert "AIPW" in page._tiles(view)
    assert "an even split" in lift_words(view)


def test_an_ab_test_alone_has_no_lift(project: Path) -> None:
    view = view_of(project, experiment="split_only")
    with pytest.raises(NothingToDraw, match="no bandit beside fixed"):
        lift_chart(view)
    assert lift_words(view) == say("lift.no_bandit", baseline="fixed")
    assert page._tiles(view) == ""


def test_without_traffic_it_says_so(project: Path) -> None:
    shown = Shown(view_of(project, experiment="product_page"), BUILD)
    assert {shown.charts[say(f"{name}.title")].state for name in LIVE} == {"empty"}
    assert "armlift visit" in shown.html


def test_an_empty_project_says_what_to_run(tmp_path: Path) -> None:
    shown = Shown(view_of(tmp_path), BUILD)
    assert all(chart.state == "empty" for chart in shown.charts.values())
    assert "make serve" in shown.html
    assert "make simulate" in shown.charts[say("simulated.ctr.title")].note


def test_the_toggle_leaves_strategies_out(project: Path) -> None:
    def legend(**given: str) -> list[str]:
        figure = ctr_chart(view_of(project, experiment="films", **given))
        return [item.label.value for item in figure.legend[0].items]

    assert legend() == ["fixed", "thompson"]
    assert legend(show="ab") == ["fixed"]
    assert legend(show="bandit") == ["thompson"]


def test_simulation_and_live_traffic_have_one_colour_for_a_strategy(films_page: Shown) -> None:
    charts = films_page.charts
    live, simulated = (
        dict(entry[:2] for entry in charts[say(f"{name}ctr.title")].legend) for name in ("", "simulated.")
    )
    assert live.items() <= simulated.items()
    assert len(set(simulated.values())) == 3


def test_the_value_of_a_reward_is_kept_in_the_address(project: Path) -> None:
    view = view_of(project, experiment="films")
    shown = Shown(
        view,
        lambda view: pn.Column(
            page._Controls(view).row, live(view, partial(page._tiles, view), depends=("extra",))
        ),
    )
    assert say("tile.money.ask") in shown.html
    widget = next(each for each in shown.page.select() if getattr(each, "label", "") == say("value"))
    widget.value = "3"
    assert "value=3" in view.query
    assert say("tile.money.ask") not in shown.html
    assert money_value(view_of(project, value="nonsense")) == 0.0


def test_a_range_shows_its_time_but_counts_from_the_start(project: Path) -> None:
    whole, hour = (comparison(view_of(project, experiment="films", range=name)) for name in ("all", "hour"))
    assert whole is not None
    assert hour is not None
    assert hour.trend["decisions"].max() == whole.trend["decisions"].max()
    assert len(hour.within(hour.trend)) < len(hour.trend)
    assert hour.within(hour.trend)["at"].min() >= pd.Timestamp(hour.since)


def test_stretches_are_as_many_as_a_chart_can_show() -> None:
    assert stretch(timedelta(0)) == timedelta(minutes=5)
    assert stretch(timedelta(hours=26)) == timedelta(minutes=15)
    assert stretch(timedelta(days=3650)) == timedelta(days=1)


def test_what_was_read_is_kept_for_the_same_revision(project: Path) -> None:
    view = view_of(project, experiment="films")
    assert comparison(view) is comparison(view)
    assert len(comparison_data._COMPARISONS._known) <= 24


# MLflow ------------------------------------------------------------------------------------------

MONDAY = pd.Timestamp("2026-03-02T00:00Z")


def points(*rows: tuple[float, str, int, int]) -> pd.DataFrame:
    columns = ["hours", "strategy_id", "clicks", "impressions"]
    frame = pd.DataFrame(rows, columns=columns)
    return frame.assign(at=MONDAY + pd.to_timedelta(frame.pop("hours"), unit="h"), arm_id="svd")


def test_windows_belong_to_the_stretch_before_their_end() -> None:
    rows = by_stretch(
        points((1.0, "fixed", 1, 10), (1.5, "fixed", 3, 10), (2.0, "fixed", 1, 10)),
        "1h",
        "clicks",
        "impressions",
    )
    assert rows["at"].tolist() == [MONDAY, MONDAY + pd.Timedelta(hours=1)]
    assert rows["value"].tolist() == [0.1, 0.2]
    week = by_stretch(
        points((24.0 * 7, "fixed", 1, 10), (24.0 * 7 + 1, "fixed", 1, 5)), "7D", "clicks", "impressions"
    )
    assert week["at"].tolist() == [MONDAY, MONDAY + pd.Timedelta(days=7)]
    assert by_stretch(points((1.0, "fixed", 0, 0)), "1h", "clicks", "impressions").empty


def test_stretches_suit_the_range() -> None:
    assert [grain_of(name, points()) for name in ("hour", "day", "week", "month")] == [
        "5min",
        "1h",
        "1D",
        "1D",
    ]
    assert grain_of("all", points((0, "fixed", 1, 1), (24 * 200, "fixed", 1, 1))) == "7D"
    assert grain_of("all", points()) == "5min"


def test_history_in_words() -> None:
    rows = by_stretch(
        points(
            (1, "fixed", 1, 10),
            (1, "thompson", 2, 10),
            (2, "fixed", 3, 10),
            (2, "thompson", 2, 10),
            (3, "thompson", 5, 10),
        ),
        "1h",
        "clicks",
        "impressions",
    )
    said = history_finding(rows, grain_finding("1h"), "clicks", "impressions")
    assert said.key == "comparison.history.lead"
    assert {name: said.words[name] for name in ("strategy", "mean", "less", "ahead", "stretches")} == {
        "strategy": "thompson",
        "mean": "30.00\xa0%",
        "less": "20.00\xa0%",
        "ahead": "1",
        "stretches": "2",
    }
    one = history_finding(rows[rows["strategy"] == "fixed"], grain_finding("1h"), "clicks", "impressions")
    assert one.key == "comparison.history.one"
    same = rows.assign(clicks=1.0, value=0.1)[:4]
    assert history_finding(same, grain_finding("1D"), "clicks", "impressions").key == "comparison.history.tie"


class FakeHistory:
    """Answers with runs of an MLflow that may be away."""

    away = False

    def __init__(self, uri: str) -> None:
        pass

    def read(self, *_: object, **__: object) -> LiveRecord:
        if FakeHistory.away:
            raise TrackingError("MLflow at http://mlflow does not answer.")
        frame = points((1, "fixed", 1, 10), (1, "thompson", 3, 10)).assign(decisions=10, reward_total=2.0)
        run = LiveRunRow("run1", "7", "films", "fixed", "2026-03-02", "live", False)
        return LiveRecord(frame, (run,))


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> HistoryReader:
    """A reader of its own, which reads whenever it is asked."""
    own = HistoryReader()
    monkeypatch.setattr(page, "HISTORIES", own)
    monkeypatch.setattr("dashboard.mlflow_history._EVERY_SECONDS", 0.0)
    monkeypatch.setattr("armlift.tracking.live_history.LiveHistory", FakeHistory)
    monkeypatch.setattr(FakeHistory, "away", False)
    return own


def history_of(view: View) -> pn.viewable.Viewable:
    own = page._History(view)
    return pn.Column(*own.parts, own.runs)


def settled(own: HistoryReader) -> None:
    own._reader.submit(lambda: None).result(10)


def test_mlflow_is_drawn_linked_and_kept_while_it_is_away(
    project: Path, reader: HistoryReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = view_of(project, experiment="films")
    view.sources.tracking_uri = "http://mlflow:5000"
    shown = Shown(view, history_of)
    settled(reader)
    chart = shown.charts[say("history.ctr")]
    assert chart.state == "ready"
    assert "thompson has 30.00" in chart.sentence
    assert 'href="http://mlflow:5000/#/experiments/7/runs/run1"' in shown.html
    monkeypatch.setattr(FakeHistory, "away", True)
    later = Shown(view, history_of)
    settled(reader)
    chart = later.charts[say("history.ctr")]
    assert chart.state == "ready"
    assert "MLflow is away; shown is what was known at" in chart.sentence


def test_mlflow_that_was_never_there_is_said(
    project: Path, reader: HistoryReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FakeHistory, "away", True)
    shown = Shown(view_of(project, experiment="films"), history_of)
    settled(reader)
    chart = shown.charts[say("history.ctr")]
    assert chart.state == "empty"
    assert "does not answer" in chart.note
    assert say("runs.empty") in shown.html


def test_without_a_server_runs_are_named(project: Path, reader: HistoryReader) -> None:
    shown = Shown(view_of(project, experiment="films"), history_of)
    settled(reader)
    assert "<code>run1</code>" in shown.html


def test_findings_within_findings_are_told_in_the_language(project: Path) -> None:
    view = view_of(project, language="ko")
    assert "시간" in tell(
        view,
        history_finding(
            by_stretch(points((1, "fixed", 1, 10)), "1h", "clicks", "impressions"),
            grain_finding("1h"),
            "clicks",
            "impressions",
        ),
    )


def test_a_broken_table_breaks_its_own_charts_alone(project: Path, tmp_path: Path) -> None:
    root = tmp_path / "copy"
    shutil.copytree(project, root)
    (root / "data/simulation/policy_trend.parquet").write_bytes(b"no table")
    view = view_of(root, experiment="split_only")
    with pytest.raises(DataFileError, match="policy_trend"):
        simulated_charts.trend_chart(view, "ctr")
    assert simulated_charts.lift_chart(view)
