import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from card_application import SLATE, StandInRouter, card_application
from litestar.testing import TestClient

from armlift.serving.routes.cards import MAX_SHOWN, STATIC_PATH
from armlift.serving.schemas import EventBody

Client = TestClient[Any]
INTERNALS = re.compile(
    r"\b(arms?|experiments?|variants?|propensit\w+|probabilit\w+|bandits?|thompson|strateg\w+|allocat\w+|a/b)\b",
    re.IGNORECASE,
)


@pytest.fixture
def router() -> StandInRouter:
    return StandInRouter()


@pytest.fixture
def client(router: StandInRouter) -> Iterator[Client]:
    with TestClient(card_application(router)) as client:
        yield client


def event(kind: str = "like", **more: Any) -> dict[str, Any]:
    return {
        "event_id": f"s-{kind}-100",
        "event_type": kind,
        "ts": 1.7e9,
        "item_id": 100,
        "position": 0,
    } | more


def items(page: str) -> list[int]:
    return [int(item) for item in re.findall(r'class="card" data-item="(\d+)"', page)]


def test_page_shows_a_slate_and_nothing_of_how_it_was_chosen(client: Client, router: StandInRouter) -> None:
    page = client.get("/")
    assert page.status_code == 200
    assert items(page.text) == list(router.items)[:SLATE]
    assert "The City of Lost Children" in page.text
    assert page.text.count('class="poster"') == SLATE
    assert re.findall(r'data-decision="([^"]+)"', page.text) == ["d1.signed-1"]
    assert INTERNALS.findall(re.sub(r'data-decision="[^"]+"', "", page.text)) == []


def test_no_code_or_style_stands_in_the_page(client: Client) -> None:
    page = client.get("/")
    assert page.headers["content-security-policy"].startswith("default-src 'self';")
    assert "unsafe" not in page.headers["content-security-policy"]
    assert page.headers["cache-control"] == "no-store"
    assert not re.search(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=|javascript:|https?:", page.text)


def test_static_files_are_kept_by_browsers_under_the_name_of_their_content(client: Client) -> None:
    page = client.get("/").text
    files = set(re.findall(r'(?:src|href)="(/static/[^"#]+)', page))
    assert {file.rsplit("/", 1)[1] for file in files} == {"cards.css", "cards.js", "htmx.min.js", "reel.svg"}
    for file in files:
        assert file.startswith(STATIC_PATH)
        answer = client.get(file)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]


def test_visitor_is_a_random_id_that_stays(client: Client, router: StandInRouter) -> None:
    cookies = client.get("/").headers.get_list("set-cookie")
    visitor = next(cookie for cookie in cookies if cookie.startswith("reel_visitor="))
    assert "SameSite=lax" in visitor
    assert "HttpOnly" in visitor
    assert f"Max-Age={365 * 86_400}" in visitor
    client.get("/")
    assert len(set(router.decisions)) == 1
    client.cookies.clear()
    client.cookies.set("reel_visitor", "'; drop table users")
    client.get("/")
    assert len(set(router.decisions)) == 2
    assert re.fullmatch(r"[\w-]{22}", router.decisions[-1])


@pytest.mark.parametrize("path", ["/", "/cards/more"])
def test_next_page_follows_with_or_without_script(client: Client, path: str) -> None:
    first = client.get("/").text
    query = re.search(r'hx-get="/cards/more\?([^"]+)"', first)
    assert query
    following = client.get(f"{path}?{query[1].replace('&amp;', '&')}")
    assert items(following.text) == list(range(110, 120))
    assert 'data-position="10"' in following.text
    assert ("<html" in following.text) == (path == "/")
    assert "data-decision" not in following.text
    last = client.get("/cards/more", params={"shown": ".".join(map(str, range(100, 120)))}).text
    assert items(last) == [120, 121]
    assert "/cards/more" not in last
    over = client.get("/cards/more", params={"shown": ".".join(map(str, range(100, 122)))}).text
    assert items(over) == []
    assert "everything for now" in over


@pytest.mark.parametrize(
    "shown", ["", "..", "abc", "1e9.-5.99999999999999999999", "." * 5000, "100;drop.<b>"]
)
def test_nonsense_about_what_is_shown_is_passed_over(client: Client, shown: str) -> None:
    page = client.get("/", params={"shown": shown})
    assert page.status_code == 200
    assert items(page.text)[:1] == [100]


def test_the_list_of_what_is_shown_is_bounded(client: Client) -> None:
    page = client.get("/cards/more", params={"shown": ".".join(map(str, range(1000, 1000 + 2 * MAX_SHOWN)))})
    assert len(items(page.text)) == SLATE
    assert "/cards/more" not in page.text


