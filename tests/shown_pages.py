"""Pages built without a browser, on a project of a test's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

import holoviews.plotting.bokeh  # noqa: F401  # as the server does when it starts
import panel as pn
import pytest
from dashboard_server import project_in

from armlift.environment import RouterSettings
from dashboard.feed import Feed
from dashboard.parts import Chart, Html
from dashboard.sources import Sources
from dashboard.view import View


def view_of(root: Path, **given: str) -> View:
    """A session's view of a project, as an address with these values opens it."""
    if not (root / "conf").exists():
        project_in(root)
    sources = Sources(root, RouterSettings.from_environment(root, {}))
    feed = Feed(sources)
    feed.look()
    view = View(sources, feed.snapshot)
    view.read(urlencode(given))
    return view


@contextmanager
def sketched() -> Iterator[None]:
    """Have charts made and put into words, but not rendered, which takes nearly all of a page's time.

    What is said, what is missing and what fails stays the same; that charts can be rendered, one test of
    each page shows.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dashboard.drawing._rendered", lambda element: element)
        patch.setattr("dashboard.drawing._styled", lambda *_, **__: ())
        patch.setattr("dashboard.drawing._as_json", lambda _: "{}")
        yield


class Shown:
    """What a page shows.

    Args:
        view: The session's view.
        build: Builds the page.
    """

    def __init__(self, view: View, build: Callable[[View], pn.viewable.Viewable]) -> None:
        self.page = build(view)

    @property
    def charts(self) -> dict[str, Chart]:
        """Charts by title."""
        return {chart.title: chart for chart in self.page.select(Chart)}

    @property
    def html(self) -> str:
        """All HTML of the page."""
        return "".join(part.html for part in self.page.select(Html))
