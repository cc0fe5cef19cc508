"""One browser session: the frame around the pages."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import cache, partial
from html import escape
from importlib.util import find_spec
from typing import Any

import panel as pn
import panel_material_ui as pmui

from armlift.environment import DashboardSettings
from dashboard.choices import Choices
from dashboard.documents import arrived, expect, soon
from dashboard.drawing import DRAWINGS
from dashboard.feed import Feed, Snapshot
from dashboard.first_look import TEMPLATE, in_words, variables
from dashboard.parts import STYLE, FirstLook, Html, Navigator
from dashboard.sources import Sources
from dashboard.view import View

PAGES = ("overview", "comparison", "experiment", "offline", "quality", "decisions", "plan")
_THEME = {
    "light": {
        "palette": {
            "primary": {"main": "#005a9c"},
            "background": {"default": "#f4f6f8", "paper": "#f4f6f8"},
        }
    },
    "dark": {
        "palette": {
            "primary": {"main": "#7cc0f4"},
            "background": {"default": "#12181e", "paper": "#12181e"},
        }
    },
}
_LOOK = {
    "& .header": {"backgroundColor": "#004a80", "color": "#ffffff", "backgroundImage": "none"},
    "&.mui-dark .header": {"backgroundColor": "#0d1318", "borderBottom": "1px solid #36414b"},
    "& .header .title": {"fontSize": "1.35rem"},
    "@media print": {
        "&": {"display": "block", "height": "auto", "overflow": "visible"},
        "& .header, & nav, & .scroll-button, & .main .MuiToolbar-root": {"display": "none"},
        "& .main, & .main > div, & .main-content": {
            "display": "block",
            "height": "auto",
            "overflow": "visible",
        },
    },
}

_AHEAD = "[data-ahead] ~ * { inset: 0; position: absolute; visibility: hidden }"
"""While a page is read in words, the live one is out of sight."""


@cache
def pages() -> dict[str, Callable[[View], pn.viewable.Viewable]]:
    """What makes each page that there is, in the order of the menu."""
    found = [name for name in PAGES if find_spec(f"dashboard.pages.{name}")]
    return {name: importlib.import_module(f"dashboard.pages.{name}").build for name in found}


class Session:
    """A browser's session.

    Args:
        sources: What pages read from.
        feed: Who tells what changed.
        query: Query of the address that was opened.
        operator: Whether this person may change experiments.
        user: Who signed in; empty where nobody has to.
    """

    def __init__(
        self, sources: Sources, feed: Feed, query: str = "", *, operator: bool = True, user: str = ""
    ) -> None:
        self.view = view = View(sources, feed.snapshot, operator=operator, user=user)
        view.read(query)
        if view.page not in pages():
            view.page = "overview"
        self._navigator = Navigator(sizing_mode="fixed", width=0, height=0, query=view.query)
        self.choices = choices = Choices(view)
        self._place = pn.Column(sizing_mode="stretch_width", stylesheets=[_AHEAD])
        self._menu, self._notice, self._head, self._status = (
            Html(sizing_mode="stretch_width") for _ in range(4)
        )
        self.page = pmui.Page(
            title="armlift",
            site_url="?",
            template=TEMPLATE,
            main=[
                pn.Column(
                    self._notice,
                    self._head,
                    choices.toolbar,
                    self._place,
                    sizing_mode="stretch_width",
                    margin=(12, 20, 40, 20),
                )
            ],
            sidebar=[self._menu, choices.reader, self._status],
            busy_indicator=None,
            header=[self._navigator],
            dark_theme=view.dark,
            raw_css=[STYLE],
            theme_config=_THEME,
            sx=_LOOK,
            sidebar_width=280,
            sidebar_resizable=False,
            main_width=1440,
        )
        self._reading = False
        self._document = pn.state.curdoc
        self._connect()
        self._write_address()
        self._words()
        self._place[:] = [self._built()]

    def _connect(self) -> None:
        view, navigator, page = self.view, self._navigator, self.page
        view.param.watch(self._turn, ["page"])
        view.param.watch(
            self._words,
            [
                "page",
                "experiment",
                "language",
                "snapshot",
                "zone",
                "timezone",
                "dark",
                "range",
                "show",
                "source",
            ],
        )
        view.param.watch(self._write_address, [*view.param.values()])
        navigator.param.watch(lambda event: self._read_address(event.new), "query")
        navigator.param.watch(self._learn_timezone, "timezone")
        page.param.watch(lambda event: view.param.update(dark=event.new), "dark_theme")

    def _learn_timezone(self, event: Any) -> None:
        """Go by the browser's time zone; not before the browser takes in what that changes."""
        learn = partial(self.view.param.update, timezone=event.new)
        if self._document is None or self._document.session_context is None:
            learn()
        else:
            soon(self._document, learn)

    def first_look(self) -> dict[str, str]:
        """The page as it is now, in variables of its template."""
        (main,) = self.page.main
        return variables(self._menu, main, language=self.view.language, dark=self.view.dark)

    def update(self, snapshot: Snapshot) -> None:
        """Show what the store says now; called within the session's document."""
        if snapshot is not self.view.snapshot:
            self.view.snapshot = snapshot

    def _read_address(self, query: str) -> None:
        if query == self.view.query:
            return
        self._reading = True
        try:
            self.view.read(query)
        finally:
            self._reading = False
        self._write_address()

    def _write_address(self, *_: object) -> None:
        view = self.view
        self._navigator.param.update(query=view.query, language=view.language, dark=view.dark)
        if self.page.dark_theme != view.dark:
            self.page.dark_theme = view.dark

    def _words(self, *_: object) -> None:
        view = self.view
        self._menu.html = menu(view)
        self._navigator.menu = view.say("menu")
        self._navigator.title = f"{view.say(f'page.{view.page}')} · armlift"
        self._notice.html, self._status.html = notice(view), status(view)
        title, intro = view.say(f"page.{view.page}"), view.say(f"page.{view.page}.intro")
        self._head.html = f'<div class="page-head"><h1>{escape(title)}</h1><p>{escape(intro)}</p></div>'

    def _turn(self, *_: object) -> None:
        """Show the next page in words at once, and have the live one made ready when the browser has them."""
        document = self._document
        self.view.untrack()
        if document is None or document.session_context is None:
            self._place[:] = [self._built()]
            return
        DRAWINGS.come_after()  # after the words, and the models of the live page
        page = self._built()
        look = FirstLook(html=in_words(page), sizing_mode="stretch_width", margin=(8, 0, 0, 0))
        self._place[:] = [look]
        soon(document, partial(self._follow, look, page))

    def _follow(self, look: FirstLook, page: pn.viewable.Viewable) -> None:
        if self._place[:] == [look]:  # else another page was chosen meanwhile
            self._place[:] = [look, page]

    def _built(self) -> pn.viewable.Viewable:
        build = pages().get(self.view.page) or pages()["overview"]
        return build(self.view)


