"""Every page of the dashboard as its readers meet it, in Chromium, on simulated data and on live traffic."""

from __future__ import annotations

import io
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
from axe_playwright_python.sync_playwright import Axe
from dashboard_server import DashboardServer, dashboard_server, project_in
from dashboard_visits import (
    DESK,
    PHONE,
    StandInRouter,
    Visit,
    settled,
    stand_in_router,
)
from live_store import Traffic, films, shop, store_in
from playwright.sync_api import Browser, Page, ViewportSize, expect
from simulated_tables import evaluate_into, simulate_into

from armlift.commands.aggregate import aggregate_live
from armlift.environment import RouterSettings
from armlift.messages import CATALOGUE
from armlift.reporting.numerals import count
from armlift.storage import Database, ExperimentStore, Readings

PAGES = ("overview", "comparison", "experiment", "offline", "quality", "decisions", "plan")
SERIOUS = ("serious", "critical")
TRACEBACK = re.compile(r"^Traceback \(most recent call last\):\n(?:[ ].*\n)+\S.*$", re.MULTILINE)


@dataclass
class World:
    """A project with data of all kinds, and a dashboard that shows it.

    Attributes:
        server: The dashboard.
        database: The live store.
        traffic: Visitors of the experiment `films`.
        router: The stand-in router.
    """

    server: DashboardServer
    database: Database
    traffic: Traffic
    router: StandInRouter


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, template: Path) -> Iterator[World]:
    root = project_in(tmp_path_factory.mktemp("dashboard"))
    shutil.copy(template, root / "mlflow.db")
    simulate_into(root)
    evaluate_into(root)
    with store_in(root) as database, stand_in_router() as router:
        traffic = Traffic(database, films())
        traffic.visit(1200)
        Traffic(database, shop(), hours=50).visit(400, since=50)
        environment = {"API_BASE_URL": router.url}
        settings = RouterSettings.from_environment(root, environment)
        aggregate_live(settings, datetime.now(UTC), root=root)
        with dashboard_server(root, **environment) as server:
            yield World(server, database, traffic, router)


Visits = Callable[..., Visit]


@pytest.fixture
def visits(browser: Browser, world: World) -> Iterator[Visits]:
    made: list[Visit] = []

    def make(viewport: ViewportSize = DESK, **options: object) -> Visit:
        visit = Visit(browser.new_context(viewport=viewport, **options), world.server.url)  # type: ignore[arg-type]
        made.append(visit)
        return visit

    yield make
    for visit in made:
        visit.context.close()
        assert (visit.errors, visit.outside) == ([], [])
    assert own_tracebacks(world.server.log) == []


def own_tracebacks(log: str) -> list[str]:
    """Tracebacks that lead through the dashboard; that a tab was closed, others say too."""
    return [found for found in TRACEBACK.findall(log) if "/dashboard/" in found]


def say(key: str, language: str = "en", **values: object) -> str:
    return CATALOGUE[language].say(f"dash.{key}", **values)


def serious(page: Page) -> list[str]:
    """What axe finds that keeps somebody from reading or using the page."""
    found = Axe().run(page).response["violations"]
    return [
        f"{each['id']}: {[node['target'] for node in each['nodes']][:5]}"
        for each in found
        if each["impact"] in SERIOUS
    ]


