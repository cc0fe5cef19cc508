"""The decisions page: logs, filters, reasons."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from live_store import Traffic, films, shop, store_in
from shown_pages import Shown, view_of

from armlift.messages import CATALOGUE
from armlift.storage.interval_sums import refresh
from dashboard.logs import LogFilter, decision_name, find_decision, log_filter, read_log
from dashboard.pages.decisions import SHOWN, build

pytestmark = pytest.mark.usefixtures("sketched")


def say(key: str, language: str = "en", **values: object) -> str:
    return CATALOGUE[language].say(f"dash.decisions.{key}", **values)


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with traffic of two experiments."""
    root = tmp_path_factory.mktemp("logged")
    with store_in(root) as database:
        Traffic(database, shop(), hours=9).visit(60, since=8)
        Traffic(database, films()).visit(400)
        refresh(database, now=datetime.now(UTC))
    return root


@pytest.fixture(scope="module")
def drawn(logged: Path) -> Shown:
    """The page with its charts, which tests only look at."""
    return Shown(view_of(logged, experiment="films"), build)


def rows_of(page: str, label: str) -> list[str]:
    """Rows of a table by its label, as HTML."""
    found = re.search(rf'aria-label="{label}"><table.*?<tbody>(.*?)</tbody>', page, re.DOTALL)
    return [] if found is None else found.group(1).split("</tr>")[:-1]


def test_every_chart_is_drawn_with_a_sentence(drawn: Shown) -> None:
    assert drawn.charts
    assert all(chart.state == "ready" and chart.sentence and chart.item for chart in drawn.charts.values())


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("log", ["decisions", "events", "sessions", "audit"])
def test_every_log_has_rows(logged: Path, log: str, language: str) -> None:
    shown = Shown(view_of(logged, experiment="films", log=log, language=language), build)
    rows = rows_of(shown.html, say(f"log.{log}", language))
    assert 1 < len(rows) <= SHOWN
    assert 'class="card failure"' not in shown.html
    assert all(chart.state == "ready" and chart.sentence for chart in shown.charts.values())


def test_what_an_address_names_wrongly_filters_nothing(logged: Path) -> None:
    odd = {"log": "nothing", "arm": "nobody", "strategy": "none", "type": "x"}
    assert log_filter(view_of(logged, experiment="films", **odd)) == LogFilter("decisions", "films")
    named = {"log": "events", "arm": "svd", "strategy": "fixed", "type": "purchase", "q": "mail"}
    assert log_filter(view_of(logged, experiment="films", **named)) == LogFilter(
        "events", "films", None, None, "svd", "fixed", "purchase", "mail"
    )
    assert log_filter(view_of(logged, experiment="gone")) is None


@pytest.mark.parametrize("log", ["decisions", "events", "sessions", "audit"])
def test_a_log_shows_the_chosen_traffic(logged: Path, log: str) -> None:
    """All of it here is real; changes have no users."""
    readings = view_of(logged).sources.readings
    found = {
        source: len(
            read_log(readings, log_filter(view_of(logged, experiment="films", log=log, source=source)), 1000)
        )
        for source in ("both", "live", "simulated")
    }
    assert found["live"] == found["both"] > 0
    assert found["simulated"] == (found["both"] if log == "audit" else 0)


def test_a_filter_is_what_is_read(logged: Path) -> None:
    view = view_of(logged, experiment="films")
    readings = view.sources.readings
    purchases = read_log(readings, LogFilter("events", "films", event_type="purchase"), 1000)
    assert set(purchases["event_type"]) == {"purchase"}
    assert set(read_log(readings, LogFilter("events", "films", text="mail"), 1000)["channel"]) == {"mail"}
    of_arm = read_log(readings, LogFilter("decisions", "films", arm="svd", strategy="fixed"), 1000)
    assert set(zip(of_arm["arm_id"], of_arm["strategy_id"], strict=True)) == {("svd", "fixed")}
    assert len(read_log(readings, LogFilter("decisions", "product_page"), 1000)) == 60
    assert read_log(readings, LogFilter("audit", "films"), 10)["action"].tolist() == ["start", "create"]


@pytest.mark.parametrize("strategy", ["fixed", "thompson"])
def test_a_decision_is_explained_by_what_was_known_then(logged: Path, strategy: str) -> None:
    view = view_of(logged, experiment="films")
    decision = view.sources.readings.decisions("films", strategy_id=strategy, limit=1).iloc[0]
    name = f"{decision['at'].value // 1000}-{decision['decision_id']}"
    assert find_decision(view.sources.readings, "films", decision_name(name)) is not None
    page = html.unescape(Shown(view_of(logged, experiment="films", why=name), build).html)
    assert f"{strategy} chose {decision['arm_id']}" in page
    assert say(f"why.by.{strategy}", floor="5.0\xa0%", arm=decision["arm_id"]) in page
    known = rows_of(page, say("knew.title"))
    assert [re.sub("<.*?>", " ", row).split()[0] for row in known] == list(films().arms)


@pytest.mark.parametrize("name", ["", "1700000000000000-gone", "x-y", "9" * 40 + "-a", "<b>"])
def test_a_decision_that_is_not_there_is_said_to_be_gone(logged: Path, name: str) -> None:
    page = Shown(view_of(logged, experiment="films", why=name), build).html
    assert (say("why.gone") in page) == bool(name)
    assert "<b>" not in page


def test_what_people_sent_is_shown_as_text(tmp_path: Path) -> None:
    with store_in(tmp_path) as database:
        traffic = Traffic(database, films())
        traffic.visit(3)
        with database.begin() as connection:
            connection.exec_driver_sql("UPDATE decisions SET session_id = '<script>x</script>'")
    page = Shown(view_of(tmp_path, q="<script>"), build).html
    assert "&lt;script&gt;" in page
    assert "<script>" not in page


def test_without_experiments_it_says_what_to_run(tmp_path: Path) -> None:
    assert "make serve" in Shown(view_of(tmp_path), build).html


def test_without_sums_the_log_is_there_and_the_chart_says_why_it_is_not(tmp_path: Path) -> None:
    with store_in(tmp_path) as database:
        Traffic(database, films()).visit(20)
    shown = Shown(view_of(tmp_path), build)
    assert [chart.state for chart in shown.charts.values()] == ["empty"]
    assert len(rows_of(shown.html, say("log.decisions"))) == 20
