from dataclasses import replace
from datetime import UTC, datetime

import pandas as pd
import pytest
from dashboard_sources import sources_of
from live_store import Traffic, films, store_in

from armlift.reporting.live_effects import live_verdict
from armlift.storage import ExperimentStore
from dashboard.app import PAGES, Session, menu, notice, pages, status
from dashboard.experiment_data import ExperimentData
from dashboard.experiment_words import Words
from dashboard.feed import Feed, RouterHealth
from dashboard.pages import overview
from dashboard.parts import Chart, Html
from dashboard.summary import badges, days_running, sparkline, summary, verdict_words
from dashboard.view import View


def alarm(metric, *, alarms=True, at=None):
    return {
        "at": at or pd.Timestamp(datetime.now(UTC)),
        "experiment_id": "films",
        "metric": metric,
        "segment": "",
        "value": 0.0001,
        "threshold": 0.001,
        "alarm": alarms,
        "details": {},
    }


def alarming(view, *rows):
    view.snapshot = replace(view.snapshot, monitoring=pd.DataFrame(rows))
    view.experiment = "films"
    return view.row


def verdict(view, row):
    sums = ExperimentData(view).totals()
    return verdict_words(view, row, live_verdict(sums, row.brief, days=days_running(row)))


# The overview


def test_each_experiment_has_a_card_with_its_figures(view):
    html = overview.cards(view)
    assert html.count("<article") == 2
    view.experiment = "films"
    data = ExperimentData(view)
    decisions = int(data.totals()["decisions"].sum())
    assert f"<dd>{decisions}</dd>" in html
    best = data.beliefs().sort_values("p_best").iloc[-1]
    assert f"<dd>{best['arm']}</dd>" in html
    assert html.count('class="spark"') == 2


def test_cards_pass_the_filters(view):
    view.extra = {"text": "PURCHASE rate"}
    assert [row.id for row in overview.shown(view)] == ["product_page"]
    view.extra = {"state": "completed"}
    assert overview.shown(view) == []
    assert "No experiment fits" in overview.cards(view)


@pytest.mark.parametrize(("has_store", "words"), [(False, "No live store yet"), (True, "No experiment yet")])
def test_an_empty_store_says_what_to_run(view, has_store, words):
    view.snapshot = replace(view.snapshot, has_store=has_store, experiments=())
    html = overview.cards(view)
    assert words in html
    assert "<code>make serve</code>" in html
    assert "<code>make simulate</code>" in html


def test_alarms_are_listed_with_value_and_bound(view):
    alarming(view, alarm("sample_ratio"), alarm("error_rate", alarms=False))
    html = overview.alarm_list(view)
    assert html.count("<li>") == 1
    assert "sample_ratio = 0.0001, bound 0.001" in html
    assert "experiment=films" in html


def test_an_alarm_that_is_over_or_old_is_none(view):
    now = pd.Timestamp(datetime.now(UTC))
    alarming(
        view,
        alarm("sample_ratio", alarms=False),
        alarm("sample_ratio", at=now - pd.Timedelta("1h")),
        alarm("error_rate", at=now - pd.Timedelta("2D")),
    )
    assert overview.alarm_list(view) == ""


# Verdicts and badges


def test_a_verdict_is_a_plain_sentence(view):
    row = alarming(view)
    words, kind = verdict(view, row)
    assert kind == "collecting"
    assert words.startswith("Go on:")
    assert "1,000 rewards" in words


@pytest.mark.parametrize(
    ("metric", "badge", "words"),
    [
        ("sample_ratio", "Sample ratio", "Stop and repair"),
        ("lcp_seconds", "Guardrail: lcp_seconds", "the guardrail lcp_seconds is broken"),
    ],
)
def test_an_alarm_comes_before_any_verdict(view, metric, badge, words):
    row = alarming(view, alarm(metric))
    assert badge in badges(view, row)
    said, kind = verdict(view, row)
    assert words in said
    assert kind == "alarm"


def test_other_alarms_have_a_badge_and_stop_nothing(view):
    row = alarming(view, alarm("excluded"), alarm("drift:age"))
    assert "Bots" in badges(view, row)
    assert "Alarm: drift:age" in badges(view, row)
    assert verdict(view, row)[1] == "collecting"


def test_states_without_a_question(view):
    row = alarming(view)
    for state, winner, words in (
        ("draft", None, "Not started yet."),
        ("completed", "svd", "everybody gets svd"),
        ("completed", None, "everybody gets popularity"),
        ("hold", None, "On hold, everybody gets the control. Go on"),
    ):
        assert words in verdict(view, replace(row, state=state, winner=winner))[0]


def test_the_head_of_the_page_escapes_what_people_wrote(view):
    row = alarming(view)
    brief = row.brief.model_copy(update={"objective": "<script>"})
    view.snapshot = replace(view.snapshot, experiments=(replace(row, brief=brief),))
    assert "<script>" not in summary(view, ExperimentData(view))
    assert "<script>" not in overview.cards(view)


def test_a_sparkline_needs_two_values():
    assert sparkline([1.0], "x") == ""
    assert "0.0,40.0 240.0,4.0" in sparkline([0.0, 5.0], "x")
    assert "nan" not in sparkline([0.0, 0.0], "x")


# The page of an experiment


def parts(viewable, kind):
    return list(viewable.select(kind))


