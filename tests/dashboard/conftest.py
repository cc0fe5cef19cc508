"""A store with some traffic, and what a session of the dashboard is made of."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from dashboard_sources import NO_ROUTER, PROJECT, sources_of
from live_store import Traffic, films, shop, store_in
from shown_pages import sketched

from armlift.storage import interval_sums
from dashboard.feed import Feed, RouterHealth
from dashboard.sources import Sources
from dashboard.view import View


@pytest.fixture(name="sketched")
def charts_are_sketched() -> Iterator[None]:
    """Charts are not rendered; those of fixtures of a wider scope are."""
    with sketched():
        yield


@pytest.fixture(scope="session")
def visited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose store has two experiments with three hours of traffic; nothing may change it."""
    root = tmp_path_factory.mktemp("visited")
    (root / "conf").symlink_to(PROJECT / "conf")
    with store_in(root) as database:
        for brief in (films(), shop()):
            Traffic(database, brief).visit(240)
        interval_sums.refresh(database, now=datetime.now(UTC))
    return root


@pytest.fixture
def sources(visited: Path) -> Iterator[Sources]:
    opened = sources_of(visited)
    yield opened
    opened.close()


@pytest.fixture
def view(sources: Sources) -> View:
    """A view of the store, with a router that can be asked."""
    feed = Feed(sources)
    feed.look()
    health = RouterHealth(True, NO_ROUTER, datetime.now(UTC))
    return View(sources, replace(feed.snapshot, router=health))
