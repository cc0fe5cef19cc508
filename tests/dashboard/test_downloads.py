"""Logs over HTTP, and who gets them."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
from live_server import free_port
from live_store import Traffic, films, store_in
from shown_pages import view_of
from tornado.httpclient import AsyncHTTPClient, HTTPResponse
from tornado.web import Application

from dashboard.downloads import download_routes
from dashboard.feed import Feed

Ask = Callable[..., HTTPResponse]


@pytest.fixture
def ask(tmp_path: Path) -> Ask:
    """Asks for a path of a server on the project in `tmp_path`, as a user or as nobody."""

    def asked(path: str, user: str | None = "ada") -> HTTPResponse:
        sources = view_of(tmp_path).sources
        feed = Feed(sources)
        feed.look()
        server = Application(download_routes(sources, feed))
        server.auth_provider = SimpleNamespace(  # type: ignore[attr-defined]
            get_user=lambda _: user, get_user_async=None, get_login_url=None, login_url="/login"
        )
        server.prefix = ""  # type: ignore[attr-defined]

        async def answer() -> HTTPResponse:
            port = free_port()
            listening = server.listen(port, "127.0.0.1")
            try:
                return await AsyncHTTPClient().fetch(
                    f"http://127.0.0.1:{port}{path}", raise_error=False, follow_redirects=False
                )
            finally:
                listening.stop()

        return asyncio.run(answer())

    return asked


def test_the_filter_of_the_address_is_the_filter_of_the_file(ask: Ask, tmp_path: Path) -> None:
    with store_in(tmp_path) as database:
        Traffic(database, films()).visit(60)
    answer = ask("/export/events.parquet?experiment=films&type=impression&arm=svd")
    assert answer.code == 200
    assert answer.headers["Content-Disposition"] == 'attachment; filename="films-events.parquet"'
    rows = pd.read_parquet(answer.buffer)
    assert set(zip(rows["event_type"], rows["arm_id"], strict=True)) == {("impression", "svd")}
    assert pd.read_csv(ask("/export/sessions.csv?experiment=films").buffer)["decisions"].sum() >= 55


def test_who_is_not_signed_in_gets_nothing(ask: Ask, tmp_path: Path) -> None:
    with store_in(tmp_path) as database:
        Traffic(database, films()).visit(5)
    answer = ask("/export/decisions.csv?experiment=films", user=None)
    assert answer.code == 302
    assert answer.headers["Location"].startswith("/login")
    assert b"decision_id" not in answer.body


@pytest.mark.parametrize(
    "path",
    ["/export/decisions.csv", "/export/secrets.csv", "/export/decisions.exe", "/export/../api_keys.csv"],
)
def test_what_is_not_there_is_not_found(ask: Ask, path: str) -> None:
    assert ask(path).code == 404


def test_a_store_that_is_away_is_said_in_words(ask: Ask, tmp_path: Path) -> None:
    with store_in(tmp_path) as database:
        Traffic(database, films()).visit(5)
    with sqlite3.connect(tmp_path / "data/live/armlift.db") as connection:
        connection.execute("ALTER TABLE decisions RENAME TO elsewhere")
    answer = ask("/export/decisions.csv?experiment=films")
    assert answer.code == 503
    assert "Traceback" not in answer.body.decode()
