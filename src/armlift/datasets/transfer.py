"""Transfer of files over HTTP that survives bad networks."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from armlift.errors import DownloadError

if TYPE_CHECKING:
    import requests

Progress = Callable[[int, int | None], None]
Result = TypeVar("Result")

ATTEMPTS = 5
TIMEOUT = (10.0, 60.0)
CHUNK = 64 * 1024  # what a cut connection loses at most
TRANSIENT_STATUS = (408, 429, 500, 502, 503, 504)


def fetch_file(url: str, part: Path, progress: Progress, retry_delay: float) -> None:
    """Fetch a file, going on from what an earlier call left in `part`.

    Args:
        url: Where the file is.
        part: File to write to. Which version of the file it holds is noted beside it.
        progress: Called with the bytes so far and the total, or None when unknown.
        retry_delay: Seconds before the second attempt; doubles with each further one.

    Raises:
        DownloadError: The server refuses, or no attempt went through.
        OSError: `part` cannot be written.
    """
    _retry(lambda: _go_on(url, part, progress), url, retry_delay)


def fetch_text(url: str, retry_delay: float) -> str | None:
    """Fetch a short text; None when the server has none under this URL.

    Raises:
        DownloadError: The server refuses, or no attempt went through.
    """

    def fetch() -> str | None:
        import requests

        with requests.get(url, timeout=TIMEOUT) as response:
            if response.status_code == requests.codes.not_found:
                return None
            response.raise_for_status()
            return response.text

    return _retry(fetch, url, retry_delay)


def discard(part: Path) -> None:
    """Remove a partly fetched file and the note of its version."""
    part.unlink(missing_ok=True)
    _version_note(part).unlink(missing_ok=True)


def keep(part: Path, target: Path) -> None:
    """Give a wholly fetched file its final name."""
    part.replace(target)
    discard(part)


def _retry(attempt: Callable[[], Result], url: str, delay: float) -> Result:
    import requests

    for remaining in reversed(range(ATTEMPTS)):
        try:
            return attempt()
        except requests.RequestException as error:
            if isinstance(error, requests.HTTPError):
                transient = error.response is not None and error.response.status_code in TRANSIENT_STATUS
            else:
                lost = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)
                transient = isinstance(error, lost)
            if not transient:
                raise DownloadError(f"{url}: {error}. Check the name and the base URL.") from error
            if not remaining:
                remedy = "Check the network and run the same command again: it goes on where it stopped."
                raise DownloadError(f"{url}: {error}. {remedy}") from error
        time.sleep(delay)
        delay *= 2
    raise AssertionError("the last attempt returns or raises")


def _go_on(url: str, part: Path, progress: Progress) -> None:
    """Fetch what is missing from `part`, or everything when the server cannot go on from there."""
    import requests

    done = part.stat().st_size if part.exists() else 0
    note = _version_note(part)
    # Compressed transfer would make offsets meaningless.
    headers = {"Accept-Encoding": "identity"}
    if done:
        headers["Range"] = f"bytes={done}-"
        if note.exists():
            headers["If-Range"] = note.read_text()
    with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as response:
        offered = response.headers.get("Content-Range", "")
        if done and response.status_code == requests.codes.requested_range_not_satisfiable:
            if offered == f"bytes */{done}":
                return
        else:
            response.raise_for_status()
            if response.status_code != requests.codes.partial_content:
                _write(response, part, 0, progress)
                return
            if offered.startswith(f"bytes {done}-"):
                _write(response, part, done, progress)
                return
    discard(part)
    raise requests.ConnectionError(f"the server offers {offered!r}, not what follows byte {done}")


def _write(response: requests.Response, part: Path, done: int, progress: Progress) -> None:
    length = response.headers.get("Content-Length", "")
    total = done + int(length) if length.isdigit() else None
    if not done:
        _note_version(response, part)
    with part.open("ab" if done else "wb") as file:
        progress(done, total)
        for chunk in response.iter_content(CHUNK):
            file.write(chunk)
            done += len(chunk)
            progress(done, total)


def _note_version(response: requests.Response, part: Path) -> None:
    """Note what identifies this version of the file, so that parts of two versions never mix."""
    etag = response.headers.get("ETag", "")
    # Weak tags do not promise equal bytes and may not be used for this (RFC 9110, 13.1.5).
    version = etag if etag.startswith('"') else response.headers.get("Last-Modified", "")
    note = _version_note(part)
    if version:
        note.write_text(version)
    else:
        note.unlink(missing_ok=True)


def _version_note(part: Path) -> Path:
    return part.with_name(f"{part.name}.version")
