"""Fetching of data sets from their publisher: resumed, checked and unpacked."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import NamedTuple

from armlift.datasets.sources import PUBLISHER_URL, Source, published_source
from armlift.datasets.transfer import Progress, discard, fetch_file, fetch_text, keep
from armlift.datasets.unpacking import is_unpacked, unpack
from armlift.errors import DownloadError


class Download(NamedTuple):
    """A fetched set.

    Attributes:
        archive: The publisher's archive, checked.
        folder: The unpacked files.
    """

    archive: Path
    folder: Path


def find_download(name: str, to: Path, *, base_url: str = PUBLISHER_URL) -> Download | None:
    """Find an earlier download that is complete and still equals its checksum.

    Args:
        name: The set, such as `ml-1m`.
        to: Folder to look in.
        base_url: Folder URL with the `.md5` file, asked for sets that change over time only.

    Raises:
        ParameterError: No set has that name.
        DownloadError: The checksum cannot be fetched.
    """
    source = published_source(name)
    found = _place(source, to)
    if not found.archive.is_file():
        return None
    checksum = source.md5 or _expected_checksum(source, base_url, retry_delay=1.0)
    complete = _md5(found.archive) == checksum and is_unpacked(found.archive, source.folder, to)
    return found if complete else None


def download(
    name: str,
    to: Path,
    *,
    base_url: str = PUBLISHER_URL,
    progress: Progress = lambda done, total: None,
    retry_delay: float = 1.0,
) -> Download:
    """Fetch a set, check it against the publisher's checksum and unpack it.

    An interrupted transfer stays as `NAME.zip.part`, and the next call goes on from there.

    Args:
        name: The set, such as `ml-1m`.
        to: Folder for the archive and the unpacked folder; created when missing.
        base_url: Folder URL with the archive and its `.md5` file.
        progress: Called with the bytes so far and the total, or None when unknown.
        retry_delay: Seconds before the second attempt; doubles with each further one.

    Raises:
        ParameterError: No set has that name.
        DownloadError: The set cannot be fetched, differs from its checksum or cannot be unpacked.
    """
    source = published_source(name)
    place = _place(source, to)
    part = place.archive.with_name(f"{place.archive.name}.part")
    try:
        to.mkdir(parents=True, exist_ok=True)
        present = _md5(place.archive) if place.archive.is_file() else None
        if present is None or present != source.md5:
            checksum = _expected_checksum(source, base_url, retry_delay)
            if present != checksum:
                fetch_file(_url(source, base_url), part, progress, retry_delay)
                _check(part, checksum)
                keep(part, place.archive)
    except OSError as error:
        raise DownloadError(f"{name} cannot be stored in {to} ({error}).") from error
    unpack(place.archive, source.folder, to)
    return place


def _place(source: Source, to: Path) -> Download:
    return Download(to / f"{source.name}.zip", to / source.folder)


def _url(source: Source, base_url: str) -> str:
    return f"{base_url.rstrip('/')}/{source.name}.zip"


def _expected_checksum(source: Source, base_url: str, retry_delay: float) -> str:
    """The checksum published beside the archive, which must be the one we know if we know one."""
    url = f"{_url(source, base_url)}.md5"
    text = fetch_text(url, retry_delay)
    if text is None:
        if source.md5 is None:
            raise DownloadError(f"{url}: not there, so the archive cannot be checked. Check the base URL.")
        return source.md5
    found = re.search(r"\b[0-9a-fA-F]{32}\b", text)
    if found is None:
        raise DownloadError(f"{url}: holds no MD5 checksum but {text[:80]!r}. Check the base URL.")
    published = found[0].lower()
    if source.md5 not in (None, published):
        raise DownloadError(
            f"{url}: the published checksum {published} is not the known one, {source.md5}. "
            "Do not trust this server, or report that the publisher changed the set."
        )
    return published


def _check(part: Path, checksum: str) -> None:
    found = _md5(part)
    if found != checksum:
        discard(part)
        raise DownloadError(
            f"{part}: has the checksum {found}, must have {checksum}; removed. Run the same command again."
        )


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        # Protects against damage, as published; MD5 is no protection against forgery.
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
