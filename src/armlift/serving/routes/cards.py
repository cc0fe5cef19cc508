"""The card application: films recommended to a visitor, in a page that shows nothing of how they were chosen.

The page reports to `/cards/events` of its own origin. The proof of an event is the signed decision id it
carries, and who sent it is the page's cookie: no API key is ever in a browser. Events go the way of the API's
own; the reward follows from them, by the brief's `reward_event`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from hashlib import blake2b
from pathlib import Path
from secrets import token_hex, token_urlsafe
from typing import Annotated, Any, Final, Literal, NamedTuple, Protocol
from urllib.parse import urlencode

import msgspec
from litestar import Request, Router, get, post
from litestar.connection import ASGIConnection
from litestar.datastructures import CacheControlHeader, Cookie, State
from litestar.exceptions import PermissionDeniedException
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.plugins.jinja import JinjaTemplateEngine
from litestar.response import Template
from litestar.template.config import TemplateConfig
from markupsafe import Markup

from armlift.messages import CATALOGUE, Messages, speak
from armlift.serving.film_titles import film_title
from armlift.serving.films import Page
from armlift.serving.middleware import ANYBODY
from armlift.serving.posters import poster
from armlift.serving.schemas import Amount, Id, Ingested, Item, Token
from armlift.serving.static_files import static_files

CardRequest = Request[Any, Any, State]

MAX_SHOWN: Final = 300
"""Films after which the page offers no more of them."""

_FOLDER: Final = Path(__file__).parents[1]
_STATIC: Final = _FOLDER / "static"
_YEAR_SECONDS: Final = 365 * 86_400
_VISITOR, _SESSION, _LANGUAGE = "reel_visitor", "reel_session", "reel_language"
_RANDOM_ID: Final = re.compile(r"[A-Za-z0-9_-]{22}")

PAGE_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


class Recommendations(Protocol):
    """What the card application needs, as `app.state.films`; a `Films` where the router serves."""

    async def recommend(
        self, user_id: str, *, session_id: str, agent: str, address: str, shown: Collection[int]
    ) -> Page:
        """Choose what a visitor sees next; `shown` are the films that the page shows already."""
        ...

    def item(self, item_id: int) -> Item | None:
        """Give a film, if it is known."""
        ...

    async def ingest(self, events: Sequence[dict[str, Any]], *, agent: str, address: str) -> Ingested:
        """Store events, each an `EventBody`; when this returns, the accepted ones are on disk."""
        ...


class CardEvent(msgspec.Struct, forbid_unknown_fields=True):
    """What a visitor did, as the page reports it: an event without who did it, which the cookie says."""

    event_id: Id
    event_type: Literal["impression", "click_detail", "like", "dislike"]
    ts: float
    decision_id: Token | None = None
    item_id: int | None = None
    position: Annotated[int, msgspec.Meta(ge=0, le=100_000)] | None = None
    device: Literal["mobile", "desktop"] | None = None
    dwell_seconds: Amount | None = None
    meta: dict[str, Any] = {}


class CardEvents(msgspec.Struct, forbid_unknown_fields=True):
    """A batch of them, in the order in which they happened."""

    events: Annotated[list[CardEvent], msgspec.Meta(min_length=1, max_length=50)]


class _Card(NamedTuple):
    """A film as the page shows it.

    Attributes:
        item_id: The film.
        title: Its title.
        other: Its other title; empty if none.
        year: Year of the first release; None if unknown.
        genres: Genres, in the visitor's language.
        poster: Its poster.
    """

    item_id: int
    title: str
    other: str
    year: int | None
    genres: list[str]
    poster: Markup


class _Visit(NamedTuple):
    """Who looks at a page, and in which language.

    Attributes:
        user_id: Random id of the browser.
        session_id: Random id of its session.
        messages: What the page says.
        cookies: What the browser is to keep.
    """

    user_id: str
    session_id: str
    messages: Messages
    cookies: list[Cookie]


@get("/", name="cards")
async def home(
    request: CardRequest, lang: FromQuery[str | None] = None, shown: FromQuery[str] = ""
) -> Template:
    """Show the page, which is the first films, or the next ones where there is no script."""
    visit, seen = _visit(request, lang), _film_ids(shown)
    return _page("home.html", visit, _slate(await _recommend(request, visit, seen), visit.messages, seen))


@get("/cards/more")
async def more(
    request: CardRequest, lang: FromQuery[str | None] = None, shown: FromQuery[str] = ""
) -> Template:
    """Show the films that follow, as a piece of the page."""
    visit, seen = _visit(request, lang), _film_ids(shown)
    return _page("slate.html", visit, _slate(await _recommend(request, visit, seen), visit.messages, seen))


@get("/cards/films/{item_id:int}")
async def film(request: CardRequest, item_id: FromPath[int], lang: FromQuery[str | None] = None) -> Template:
    """Show a film: as a piece of the page to the page's script, else as a page of its own."""
    visit = _visit(request, lang)
    found = _films(request).item(item_id)
    path = f"/cards/films/{item_id}"
    if found is None:
        return _page("missing.html", visit, {"path": path}, status_code=404)
    is_piece = request.headers.get("HX-Request") == "true"
    context = {"card": _card(found, visit.messages), "path": path}
    return _page("film_details.html" if is_piece else "film.html", visit, context)