def fits(page: Page) -> bool:
    """Whether nothing of the page lies beyond its width."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


def stands(page: Page, name: str, language: str, *, dark: bool) -> None:
    """Check what must hold of every page."""
    expect(page.get_by_role("heading", level=1)).to_have_text(say(f"page.{name}", language))
    expect(page.locator("html")).to_have_attribute("lang", language)
    expect(page.locator("html")).to_have_attribute("data-mode", "dark" if dark else "light")
    expect(page.locator(".failure, [data-state=failed]")).to_have_count(0)
    assert fits(page)
    assert serious(page) == []


@pytest.mark.parametrize(
    ("viewport", "language", "dark"),
    [(DESK, "en", False), pytest.param(PHONE, "ko", True, marks=pytest.mark.slow)],
    ids=["1280, English, by day", "390, Korean, in the dark"],
)
def test_the_menu_leads_to_every_page_and_every_page_stands(
    visits: Visits, viewport: ViewportSize, language: str, dark: bool
) -> None:
    guise = {"language": language, "dark": "1"} if dark else {}
    page = visits(viewport).open(experiment="films", range="week", **guise)
    for name, following in zip(PAGES, (*PAGES[1:], None), strict=True):
        stands(page, name, language, dark=dark)
        assert (f"page={name}" in page.url) == (name != PAGES[0])
        assert "range=week" in page.url
        if following is None:
            break
        if viewport is PHONE:
            page.get_by_role("button", name="Open drawer").click()
        page.locator(f"#menu-{following}").click()
        expect(page.get_by_role("heading", level=1)).to_have_text(say(f"page.{following}", language))
        settled(page)
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text(say(f"page.{PAGES[-2]}", language))


def test_a_link_opens_the_same_view_in_korean_and_in_the_dark(visits: Visits) -> None:
    page = visits(PHONE).open(page="quality", experiment="product_page", language="ko", dark="1")
    stands(page, "quality", "ko", dark=True)
    shown = {arm for _, arm, *_ in cells(page, say("quality.split.title", "ko"))}
    assert shown == set(shop().arms)


def test_the_first_look_needs_no_script(visits: Visits) -> None:
    visit = visits(PHONE, java_script_enabled=False)
    page = visit.context.new_page()
    page.goto(f"{visit.home}/?page=overview&language=ko")
    expect(page.get_by_role("heading", level=1)).to_have_text(say("page.overview", "ko"))
    expect(page.locator("#first article")).to_have_count(2)
    assert page.locator("#first").get_attribute("lang") == "ko"
    assert page.locator("#first").bounding_box()["width"] == PHONE["width"]  # type: ignore[index]


def test_a_print_is_the_whole_page_without_menu_and_choices(visits: Visits) -> None:
    page = visits().open(page="quality", experiment="films")
    choice = page.get_by_role("combobox", name=say("choose.range"))
    for shown in (page.locator("header.header"), page.locator("#menu-plan"), choice):
        expect(shown).to_be_visible()
    page.emulate_media(media="print")
    for hidden in (page.locator("header.header"), page.locator("#menu-plan"), choice):
        expect(hidden).to_be_hidden()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    beyond = "element => element.scrollHeight - element.clientHeight"
    assert page.locator(".main-content").evaluate(beyond) <= 1


def cells(page: Page, title: str) -> list[list[str]]:
    """Texts of a table by its label."""
    region = page.get_by_role("region", name=title, exact=True)
    return [row.locator("td").all_text_contents() for row in region.locator("tbody tr").all()]


def test_decisions_by_arm_are_those_of_the_counters(visits: Visits, world: World) -> None:
    page = visits().open(page="quality", experiment="films")
    shown = {(strategy, arm): number for strategy, arm, number, *_ in cells(page, say("quality.split.title"))}
    counted = ExperimentStore(world.database).counters("films")
    assert shown == {(row.strategy_id, row.arm_id): count(row.decisions) for row in counted}


def test_a_log_shows_the_newest_rows_and_gives_all_as_files(visits: Visits, world: World) -> None:
    page = visits().open(page="decisions", experiment="films", arm="svd", strategy="thompson")
    rows = Readings(world.database).decisions("films", arm_id="svd", strategy_id="thompson", limit=50_000)
    shown = cells(page, say("decisions.log.decisions"))
    assert len(shown) == min(100, len(rows))
    assert {(row[1], row[2]) for row in shown} == {("svd", "thompson")}
    for kind, read in (("csv", pd.read_csv), ("parquet", pd.read_parquet)):
        with page.expect_download() as download:
            page.locator(f"#export-{kind}").click()
        assert download.value.suggested_filename == f"films-decisions.{kind}"
        file = io.BytesIO(Path(download.value.path()).read_bytes())
        assert read(file)["decision_id"].tolist() == rows["decision_id"].tolist()


def test_a_decision_is_explained_and_linked(visits: Visits, world: World) -> None:
    visit = visits()
    page = visit.open(page="decisions", experiment="films", strategy="thompson")
    page.get_by_role("link", name="Why").first.click()
    why = page.locator(".why")
    expect(why).to_contain_text("Thompson sampling")
    newest = Readings(world.database).decisions("films", strategy_id="thompson", limit=1).iloc[0]
    expect(why).to_contain_text(f"thompson chose {newest['arm_id']}")
    again = visit.open(**dict(part.split("=") for part in page.url.partition("?")[2].split("&")))
    expect(again.locator(".why")).to_contain_text(f"thompson chose {newest['arm_id']}")
    again.get_by_role("link", name=say("decisions.why.close")).click()
    expect(again.locator(".why")).to_have_count(0)


def test_a_search_is_in_the_address_and_narrows_the_log(visits: Visits) -> None:
    page = visits().open(page="decisions", experiment="films", log="events")
    box = page.get_by_label(say("decisions.filter.q"))
    box.fill("purchase-of-nobody")
    box.press("Enter")
    expect(page.get_by_text(say("decisions.rows.none"))).to_be_visible()
    assert "q=purchase-of-nobody" in page.url
    box.fill("")
    box.press("Enter")
    expect(page.get_by_role("region", name=say("decisions.log.events"))).to_be_visible()


def test_the_other_logs(visits: Visits) -> None:
    page = visits().open(page="decisions", experiment="films", log="audit")
    assert [row[1] for row in cells(page, say("decisions.log.audit"))] == ["start", "create"]
    page.locator("#log-sessions").click()
    region = page.get_by_role("region", name=say("decisions.log.sessions"), exact=True)
    expect(region.locator("tbody tr")).to_have_count(100)


def test_what_happens_in_the_store_appears_by_itself(visits: Visits, world: World) -> None:
    page = visits().open(page="quality", experiment="films")
    before = cells(page, say("quality.split.title"))
    world.traffic.visit(60, since=0.001)
    counted = ExperimentStore(world.database).counters("films")
    fixed = next(row for row in counted if row.strategy_id == "fixed")
    assert [fixed.strategy_id, fixed.arm_id, count(fixed.decisions)] not in [row[:3] for row in before]
    region = page.get_by_role("region", name=say("quality.split.title"), exact=True)
    row = region.locator("tr", has_text="fixed").filter(has_text=fixed.arm_id)
    expect(row.locator("td").nth(2)).to_have_text(count(fixed.decisions))


@pytest.mark.slow
def test_while_the_router_is_away_it_is_said(visits: Visits, world: World) -> None:
    page = visits().open(page="experiment", experiment="films")
    expect(page.get_by_text(world.router.url)).to_have_count(0)
    world.router.is_up = False
    try:
        expect(page.get_by_text(say("notice.router", url=world.router.url))).to_be_visible()
        expect(page.get_by_role("button", name=say("act.pause"), exact=True)).to_be_disabled()
    finally:
        world.router.is_up = True
    expect(page.get_by_text(world.router.url)).to_have_count(0)
    expect(page.get_by_role("button", name=say("act.pause"), exact=True)).to_be_enabled()


@pytest.mark.slow
def test_while_mlflow_is_away_it_is_said_and_the_rest_stands(visits: Visits, world: World) -> None:
    title = say("comparison.history.ctr")
    page = visits().open(page="comparison", experiment="films")
    chart = page.locator("section.chart", has=page.get_by_role("heading", name=title, exact=True))
    expect(chart).to_have_attribute("data-state", "ready")
    file = world.server.root / "mlflow.db"
    kept = file.rename(file.with_name("kept-mlflow.db"))
    file.write_text("no database")
    try:
        page.get_by_role("link", name=say("page.overview")).first.click()
        other = visits().open(page="comparison", experiment="films", range="day")
        never = other.locator("section.chart", has=other.get_by_role("heading", name=title, exact=True))
        expect(never).to_contain_text(say("comparison.history.never", error="").strip())
        expect(other.locator(".tile")).not_to_have_count(0)
        expect(other.locator("section.chart[data-state=ready]")).not_to_have_count(0)
    finally:
        kept.replace(file)


def test_while_the_store_is_away_the_last_known_stays(visits: Visits, world: World) -> None:
    page = visits().open(page="quality", experiment="films")
    known = cells(page, say("quality.split.title"))
    with world.database.engine.connect() as connection:
        connection.exec_driver_sql("ROLLBACK")
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    file = Path(str(world.database.file))
    kept = file.rename(file.with_name("kept.db"))
    file.write_text("no database")
    try:
        expect(page.get_by_role("alert").first).to_be_visible()
        assert cells(page, say("quality.split.title")) == known
        other = visits().open(page="decisions", experiment="films")
        expect(other.get_by_role("alert").first).to_be_visible()
    finally:
        kept.replace(file)
    expect(page.get_by_role("alert")).to_have_count(0)