def test_every_chart_of_an_experiment_is_drawn(view):
    for name in ("films", "product_page"):
        view.experiment = name
        page = pages()["experiment"](view)
        drawn = {chart.title: (chart.state, chart.note, chart.sentence) for chart in parts(page, Chart)}
        early = drawn.pop("Has the level changed? (CUSUM)")
        assert early[0] in ("ready", "empty"), early
        assert {state for state, *_ in drawn.values()} == {"ready"}, drawn
        assert all(sentence for *_, sentence in drawn.values()), drawn
        assert len(drawn) == 7
        view.untrack()


def test_tiles_are_the_stores_sums(view):
    view.experiment = "product_page"
    data, sums = ExperimentData(view), None
    sums = view.sources.readings.totals("product_page")
    tiles = "".join(Words(view).tiles(data.rates()))
    assert f">{int(sums['impressions'].sum())}<" in tiles
    ctr = sums["clicks"].sum() / sums["impressions"].sum()
    assert f">{100 * ctr:.2f}\u00a0%<" in tiles
    assert "purchases per click" in tiles
    view.segment = "device=desktop"
    desktop = view.sources.readings.segments("product_page", "device")
    desktop = desktop[desktop["segment_value"] == "desktop"]
    of_desktop = int(desktop["decisions"].sum())
    for sums in (data.series(), data.whole_series()):
        assert sums["decisions"].sum() == data.rates().decisions == of_desktop


def test_the_arm_and_the_segment_of_an_address_are_shown(view):
    view.read("?page=experiment&experiment=films&arm=svd&by=channel")
    data = ExperimentData(view)
    assert (data.chosen_arm(), data.chosen_segment()) == ("svd", "channel")
    view.read("?page=experiment&experiment=films&arm=popularity&by=nonsense")
    assert data.chosen_arm() in {"svd", "lightgbm"}, "the control has no effect"
    assert data.chosen_segment() == "device"


def test_an_experiment_that_is_not_there_is_named(view):
    view.read("?page=experiment&experiment=missing")
    page = pages()["experiment"](view)
    assert "missing" in "".join(part.html for part in parts(page, Html))


def test_a_draft_has_nothing_to_show_and_fails_nowhere(tmp_path):
    with store_in(tmp_path) as database:
        ExperimentStore(database).create(films(), who="me")
    feed = Feed(sources_of(tmp_path))
    feed.look()
    draft = View(feed._sources, feed.snapshot)
    page = pages()["experiment"](draft)
    assert {chart.state for chart in parts(page, Chart)} == {"empty"}
    assert "Not started yet." in overview.cards(draft)
    feed._sources.close()


# The frame


def test_the_menu_has_every_page_there_is(view):
    view.page = "overview"
    html = menu(view)
    assert html.count("<li>") == len(pages())
    assert html.count('aria-current="page"') == 1
    assert set(pages()) <= set(PAGES)


def test_what_is_away_is_said_with_its_age(view):
    assert notice(view) == ""
    there = view.snapshot
    view.snapshot = replace(there, router=RouterHealth(False, "http://router", datetime.now(UTC), "away"))
    assert "No router answers at http://router" in notice(view)
    assert "Router away" in status(view)
    view.snapshot = replace(there, store_error="disk gone")
    assert view.when(there.taken_at, seconds=True) in notice(view)
    assert "disk gone" in notice(view)


@pytest.fixture
def session(sources, sketched):
    feed = Feed(sources)
    feed.look()
    return Session(sources, feed, "page=experiment&experiment=films&language=ko&dark=1")


def test_a_session_opens_what_its_address_says(session):
    view = session.view
    assert (view.page, view.experiment, view.language, view.dark) == ("experiment", "films", "ko", True)
    assert session.page.dark_theme
    assert session._navigator.language == "ko"
    assert session._navigator.title == "실험 · armlift"


def test_an_unknown_page_is_the_overview(sources, sketched):
    assert Session(sources, Feed(sources), "page=../../etc").view.page == "overview"


def test_the_back_button_changes_the_view_and_a_choice_the_address(session):
    session._navigator.query = "?page=overview"
    assert (session.view.page, session.view.language) == ("overview", "en")
    session.view.range = "day"
    assert session._navigator.query == "?range=day"
    session.page.dark_theme = True
    assert session._navigator.query == "?range=day&dark=1" or "dark=1" in session._navigator.query


def test_a_change_in_the_store_is_shown(tmp_path, sketched):
    with store_in(tmp_path) as database:
        feed = Feed(sources_of(tmp_path))
        feed.look()
        session = Session(feed._sources, feed)
        html = session.page.select(Html)
        feed.subscribe(session.update)
        Traffic(database, films()).visit(20)
        feed.look()
    assert any("card-films" in part.html for part in html)
    feed._sources.close()


def test_segments_are_offered_on_the_page_of_an_experiment(session):
    widget = session.choices.toolbar.select(lambda part: getattr(part, "label", "") == "세그먼트")[0]
    assert widget.visible
    assert {"", "device=mobile", "device=desktop"} <= set(widget.options.values())
    widget.value = "device=mobile"
    assert "segment=device%3Dmobile" in session._navigator.query
    session.view.page = "overview"
    assert not widget.visible


def test_parts_of_the_page_that_is_left_are_not_made_anew(sources, sketched, monkeypatch):
    made = []
    monkeypatch.setattr(overview, "cards", lambda view: made.append(view.page) or "")
    session = Session(sources, Feed(sources), "page=overview&experiment=films")
    assert made == ["overview"]
    session.view.param.update(page="decisions", experiment="product_page")
    assert made == ["overview"]
    session.view.param.update(page="overview", language="ko")
    session.view.language = "en"
    assert made == ["overview"] * 3
