"""Signing in and out as people meet it, in Chromium: with a password, and by a provider of OAuth 2."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from dashboard_server import DashboardServer, dashboard_server, project_in
from dashboard_visits import DESK, Visit, served, settled
from live_store import Traffic, films, store_in
from playwright.sync_api import Browser, Page, expect

from armlift.messages import CATALOGUE
from dashboard.access import add_user

PASSWORD = "correct horse"
CODE, TOKEN, SECRET = "code-of-once", "token-of-someone", "hush"


@dataclass
class Provider:
    """Signs people in elsewhere: it asks for nothing.

    Attributes:
        url: Where.
        email: Who it says it is; nobody, if empty: it refuses.
    """

    url: str = ""
    email: str = ""


@contextmanager
def stand_in_provider() -> Iterator[Provider]:
    """Run a provider on a free port: the authorization code grant of RFC 6749, section 4.1."""
    provider = Provider()

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            if url.path == "/user":
                known = self.path.endswith(TOKEN) or self.headers.get("Authorization", "").endswith(TOKEN)
                return self._tell({"email": provider.email} if known else {}, 200 if known else 401)
            given = {name: values[0] for name, values in parse_qs(url.query).items()}
            came = {"code": CODE} if provider.email else {"error": "access_denied"}
            self.send_response(302)
            self.send_header(
                "Location", f"{given['redirect_uri']}?{urlencode(came | {'state': given['state']})}"
            )
            return self.end_headers()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            given = {name: values[0] for name, values in parse_qs(body).items()}
            good = (given.get("code"), given.get("client_secret")) == (CODE, SECRET)
            self._tell({"access_token": TOKEN} if good else {"error": "invalid_grant"}, 200)

        def _tell(self, answer: dict[str, str], status: int) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with served(Answers) as provider.url:
        yield provider


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with an experiment that runs."""
    made = project_in(tmp_path_factory.mktemp("signed"))
    with store_in(made) as database:
        Traffic(database, films()).visit(20)
    return made


@contextmanager
def visit_of(browser: Browser, server: DashboardServer, provider: str = "", **options: str) -> Iterator[Page]:
    """A tab that asks nobody but the dashboard and a provider, and in which no script fails."""
    visit = Visit(browser.new_context(viewport=DESK, **options), server.url)  # type: ignore[arg-type]
    yield visit.new_page()
    visit.context.close()
    assert [error for error in visit.errors if "status of 401" not in error] == []
    assert {f"http://{urlsplit(url).netloc}" for url in visit.outside} <= {provider}


def say(key: str, language: str = "en") -> str:
    return CATALOGUE[language].say(f"dash.{key}")


def signed_in(page: Page, name: str, *, may_change: bool) -> None:
    """Check who the dashboard takes someone for."""
    settled(page)
    assert "page=experiment" in page.url
    expect(page.get_by_text(name)).to_be_visible()
    # There is no router here, which is what keeps an operator from changing anything.
    expect(page.get_by_text(say("act.away" if may_change else "act.viewer"))).to_be_visible()


def test_a_password_lets_in_and_leads_to_where_it_was_asked(browser: Browser, root: Path) -> None:
    add_user(root / "users", "ann", "viewer", PASSWORD)
    with (
        dashboard_server(root, DASHBOARD_USERS="users") as server,
        visit_of(browser, server, locale="ko-KR") as page,
    ):
        page.goto(f"{server.url}/?page=experiment&experiment=films&language=en")
        expect(page.get_by_role("heading")).to_have_text(say("login.title", "ko"))
        page.get_by_label(say("login.name", "ko")).fill("ann")
        page.get_by_label(say("login.password", "ko")).fill("a wrong guess")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_have_text(say("login.failed", "ko"))
        page.get_by_label(say("login.name", "ko")).fill("ann")
        page.get_by_label(say("login.password", "ko")).fill(PASSWORD)
        page.keyboard.press("Enter")
        signed_in(page, "ann", may_change=False)
        page.get_by_role("link", name=say("status.out")).click()
        expect(page.get_by_role("heading")).to_have_text(say("login.out", "ko"))
        page.get_by_role("link", name=say("login.button", "ko")).click()
        expect(page.get_by_role("heading")).to_have_text(say("login.title", "ko"))


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with stand_in_provider() as provider:
        yield provider


@pytest.fixture(scope="module")
def behind_provider(root: Path, provider: Provider) -> Iterator[DashboardServer]:
    with dashboard_server(
        root,
        DASHBOARD_OAUTH_PROVIDER="generic",
        DASHBOARD_OAUTH_KEY="armlift",
        DASHBOARD_OAUTH_SECRET=SECRET,
        DASHBOARD_OPERATORS="ann@example.org",
        PANEL_OAUTH_AUTHORIZE_URL=f"{provider.url}/authorize",
        PANEL_OAUTH_TOKEN_URL=f"{provider.url}/token",
        PANEL_OAUTH_USER_URL=f"{provider.url}/user",
    ) as server:
        yield server


@pytest.mark.parametrize(("email", "may_change"), [("eve@example.org", False), ("ann@example.org", True)])
def test_a_provider_says_who_it_is(
    browser: Browser, behind_provider: DashboardServer, provider: Provider, email: str, may_change: bool
) -> None:
    provider.email = email
    with visit_of(browser, behind_provider, provider.url) as page:
        page.goto(f"{behind_provider.url}/?page=experiment&experiment=films")
        signed_in(page, email, may_change=may_change)
        page.get_by_role("link", name=say("status.out")).click()
        expect(page.get_by_role("heading")).to_have_text(say("login.out"))


def test_who_is_refused_elsewhere_is_told_so(
    browser: Browser, behind_provider: DashboardServer, provider: Provider
) -> None:
    provider.email = ""
    with visit_of(browser, behind_provider, provider.url) as page:
        page.goto(f"{behind_provider.url}/")
        expect(page.get_by_role("heading")).to_have_text(say("login.refused"))
        expect(page.get_by_role("alert")).to_have_text("access_denied")
        provider.email = "eve@example.org"
        page.get_by_role("link", name=say("login.button")).click()
        settled(page)
        expect(page.get_by_text(provider.email)).to_be_visible()
