"""Logs as files over HTTP: nothing of them stays in a session's memory, and other sessions do not wait."""

from __future__ import annotations

import asyncio
from io import BytesIO
from typing import TYPE_CHECKING, Any

from bokeh.server.views.auth_request_handler import AuthRequestHandler
from tornado.web import HTTPError, authenticated

from armlift.errors import ArmliftError
from dashboard.exports import FORMATS, MOST_ROWS, Format, as_file
from dashboard.logs import LOGS, LogFilter, log_filter, read_log
from dashboard.view import View

if TYPE_CHECKING:
    from dashboard.feed import Feed
    from dashboard.sources import Sources

_TYPES = {"csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}


class Download(AuthRequestHandler):  # type: ignore[misc]  # bokeh has no types
    """`GET /export/<log>.<format>?...`: the log of the view that the query names, as a file."""

    def initialize(self, sources: Sources, feed: Feed) -> None:
        """Take what is read from."""
        self._sources, self._feed = sources, feed

    @authenticated
    async def get(self, log: str, kind: Format) -> None:
        """Answer with the file."""
        view = View(self._sources, self._feed.snapshot)
        view.read(self.request.query)
        view.extra = {**view.extra, "log": log}
        wanted = log_filter(view)
        if wanted is None:
            raise HTTPError(404)
        try:
            file = await asyncio.to_thread(self._file, wanted, kind)
        except ArmliftError as error:
            self.set_status(503)
            self.set_header("Content-Type", "text/plain; charset=utf-8")
            self.finish(str(error))
            return
        self.set_header("Content-Type", _TYPES[kind])
        self.set_header("Content-Disposition", f'attachment; filename="{wanted.experiment}-{log}.{kind}"')
        self.finish(file.getvalue())

    def _file(self, wanted: LogFilter, kind: Format) -> BytesIO:
        with self._sources.reading() as store:
            if store is None:
                raise HTTPError(404)
            return as_file(read_log(store.readings, wanted, MOST_ROWS), kind)


def download_routes(sources: Sources, feed: Feed) -> list[tuple[str, type, dict[str, Any]]]:
    """Routes for the server.

    Args:
        sources: What is read from.
        feed: Who knows the experiments.
    """
    pattern = rf"/export/({'|'.join(LOGS)})\.({'|'.join(FORMATS)})"
    return [(pattern, Download, {"sources": sources, "feed": feed})]