def menu(view: View) -> str:
    """The pages as links, as HTML."""
    current = {view.page: ' aria-current="page"'}
    links = "".join(
        f'<li><a id="menu-{name}" href="{escape(view.link(page=name))}"{current.get(name, "")}>'
        f"{escape(view.say(f'page.{name}'))}</a></li>"
        for name in pages()
    )
    return f'<nav class="menu" aria-label="{escape(view.say("menu"))}"><ul>{links}</ul></nav>'


def notice(view: View) -> str:
    """What is wrong with the store or the router, as HTML; empty while all is well."""
    now: Snapshot = view.snapshot
    if now.store_error:
        words = view.say("notice.store", age=view.when(now.taken_at, seconds=True), error=now.store_error)
        return f'<div class="notice bad" role="alert">{escape(words)}</div>'
    if now.router.checked_at and not now.router.reachable:
        words = view.say("notice.router", url=now.router.url)
        return f'<div class="notice warn" role="status">{escape(words)}</div>'
    return ""


def status(view: View) -> str:
    """Who looks, how current it is, and whether the router is there, as HTML."""
    now: Snapshot = view.snapshot
    away = "" if now.router.reachable else " away"
    router = view.say("status.router" if now.router.reachable else "status.router.away")
    user = ""
    if view.user:
        user = f"<span>{escape(view.say('status.user', user=view.user))}</span>"
        user += f'<a href="logout">{escape(view.say("status.out"))}</a>'
    read = escape(view.say("status.read", at=view.when(now.taken_at, seconds=True)))
    return (
        f'<div class="status"><span><span class="dot{away}"></span>{escape(router)}</span>'
        f"<span>{read}</span>{user}</div>"
    )


def is_operator(settings: DashboardSettings, user: str) -> bool:
    """Whether someone may change experiments: anybody where nobody has to sign in."""
    if not settings.signed_in:
        return True
    if settings.users is None:
        return user in settings.operators
    from dashboard.access import read_users

    known = read_users(settings.users).get(user)
    return known is not None and known.role == "operator"


def open_session(sources: Sources, feed: Feed, settings: DashboardSettings) -> Any:
    """Begin a session in the current document; it is told of changes until it ends."""
    document = pn.state.curdoc
    arguments = pn.state.session_args
    user = str(pn.state.user or "") if settings.signed_in else ""
    query = "&".join(
        f"{name}={value.decode('utf-8', 'replace')}" for name, values in arguments.items() for value in values
    )
    session = Session(sources, feed, query, operator=is_operator(settings, user), user=user)

    def tell(snapshot: Snapshot) -> None:
        soon(document, partial(session.update, snapshot))

    expect(document)
    pn.state.onload(partial(arrived, document))
    unsubscribe = feed.subscribe(tell)
    document.on_session_destroyed(lambda _context: unsubscribe())
    session.update(feed.snapshot)
    document.template_variables.update(session.first_look())
    return session.page
