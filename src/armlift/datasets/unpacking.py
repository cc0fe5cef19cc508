"""Unpacking of archives from the network without trusting them."""

from __future__ import annotations

import shutil
import stat
import tempfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from armlift.errors import DownloadError

# The largest set unpacks to about 1.1 GB.
LARGEST_TOTAL = 8 * 1024**3


def unpack(archive: Path, folder: str, to: Path, largest_total: int = LARGEST_TOTAL) -> Path:
    """Unpack one root folder of a zip archive; an earlier copy of the folder is replaced as a whole.

    Args:
        archive: The zip archive.
        folder: Root folder inside it.
        to: Existing folder to put `folder` into.
        largest_total: Bytes the content may take.

    Returns:
        The unpacked folder.

    Raises:
        DownloadError: The archive is damaged, lacks `folder`, is too large, or has members that are links
            or would land elsewhere.
    """
    target = to / folder
    try:
        with tempfile.TemporaryDirectory(prefix=f".{folder}-", dir=to) as name:
            fresh, stale = Path(name) / "fresh", Path(name) / "stale"
            with zipfile.ZipFile(archive) as opened:
                for member in _safe_members(opened, archive, folder, largest_total):
                    place = fresh.joinpath(*PurePosixPath(member.filename).parts[1:])
                    place.parent.mkdir(parents=True, exist_ok=True)
                    # `x` refuses a second member of the same name.
                    with opened.open(member) as packed, place.open("xb") as unpacked:
                        shutil.copyfileobj(packed, unpacked, 1024**2)
            if target.exists():
                target.rename(stale)
            fresh.rename(target)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise DownloadError(f"{archive}: damaged zip archive ({error}). Delete it and run again.") from error
    except OSError as error:
        raise DownloadError(f"{archive}: cannot be unpacked into {to} ({error}).") from error
    return target


def is_unpacked(archive: Path, folder: str, to: Path) -> bool:
    """Whether every file of `folder` in the archive is below `to` with its full size."""
    with zipfile.ZipFile(archive) as opened:
        members = [member for member in opened.infolist() if not member.is_dir()]
    places = [(to / member.filename, member.file_size) for member in members if _root(member) == folder]
    return bool(places) and all(place.is_file() and place.stat().st_size == size for place, size in places)


def _safe_members(
    opened: zipfile.ZipFile, archive: Path, folder: str, largest_total: int
) -> list[zipfile.ZipInfo]:
    """The files below `folder`; refuses the whole archive when any member is unsafe."""
    members = opened.infolist()
    for member in members:
        parts = PurePosixPath(member.filename).parts
        kind = stat.S_IFMT(member.external_attr >> 16)
        escapes = "/" in parts or ".." in parts or any(mark in member.filename for mark in "\\:\0")
        if escapes or kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise DownloadError(f"{archive}: member {member.filename!r} is unsafe. Do not use this archive.")
    # Sizes as declared suffice: zipfile never reads past them.
    total = sum(member.file_size for member in members)
    if total > largest_total:
        raise DownloadError(
            f"{archive}: would unpack to {total} bytes, more than {largest_total}. Do not use this archive."
        )
    wanted = [member for member in members if _root(member) == folder and not member.is_dir()]
    if not wanted:
        raise DownloadError(f"{archive}: has no folder {folder}. Check that it is the publisher's archive.")
    return wanted


def _root(member: zipfile.ZipInfo) -> str:
    return member.filename.split("/", 1)[0]
