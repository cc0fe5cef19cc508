"""Access to the publisher's files, packed or unpacked."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from armlift.datasets.sources import Source
from armlift.errors import DataFileError


@dataclass(frozen=True)
class TableFile:
    """How one of the publisher's text tables is written.

    Attributes:
        name: File name inside the set's folder.
        separator: What stands between two fields.
        columns: The fields in order, by armlift's names.
        encoding: Character encoding.
        header: First line of the file; None when the data start at once.
    """

    name: str
    separator: str
    columns: tuple[str, ...]
    encoding: str
    header: str | None = None


@dataclass(frozen=True)
class PublishedFiles:
    """The files of one set, in the publisher's archive or in a folder.

    Attributes:
        path: The archive, or the folder that holds the files.
        archived_in: Folder inside the archive; None when `path` is a folder.
        source: Name of the set.
    """

    path: Path
    archived_in: str | None
    source: str

    @classmethod
    def locate(cls, source: Source, path: Path) -> PublishedFiles:
        """Find the files at `path`: the archive, their folder, or the folder around that.

        Raises:
            DataFileError: Nothing is at `path`.
        """
        if path.is_dir():
            inner = path / source.folder
            return cls(inner if inner.is_dir() else path, None, source.name)
        if path.exists():
            return cls(path, source.folder, source.name)
        raise DataFileError(f"{path}: no such file or folder. {_fetch(source.name)}")

    def label(self, name: str) -> str:
        """The file as messages name it."""
        return str(self.path / (name if self.archived_in is None else f"{self.archived_in}/{name}"))

    @contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        """Open one file for reading bytes; faults while reading become `DataFileError` too.

        Raises:
            DataFileError: The file is missing or cannot be read, or the archive is damaged.
        """
        try:
            if self.archived_in is None:
                with (self.path / name).open("rb") as stream:
                    yield stream
            else:
                with (
                    zipfile.ZipFile(self.path) as archive,
                    archive.open(f"{self.archived_in}/{name}") as stream,
                ):
                    yield stream
        except (FileNotFoundError, KeyError) as error:
            raise DataFileError(
                f"{self.label(name)}: {self.source} needs this file, but it is missing. {_fetch(self.source)}"
            ) from error
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
            raise DataFileError(
                f"{self.path}: damaged, truncated or no zip archive ({error}). {_fetch(self.source)}"
            ) from error
        except OSError as error:
            raise DataFileError(f"{self.label(name)}: cannot be read ({error}).") from error

    def read(self, name: str) -> bytes:
        """The whole content of one file.

        Raises:
            DataFileError: As for `open`, or the file is empty.
        """
        with self.open(name) as stream:
            content = stream.read()
        if not content:
            raise self._empty(name)
        return content

    def check_header(self, file: TableFile, first_line: bytes) -> None:
        """Compare the first line of a file with the publisher's header.

        Raises:
            DataFileError: They differ, or the file is empty.
        """
        if not first_line:
            raise self._empty(file.name)
        found = first_line.rstrip(b"\r\n").decode(file.encoding, errors="replace")
        if file.header is not None and found != file.header:
            raise DataFileError(
                f"{self.label(file.name)} line 1: the header is {found[:200]!r}, "
                f"must be {file.header!r}. Check that these are the files of {self.source}."
            )

    def _empty(self, name: str) -> DataFileError:
        return DataFileError(f"{self.label(name)}: empty file. {_fetch(self.source)}")


def _fetch(source: str) -> str:
    return f"Fetch the set with `armlift download {source}` and point data.path to it."
