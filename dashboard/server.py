"""Runs the dashboard: one process, one poller, any number of sessions."""

from __future__ import annotations

import gc
import importlib
import secrets
from pathlib import Path
from typing import Any

import panel as pn

from armlift.environment import DashboardSettings, RouterSettings
from dashboard.app import open_session, pages
from dashboard.downloads import download_routes
from dashboard.drawing import DRAWINGS
from dashboard.feed import Feed
from dashboard.sources import Sources

_UNUSED_MILLISECONDS = 10_000


def serve(root: Path, settings: DashboardSettings, router: RouterSettings) -> None:
    """Serve until interrupted.

    Args:
        root: Root of the project.
        settings: Settings of the dashboard.
        router: Settings of the router, which name the store.
    """
    sources = Sources(root, router)
    feed = Feed(sources)
    server = make_server(sources, feed, settings)
    feed.start()
    try:
        server.run_until_shutdown()
    finally:
        feed.stop()
        sources.close()


def make_server(sources: Sources, feed: Feed, settings: DashboardSettings) -> Any:
    """Make a server that is not started yet; what sessions need is imported before the first one comes."""
    _warm_up()

    def session() -> Any:  # Panel takes nothing else for an application: no partial, no method
        DRAWINGS.come_after()
        return open_session(sources, feed, settings)

    return pn.io.server.get_server(
        {"/": session},
        address=settings.host,
        port=settings.port,
        websocket_origin=_origins(settings),
        title="armlift",
        extra_patterns=download_routes(sources, feed),
        location=False,
        show=False,
        start=False,
        unused_session_lifetime_milliseconds=_UNUSED_MILLISECONDS,
        check_unused_sessions_milliseconds=_UNUSED_MILLISECONDS // 2,
        **_sign_in(settings),
    )


def _origins(settings: DashboardSettings) -> list[str]:
    """The hosts whose pages may open a session, with their ports as Bokeh wants them; it knows no IPv6."""
    hosts = [host for host in settings.allowed_hosts if ":" not in host]
    ports = (settings.port, 80, 443)
    return ["*"] if "*" in hosts else [f"{host}:{port}" for host in hosts for port in ports]


def _sign_in(settings: DashboardSettings) -> dict[str, Any]:
    """What makes people sign in, in Panel's terms."""
    if not settings.signed_in:
        return {}
    from dashboard.sign_in import ElsewhereProvider, PasswordProvider

    signed = {"cookie_secret": settings.secret or secrets.token_urlsafe(32)}
    if settings.users is not None:
        return {**signed, "auth_provider": PasswordProvider(settings.users)}
    return {
        **signed,
        "auth_provider": ElsewhereProvider(settings),
        "oauth_key": settings.oauth_key,
        "oauth_secret": settings.oauth_secret,
        "oauth_redirect_uri": settings.oauth_redirect_uri or None,
    }


def _warm_up() -> None:
    """Import what the first session would wait for."""
    for name in ("holoviews.plotting.bokeh", "scipy.special", "scipy.stats"):
        importlib.import_module(name)
    pages()
    # Charts and sessions are made of many objects: what was imported is not searched for garbage each time.
    gc.collect()
    gc.freeze()
