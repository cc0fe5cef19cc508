"""Where the dashboard reads from: the live store, the tables of the pipelines, the addresses of the rest."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import yaml

from armlift.environment import RouterSettings, sqlite_file, tracking_uri
from armlift.errors import DataFileError

if TYPE_CHECKING:
    import pandas as pd

    from armlift.storage import Database, ExperimentStore, Readings

_CATALOG = Path("conf/base/catalog")
_SEGMENTS_SECONDS = 30.0
_READERS = {"pandas.ParquetDataset": "read_parquet", "pandas.CSVDataset": "read_csv"}


@dataclass(frozen=True, eq=False)
class LiveStore:
    """The live store, open for reading.

    Attributes:
        database: The store.
        experiments: Its experiments.
        readings: Its sums and its log.
    """

    database: Database
    experiments: ExperimentStore
    readings: Readings


class Sources:
    """What pages read from; one for the whole process, used by several threads.

    Args:
        root: Root of the project.
        settings: Settings of the router, which names the store and where it is itself.

    Attributes:
        root: Root of the project.
        settings: Settings of the router.
        tracking_uri: Where MLflow keeps its runs.
    """

    def __init__(self, root: Path, settings: RouterSettings) -> None:
        self.root, self.settings = root, settings
        self.tracking_uri = tracking_uri(root)
        self._lock = Lock()
        self._store: LiveStore | None = None
        self._file: tuple[int, int] | None = None
        self._tables: dict[str, tuple[int, Any]] = {}
        self._segments: dict[str, tuple[float, dict[str, tuple[str, ...]]]] = {}

    @property
    def readings(self) -> Readings | None:
        """Sums and log of the live store; None while there is no store."""
        store = self.store()
        return store.readings if store else None

    def store(self) -> LiveStore | None:
        """Open the live store; None while there is none.

        A SQLite file that was replaced, as by a restored backup, is opened anew.
        """
        file = sqlite_file(self.settings.database_url)
        with self._lock:
            if file is not None:
                found = _identity(file)
                if found != self._file:
                    self._forget()
                    self._file = found
                if found is None:
                    return None
            if self._store is None:
                self._store = _open(self.settings.database_url)
            return self._store

    def close(self) -> None:
        """Close the store; the next look opens it again."""
        with self._lock:
            self._forget()
            self._file = None

    def _forget(self) -> None:
        if self._store is not None:
            self._store.database.close()
            self._store = None
            self._segments.clear()

    @contextmanager
    def reading(self) -> Iterator[LiveStore | None]:
        """Give the store, and say in words what it refuses.

        Raises:
            LiveError: The store cannot be read.
        """
        from armlift.storage.refusals import refusals_in_words

        store = self.store()
        if store is None:
            yield None
            return
        with refusals_in_words(store.database):
            yield store

    def segments(self, experiment_id: str) -> dict[str, tuple[str, ...]]:
        """Give the known values of each segment of an experiment, looked up twice a minute at most.

        Raises:
            LiveError: The store cannot be read.
        """
        known = self._segments.get(experiment_id)
        if known is None or time.monotonic() - known[0] > _SEGMENTS_SECONDS:
            with self.reading() as store:
                found = store.readings.segment_values(experiment_id) if store else {}
            known = self._segments[experiment_id] = (time.monotonic(), found)
        return known[1]

    def table(self, name: str) -> pd.DataFrame | None:
        """Read a table of the catalog; it is kept until its file changes.

        Args:
            name: Its name in the catalog, such as `policy_trend`.

        Returns:
            The table, shared: do not change it. None if no pipeline has written it yet.

        Raises:
            DataFileError: The catalog has no such table, or the file cannot be read.
        """
        import pandas as pd

        entry = self._catalog.get(name, {})
        reader = _READERS.get(str(entry.get("type")))
        if reader is None:
            raise DataFileError(f"{name} is no table of {_CATALOG}. Look there for its name.")
        file = self.root / str(entry["filepath"])
        try:
            written = file.stat().st_mtime_ns
        except FileNotFoundError:
            return None
        known = self._tables.get(name)
        if known is None or known[0] != written:
            try:
                known = self._tables[name] = (written, getattr(pd, reader)(file))
            except (OSError, ValueError) as error:
                raise DataFileError(f"{file} cannot be read: {error}. Run its pipeline again.") from error
        table: pd.DataFrame = known[1]
        return table

    def path(self, name: str) -> Path:
        """File of a catalog entry, whether it was written or not.

        Raises:
            DataFileError: The catalog has no such entry.
        """
        entry = self._catalog.get(name, {})
        place = entry.get("filepath") or entry.get("path")
        if place is None:
            raise DataFileError(f"{name} is no entry of {_CATALOG}. Look there for its name.")
        return self.root / str(place)

    @cached_property
    def _catalog(self) -> dict[str, dict[str, Any]]:
        entries: dict[str, dict[str, Any]] = {}
        for file in sorted((self.root / _CATALOG).glob("*.yml")):
            entries.update(yaml.safe_load(file.read_text("utf-8")) or {})
        return entries


def _identity(file: Path) -> tuple[int, int] | None:
    """Which file it is, whatever its name; None if there is none."""
    try:
        found = file.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _open(url: str) -> LiveStore:
    from armlift.storage import ExperimentStore, Readings, open_database

    database = open_database(url, exclusive=False)
    return LiveStore(database, ExperimentStore(database), Readings(database))