def test_film_is_a_piece_for_the_script_and_a_page_for_others(client: Client) -> None:
    page = client.get("/cards/films/102")
    assert "<html" in page.text
    assert "<h1" in page.text
    piece = client.get("/cards/films/102", headers={"HX-Request": "true"}).text
    assert "<html" not in piece
    assert "<h2" in piece
    assert "Also known as La Cité des enfants perdus" in piece
    missing = client.get("/cards/films/999")
    assert missing.status_code == 404
    assert "We do not have this film" in missing.text


def test_language_is_asked_for_kept_and_understood_from_the_browser(client: Client) -> None:
    korean = {"Accept-Language": "ko-KR,ko;q=0.9,en;q=0.5"}
    assert '<html lang="ko">' in client.get("/", headers=korean).text
    assert '<html lang="en">' in client.get("/?lang=en", headers=korean).text
    assert '<html lang="en">' in client.get("/", headers=korean).text
    page = client.get("/?lang=ko").text
    assert "추천 영화" in page
    assert '<strong lang="en">Heat</strong>' in page
    assert "장르" in client.get("/cards/films/102?lang=ko").text
    assert '<html lang="ko">' in client.get("/?lang=xx").text


def test_titles_are_text(client: Client, router: StandInRouter) -> None:
    router.items[100] = msgspec.structs.replace(router.items[100], title='<img src=x> "quoted" & {{ 7 * 7 }}')
    page = client.get("/").text
    assert "<img" not in page
    assert "{{ 7 * 7 }}" in page
    assert "&lt;img src=x&gt;" in page


def test_a_router_without_films_still_has_a_page(client: Client, router: StandInRouter) -> None:
    router.items.clear()
    page = client.get("/")
    assert page.status_code == 200
    assert "no films to show yet" in page.text


def test_events_carry_who_sent_them_in_the_words_of_the_api(client: Client, router: StandInRouter) -> None:
    client.get("/")
    impression = {"event_id": "s-impression", "event_type": "impression", "ts": 1.7e9, "decision_id": "d1.x"}
    batch = [
        impression | {"meta": {"seen": [0, 1], "cards": 10}},
        event("click_detail", decision_id="d1.x", dwell_seconds=2.5, device="mobile"),
    ]
    answer = client.post("/cards/events", json={"events": batch})
    assert answer.status_code == 200
    assert answer.json()["accepted"] == 2
    assert client.post("/cards/events", json={"events": batch}).json()["duplicates"] == 2
    assert router.kinds() == ["impression", "click_detail"]
    for stored in router.stored.values():
        body = msgspec.convert(stored, EventBody)
        assert body.user_id == router.decisions[0]
        assert re.fullmatch(r"[\w-]{22}", str(body.session_id))
        assert body.decision_id == "d1.x"


def test_events_of_other_sites_and_strangers_are_refused(client: Client, router: StandInRouter) -> None:
    assert client.post("/cards/events", json={"events": [event()]}).status_code == 403
    client.get("/")
    for site in ("cross-site", "same-site", "none"):
        refused = client.post("/cards/events", json={"events": [event()]}, headers={"Sec-Fetch-Site": site})
        assert refused.status_code == 403
    assert router.stored == {}
    assert client.post("/cards/events", json={"events": [event()]}).status_code == 200


@pytest.mark.parametrize(
    "batch",
    [
        [],
        [event()] * 51,
        [event("purchase")],
        [event("reward")],
        [event(user_id="somebody else")],
        [event(arm="popularity")],
        [event(position=-1)],
        [event(event_id="")],
        [event(decision_id="x" * 9000)],
        [{"event_type": "like"}],
    ],
)
def test_events_that_the_page_does_not_send_are_refused(
    client: Client, router: StandInRouter, batch: list[dict[str, Any]]
) -> None:
    client.get("/")
    assert client.post("/cards/events", json={"events": batch}).status_code == 400
    assert router.stored == {}


def test_a_body_over_64_kib_is_refused(client: Client) -> None:
    client.get("/")
    huge = event(meta={"filler": "x" * 70_000})
    assert client.post("/cards/events", json={"events": [huge]}).status_code == 413


def test_a_store_that_cannot_commit_is_no_loss(client: Client, router: StandInRouter) -> None:
    client.get("/")
    router.is_down = True
    refused = client.post("/cards/events", json={"events": [event()]})
    assert refused.status_code == 503
    assert refused.headers["retry-after"] == "1"
    router.is_down = False
    assert client.post("/cards/events", json={"events": [event()]}).json()["accepted"] == 1