def _same_origin(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """Take events from the page alone; a browser too old to say where it is keeps the cookie from others."""
    if connection.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
        raise PermissionDeniedException("Events of the page come from the page.")


@post("/cards/events", guards=[_same_origin], status_code=200, request_max_body_size=65_536)
async def events(request: CardRequest, data: JSONBody[CardEvents]) -> Ingested:
    """Take what a visitor did."""
    user_id = _known_id(request, _VISITOR)
    if user_id is None:
        raise PermissionDeniedException("The page's cookie is missing: open the page first.")
    who = {"user_id": user_id, "session_id": _known_id(request, _SESSION)}
    bodies = [msgspec.to_builtins(event) | who for event in data.events]
    agent, address = _sender(request)
    return await _films(request).ingest(bodies, agent=agent, address=address)


def _static_version() -> str:
    """Hash of the static files: it is in their path, so browsers may keep them for ever."""
    digest = blake2b(digest_size=6)
    for file in sorted(_STATIC.iterdir()):
        digest.update(file.name.encode() + file.read_bytes())
    return digest.hexdigest()


STATIC_PATH: Final = f"/static/{_static_version()}"


def _share_with_templates(engine: JinjaTemplateEngine) -> None:
    engine.engine.trim_blocks = engine.engine.lstrip_blocks = True
    engine.engine.globals.update(static=STATIC_PATH, languages=list(CATALOGUE.values()))


TEMPLATES: Final = TemplateConfig(
    directory=_FOLDER / "templates", engine=JinjaTemplateEngine, engine_callback=_share_with_templates
)
"""Templates, which the application must be given."""


def card_routes() -> list[Router]:
    """Give the routes of the card application: the page, what it asks for, and its static files."""
    pages = Router(
        "/",
        route_handlers=[home, more, film, events],
        opt={"scope": ANYBODY},
        response_headers=PAGE_HEADERS,
        include_in_schema=False,
    )
    static = static_files(
        STATIC_PATH,
        _STATIC,
        cache_control=CacheControlHeader(max_age=_YEAR_SECONDS, public=True, immutable=True),
        opt={"scope": ANYBODY},
    )
    return [pages, static]


def _films(request: CardRequest) -> Recommendations:
    films: Recommendations = request.app.state.films
    return films


def _sender(request: CardRequest) -> tuple[str, str]:
    return request.headers.get("User-Agent", ""), request.client.host if request.client else ""


def _known_id(request: CardRequest, cookie: str) -> str | None:
    value = request.cookies.get(cookie, "")
    return value if _RANDOM_ID.fullmatch(value) else None


def _visit(request: CardRequest, lang: str | None) -> _Visit:
    is_secure = request.url.scheme == "https"
    user_id = _known_id(request, _VISITOR) or token_urlsafe(16)
    session_id = _known_id(request, _SESSION) or token_urlsafe(16)
    messages = speak(lang, request.cookies.get(_LANGUAGE), accepts=request.headers.get("Accept-Language", ""))

    def keep(name: str, value: str, seconds: int | None = None) -> Cookie:
        return Cookie(name, value=value, max_age=seconds, secure=is_secure, httponly=True, samesite="lax")

    cookies = [keep(_VISITOR, user_id, _YEAR_SECONDS), keep(_SESSION, session_id)]
    if lang in CATALOGUE:
        cookies.append(keep(_LANGUAGE, lang, _YEAR_SECONDS))
    return _Visit(user_id, session_id, messages, cookies)


async def _recommend(request: CardRequest, visit: _Visit, shown: tuple[int, ...]) -> Page:
    agent, address = _sender(request)
    return await _films(request).recommend(
        visit.user_id, session_id=visit.session_id, agent=agent, address=address, shown=shown
    )


def _page(template: str, visit: _Visit, context: dict[str, Any], status_code: int = 200) -> Template:
    said = {"say": visit.messages.say, "language": visit.messages.language}
    context = {"path": "/", **said, **context}
    return Template(template, context=context, cookies=visit.cookies, status_code=status_code)


def _slate(page: Page, messages: Messages, shown: tuple[int, ...]) -> dict[str, Any]:
    """What the template of a slate needs.

    Events are named by their slate: the same decision gives the same names, so an event that is sent again is
    known again.
    """
    cards = [_card(item, messages) for item in page.items]
    together = (*shown, *(card.item_id for card in cards))
    has_more = page.has_more and bool(cards) and len(together) < MAX_SHOWN
    query = {"lang": messages.language, "shown": ".".join(map(str, together))}
    return {
        "cards": cards,
        "decision_id": page.decision_id,
        "slate": blake2b(page.decision_id.encode(), digest_size=8).hexdigest()
        if page.decision_id
        else token_hex(8),
        "first_position": page.first_position,
        "is_first": not shown,
        "next_query": urlencode(query) if has_more else None,
    }


def _card(item: Item, messages: Messages) -> _Card:
    title = film_title(item.title)
    genres = [messages.genre(genre) for genre in item.genres if genre != "(no genres listed)"]
    drawn = poster(title.main, item.year, tuple(item.genres))
    return _Card(item.item_id, title.main, title.other, item.year, genres, drawn)


def _film_ids(shown: str) -> tuple[int, ...]:
    """Read the films that a page shows already; what is no film's id is left out."""
    return tuple(int(part) for part in shown.split(".")[:MAX_SHOWN] if re.fullmatch(r"[0-9]{1,12}", part))
