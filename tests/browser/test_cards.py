"""The card application as a visitor meets it, in Chromium."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from axe_playwright_python.sync_playwright import Axe
from card_application import SLATE, StandInRouter, card_application, serve
from patience import until
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, expect

PHONE: ViewportSize = {"width": 390, "height": 844}
DESK: ViewportSize = {"width": 1280, "height": 900}
SLIT: ViewportSize = {"width": 390, "height": 260}  # too low for half a card
NO_OTHER_HOST = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
SEEN_MS = 1000
GATHER_MS = 150


@dataclass
class Visit:
    """A browser's visits, and what went wrong in them.

    Attributes:
        context: Its cookies and storage.
        home: Address of the page.
        errors: Errors of the console and of scripts.
        outside: Requests to any other host.
    """

    context: BrowserContext
    home: str
    errors: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)

    def open(self, path: str = "/") -> Page:
        page = self.context.new_page()
        page.on(
            "console", lambda message: self.errors.append(message.text) if message.type == "error" else None
        )
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda request: self._note(request.url))
        page.goto(self.home + path)
        return page

    def _note(self, url: str) -> None:
        if not url.startswith((self.home, "data:", "about:")):
            self.outside.append(url)


Visits = Callable[..., Visit]


@pytest.fixture
def router() -> StandInRouter:
    return StandInRouter()


@pytest.fixture
def home(router: StandInRouter) -> Iterator[str]:
    with serve(card_application(router)) as address:
        yield address


@pytest.fixture
def visits(browser: Browser, home: str) -> Iterator[Visits]:
    made: list[Visit] = []

    def make(viewport: ViewportSize = DESK, **options: object) -> Visit:
        visit = Visit(browser.new_context(viewport=viewport, **options), home)  # type: ignore[arg-type]
        made.append(visit)
        return visit

    yield make
    for visit in made:
        visit.context.close()


def like(page: Page, place: int = 0):  # type: ignore[no-untyped-def]
    return page.locator(".card [data-opinion=like]").nth(place)


def waiting(page: Page) -> list[str]:
    """Types of the events that wait in the browser."""
    return page.evaluate("JSON.parse(localStorage.getItem('reel.outbox') ?? '[]').map((e) => e.event_type)")


@pytest.mark.parametrize(
    ("viewport", "language", "heading"),
    [(PHONE, "en", "Recommended for you"), (DESK, "ko", "추천 영화")],
    ids=["390-en", "1280-ko"],
)
def test_a_visit(
    visits: Visits, router: StandInRouter, viewport: ViewportSize, language: str, heading: str
) -> None:
    visit = visits(viewport, locale=language)
    page = visit.open()
    expect(page.locator("html")).to_have_attribute("lang", language)
    expect(page.get_by_role("heading", level=1)).to_have_text(heading)
    expect(page.locator(".card")).to_have_count(SLATE)
    page.locator(".card .open").nth(2).click()
    panel = page.get_by_role("dialog", name="The City of Lost Children")
    expect(panel).to_be_visible()
    panel.locator("[data-opinion=like]").click()
    expect(panel.locator("[data-opinion=like]")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    expect(like(page, 2)).to_have_attribute("aria-pressed", "true")
    page.locator(".card [data-opinion=dislike]").nth(1).click()
    assert until(lambda: len(router.stored) == 4)
    page.locator("#more a").click()
    expect(page.locator(".card")).to_have_count(2 * SLATE)
    assert until(lambda: len(router.stored) == 5)
    page.locator("#more a").click()
    expect(page.locator(".card")).to_have_count(len(router.items))
    expect(page.locator("#more")).to_have_count(0)
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]

    assert router.kinds()[:5] == ["impression", "click_detail", "like", "dislike", "impression"]
    impression, click, liked, disliked, further = list(router.stored.values())[:5]
    assert impression["decision_id"] == click["decision_id"] == liked["decision_id"] == "d1.signed-1"
    assert further["decision_id"] is None
    assert (click["item_id"], click["position"]) == (102, 2)
    assert (disliked["item_id"], disliked["position"]) == (101, 1)
    assert click["device"] == ("mobile" if viewport is PHONE else "desktop")
    assert impression["meta"]["cards"] == SLATE
    assert all(abs(event["ts"] - time.time()) < 60 for event in router.stored.values())
    assert router.duplicates == []
    assert (visit.errors, visit.outside) == ([], [])


def test_impression_is_sent_once_a_card_was_seen_for_a_second(visits: Visits, router: StandInRouter) -> None:
    page = visits().open()
    page.wait_for_timeout(SEEN_MS * 0.5)
    assert router.kinds() == []
    assert until(lambda: router.kinds() == ["impression"])
    seen = router.stored[next(iter(router.stored))]["meta"]["seen"]
    assert seen == [0, 1, 2, 3, 4]  # the first row
    page.mouse.wheel(0, 1200)
    page.wait_for_timeout(2 * SEEN_MS)
    assert router.kinds() == ["impression"]


def test_what_is_out_of_view_or_only_passes_by_is_not_seen(visits: Visits, router: StandInRouter) -> None:
    page = visits(SLIT).open()
    page.wait_for_timeout(1.5 * SEEN_MS)
    page.set_viewport_size(DESK)
    page.wait_for_timeout(0.4 * SEEN_MS)
    page.set_viewport_size(SLIT)
    page.wait_for_timeout(1.5 * SEEN_MS)
    assert router.kinds() == []
    page.set_viewport_size(DESK)
    assert until(lambda: router.kinds() == ["impression"])


def test_what_is_clicked_was_seen(visits: Visits, router: StandInRouter) -> None:
    page = visits().open()
    page.locator(".card .open").first.click()
    assert until(lambda: len(router.stored) == 2)
    assert router.kinds() == ["impression", "click_detail"]
    page.wait_for_timeout(1.5 * SEEN_MS)
    assert len(router.stored) == 2
    assert router.duplicates == []


def test_opinions_last_and_exclude_each_other(visits: Visits, router: StandInRouter) -> None:
    visit = visits()
    page = visit.open()
    like(page).click()
    expect(page.get_by_role("status")).to_have_text("You like Heat.")
    page.locator(".card [data-opinion=dislike]").first.click()
    expect(like(page)).to_have_attribute("aria-pressed", "false")
    page.reload()
    expect(page.locator(".card [data-opinion=dislike]").first).to_have_attribute("aria-pressed", "true")
    page.locator(".card [data-opinion=dislike]").first.click()
    expect(page.locator(".card [aria-pressed=true]")).to_have_count(0)
    assert until(lambda: router.kinds().count("like") == router.kinds().count("dislike") == 1)


def test_offline_events_wait_and_are_sent_when_the_line_is_back(
    visits: Visits, router: StandInRouter
) -> None:
    visit = visits()
    page = visit.open()
    assert until(lambda: router.kinds() == ["impression"])
    visit.context.set_offline(True)
    expect(page.locator("#toast")).to_contain_text("You are offline")
    like(page, 3).click()
    page.wait_for_timeout(4 * GATHER_MS)
    assert waiting(page) == ["like"]
    page.locator(".card .open").first.click()
    page.wait_for_timeout(4 * GATHER_MS)
    assert waiting(page) == ["like", "click_detail"]
    visit.context.set_offline(False)
    assert until(lambda: router.kinds() == ["impression", "like", "click_detail"])
    assert until(lambda: waiting(page) == [])
    assert router.duplicates == []


def test_what_the_server_could_not_store_is_sent_on_the_next_visit(
    visits: Visits, router: StandInRouter
) -> None:
    visit = visits()
    router.is_down = True
    page = visit.open()
    like(page).click()
    page.wait_for_timeout(4 * GATHER_MS)
    assert waiting(page) == ["impression", "like"]
    page.close()
    assert router.stored == {}
    router.is_down = False
    page = visit.open("/cards/films/105")
    assert until(lambda: router.kinds() == ["impression", "like"])
    assert until(lambda: waiting(page) == [])
    assert all("503" in error for error in visit.errors)


def test_a_beacon_outlives_the_page_and_counts_once(visits: Visits, router: StandInRouter) -> None:
    visit = visits()
    page = visit.open()
    page.evaluate("document.querySelector('[data-opinion=like]').click(); location.href = 'about:blank'")
    page.wait_for_url("about:blank")
    assert until(lambda: router.kinds() == ["impression", "like"])
    page.goto(visit.home + "/cards/films/105")
    assert until(lambda: len(router.duplicates) == 2)
    assert router.kinds() == ["impression", "like"]
    assert until(lambda: waiting(page) == [])


def test_the_outbox_is_bounded_and_survives_damage(visits: Visits, router: StandInRouter) -> None:
    visit = visits()
    page = visit.open("/cards/films/105")
    page.evaluate(
        """localStorage.setItem('reel.outbox', JSON.stringify(Array.from({length: 260}, (_, n) =>
        ({event_id: `old-${n}`, event_type: 'like', ts: 1.7e9, item_id: n}))))"""
    )
    router.is_down = True
    page.get_by_role("button", name="Like Once Upon a Time in the West").click()
    assert len(waiting(page)) == 200
    router.is_down = False
    page.reload()
    assert until(lambda: len(router.stored) == 200, 20)
    assert "film-like-105" in router.stored
    page.evaluate(
        "localStorage.setItem('reel.outbox', '{broken'); localStorage.setItem('reel.opinions', '7')"
    )
    page.reload()
    page.get_by_role("button", name="Not for me: Once Upon a Time in the West").click()
    assert until(lambda: "film-dislike-105" in router.stored)
    assert all("503" in error for error in visit.errors)


def test_keyboard_alone_is_enough(visits: Visits, router: StandInRouter) -> None:
    visit = visits()
    page = visit.open()
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to the films")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    first = page.locator(".card .open").first
    expect(first).to_be_focused()
    assert first.evaluate("(link) => getComputedStyle(link).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    panel = page.get_by_role("dialog", name="Heat")
    expect(panel).to_be_visible()
    assert panel.evaluate("(panel) => panel.contains(document.activeElement)")
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    expect(first).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    expect(like(page)).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Tab")
    expect(page.locator(".card [data-opinion=dislike]").first).to_be_focused()
    page.locator("#more a").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="More for you")).to_be_focused()
    expect(page.get_by_role("status")).to_have_text("10 more films")
    page.keyboard.press("Tab")
    expect(page.locator(".card .open").nth(SLATE)).to_be_focused()
    assert (visit.errors, visit.outside) == ([], [])


@pytest.mark.parametrize(
    ("viewport", "scheme", "language"),
    [(PHONE, "light", "ko"), (DESK, "dark", "en")],
)
def test_no_barrier_is_found(visits: Visits, viewport: ViewportSize, scheme: str, language: str) -> None:
    page = visits(viewport, color_scheme=scheme, reduced_motion="reduce").open(f"/?lang={language}")
    like(page).click()
    page.locator(".card [data-opinion=dislike]").nth(1).click()
    page.locator("#more a").click()
    expect(page.locator(".card")).to_have_count(2 * SLATE)
    assert Axe().run(page).response["violations"] == []
    page.locator(".card .open").first.click()
    expect(page.get_by_role("dialog")).to_be_visible()
    assert Axe().run(page, "dialog").response["violations"] == []
    film = visits(viewport, color_scheme=scheme).open(f"/cards/films/102?lang={language}")
    assert Axe().run(film).response["violations"] == []


def test_reduced_motion_is_respected(visits: Visits) -> None:
    page = visits(reduced_motion="reduce").open()
    page.locator(".card .open").first.click()
    panel = page.get_by_role("dialog")
    expect(panel).to_be_visible()
    assert panel.evaluate("(panel) => getComputedStyle(panel).animationName") == "none"
    frame = page.locator(".card .frame").first
    assert frame.evaluate("(frame) => getComputedStyle(frame).transitionProperty") in ("none", "all")
    assert frame.evaluate("(frame) => getComputedStyle(frame).transitionDuration") == "0s"


def test_without_script_there_are_films_pages_and_languages(visits: Visits) -> None:
    page = visits(java_script_enabled=False).open()
    page.locator("#more a").click()
    expect(page.locator(".card .open").first).to_contain_text("The Great Escape")
    page.locator(".card .open").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("The Great Escape")
    page.get_by_role("link", name="한국어").click()
    expect(page.locator("html")).to_have_attribute("lang", "ko")
    page.get_by_role("link", name="영화 목록으로", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("추천 영화")


def test_a_failed_request_is_said_and_can_be_tried_again(visits: Visits) -> None:
    visit = visits()
    page = visit.open()
    page.route("**/cards/more?*", lambda route: route.fulfill(status=500, body="no"))
    page.locator("#more a").click()
    expect(page.locator("#toast")).to_have_text("That did not work. Please try again.")
    expect(page.locator(".card")).to_have_count(SLATE)
    page.unroute("**/cards/more?*")
    page.locator("#more a").click()
    expect(page.locator(".card")).to_have_count(2 * SLATE)
    assert not visit.outside


def test_api_documentation_shows_operations_from_this_server(visits: Visits) -> None:
    visit = visits()
    page = visit.open("/docs")
    expect(page.locator(".opblock")).to_have_count(2)
    page.locator(".opblock-get .opblock-summary-control").click()
    page.get_by_role("button", name="Try it out").click()
    page.get_by_placeholder("user_id").fill("somebody")
    page.get_by_role("button", name="Execute").click()
    expect(page.locator(".live-responses-table .response-col_status").last).to_contain_text("200")
    assert (visit.errors, visit.outside) == ([], [])
