"""The slates that live traffic is shown: versions that are complete or absent.

A version is a folder named by its number, with `slates.parquet`, `items.parquet` and `manifest.json`. It is
written under another name, forced to disk and renamed, so a reader sees it whole or not at all; hashes in the
manifest show damage that comes later. One writer at a time; any number of readers, in other processes too.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from armlift.errors import DataError, DataFileError, ParameterError

if TYPE_CHECKING:  # the router starts half a second sooner without pandas
    import pandas as pd

logger = logging.getLogger(__name__)

NEW_USER = -1
"""Id under which the table holds what a user without a history is shown."""

COLUMNS = ("arm", "user_id", "position", "item_id")
ITEM_COLUMNS = ("item_id", "title", "year", "genres")
_LOCK_TIMEOUT_SECONDS = 600.0


class ServedModel(NamedTuple):
    """A recommender of the registry that an arm shows the slates of.

    Attributes:
        name: Its name, such as `svd`.
        version: Its version in the registry, from 1.
    """

    name: str
    version: int

    def __str__(self) -> str:
        return f"{self.name} (version {self.version})"


@dataclass(frozen=True)
class Manifest:
    """What a version of the slates is.

    Attributes:
        version: Its number, from 1.
        created: Time in UTC, ISO 8601.
        sha256: Hash of `slates.parquet`, 64 hexadecimal digits.
        items_sha256: Hash of `items.parquet`.
        length: Items in a slate.
        arms: Whose slates each arm shows.
    """

    version: int
    created: str
    sha256: str
    items_sha256: str
    length: int
    arms: dict[str, ServedModel]


class SlateItems(NamedTuple):
    """The items, the most popular first.

    Attributes:
        item_ids: Ids.
        titles: Titles.
        years: Year of each; None where it is unknown.
        genres: Genres of each.
    """

    item_ids: list[int]
    titles: list[str]
    years: list[int | None]
    genres: list[list[str]]


@dataclass(frozen=True, eq=False)
class SlateSnapshot:
    """One version of the slates, in memory.

    Attributes:
        manifest: What it is.
        items: All items that could be shown.
    """

    manifest: Manifest
    items: SlateItems = field(repr=False)
    _users: dict[str, NDArray[np.int64]] = field(repr=False)
    _items: dict[str, NDArray[np.int64]] = field(repr=False)

    def slate(self, arm: str, user_id: int) -> tuple[int, ...]:
        """Give the items that an arm shows a user, the best first; to a new user, what new users see.

        Args:
            arm: One of the manifest's.
            user_id: Any user.

        Raises:
            ParameterError: There is no such arm.
        """
        if arm not in self._users:
            raise ParameterError(
                "arm", arm, f"one of {', '.join(self._users)}", "Rebuild the slates: armlift slates rebuild."
            )
        users = self._users[arm]
        row = int(np.searchsorted(users, user_id))
        if row == len(users) or users[row] != user_id:
            row = 0  # the new user's, whose id is below all others
        return tuple(self._items[arm][row].tolist())


class SlateSnapshots:
    """The newest complete version of the slates, noticed without a restart.

    Args:
        folder: Where the versions are.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._loaded: SlateSnapshot | None = None
        self._damaged: set[int] = set()

    def current(self) -> SlateSnapshot:
        """Give the newest whole version, read only when it is another than last time.

        A damaged version is logged once and passed over.

        Raises:
            DataFileError: There is no whole version.
        """
        while True:
            for number in reversed(slate_versions(self._folder)):
                if self._loaded is not None and self._loaded.manifest.version == number:
                    return self._loaded
                if number in self._damaged:
                    continue
                try:
                    self._loaded = read_slates(self._folder / _name(number))
                except DataFileError as error:
                    if not (self._folder / _name(number)).exists():
                        break  # writers have overtaken this reader: there are newer versions
                    logger.error("%s", error)
                    self._damaged.add(number)
                else:
                    return self._loaded
            else:
                if self._loaded is not None:
                    return self._loaded
                raise DataFileError(f"{self._folder} holds no whole slates. Run `armlift slates rebuild`.")


def slate_versions(folder: Path) -> tuple[int, ...]:
    """Give the numbers of all complete versions, ascending.

    Args:
        folder: Where the versions are.
    """
    entries = folder.iterdir() if folder.is_dir() else ()
    return tuple(sorted(int(entry.name) for entry in entries if entry.name.isdecimal()))


def read_slates(version: Path) -> SlateSnapshot:
    """Read one version.

    Args:
        version: Its folder.

    Raises:
        DataFileError: It is damaged, or not there.
    """
    remedy = "Run `armlift slates rebuild`."
    try:
        written = json.loads((version / "manifest.json").read_text("utf-8"))
        arms = {arm: ServedModel(*model) for arm, model in written.pop("arms").items()}
        manifest = Manifest(**written, arms=arms)
        content = (version / "slates.parquet").read_bytes()
        items_content = (version / "items.parquet").read_bytes()
    except (OSError, ValueError, TypeError, AttributeError, KeyError) as error:
        raise DataFileError(f"Slates {version} cannot be read: {error}. {remedy}") from error
    for name, found, expected in (
        ("slates.parquet", content, manifest.sha256),
        ("items.parquet", items_content, manifest.items_sha256),
    ):
        if sha256(found).hexdigest() != expected:
            raise DataFileError(f"{version / name} is not what was written. {remedy}")
    return SlateSnapshot(manifest, _read_items(items_content), *_read_arms(content, manifest.length))


def _read_arms(
    content: bytes, length: int
) -> tuple[dict[str, NDArray[np.int64]], dict[str, NDArray[np.int64]]]:
    """The users of each arm, ascending, and their slates."""
    import pyarrow.parquet as parquet

    table = parquet.read_table(BytesIO(content))
    arms = table["arm"].to_numpy()
    users, items = table["user_id"].to_numpy(), table["item_id"].to_numpy()
    ends = [*(np.flatnonzero(arms[1:] != arms[:-1]) + 1).tolist(), len(arms)]  # written arm by arm
    known, shown, start = {}, {}, 0
    for end in ends:
        known[str(arms[start])] = users[start:end:length].copy()
        shown[str(arms[start])] = items[start:end].reshape(-1, length)
        start = end
    return known, shown


def _read_items(content: bytes) -> SlateItems:
    import pyarrow.parquet as parquet

    columns = parquet.read_table(BytesIO(content)).to_pydict()
    return SlateItems(
        columns["item_id"],
        [str(title) for title in columns["title"]],
        [None if year is None or year != year else int(year) for year in columns["year"]],
        [[genre for genre in (genres or "").split("|") if genre] for genres in columns["genres"]],
    )


def items_by_popularity(items: pd.DataFrame, ratings: pd.DataFrame) -> pd.DataFrame:
    """Put the items with the most ratings first.

    Args:
        items: With item_id.
        ratings: With item_id.
    """
    number = items["item_id"].map(ratings["item_id"].value_counts()).fillna(0)
    return items.iloc[number.to_numpy().argsort(kind="stable")[::-1]].reset_index(drop=True)


def write_slates(
    folder: Path, slates: pd.DataFrame, items: pd.DataFrame, arms: Mapping[str, ServedModel], *, keep: int = 3
) -> Manifest:
    """Write the next version of the slates.

    Args:
        folder: Where the versions are; made if missing.
        slates: arm, user_id, position (from 0), item_id; one slate of one length for each arm and user, and
            for each arm one of the user `NEW_USER`.
        items: item_id, title, year, genres of at least every item in a slate, the most popular first.
        arms: Whose slates each arm shows.
        keep: Versions that stay, this one included.

    Returns:
        The manifest of the new version.

    Raises:
        ParameterError: `keep` is below 1.
        DataError: A slate is missing, incomplete or there twice, or an item is unknown.
    """
    if keep < 1:
        raise ParameterError("keep", keep, "keep >= 1", "Keep this version at least.")
    table = slates[list(COLUMNS)].sort_values(["arm", "user_id", "position"], ignore_index=True)
    length = _checked_length(table, arms)
    strange = table[~table["item_id"].isin(items["item_id"])]
    if len(strange):
        arm = str(strange["arm"].iloc[0])
        unknown = sorted(set(strange.loc[strange["arm"] == arm, "item_id"]))
        raise DataError(
            f"Items {unknown[:5]} in the slates of {arm}, which come from {arms[arm]}, are not among the "
            f"{len(items)} items: it was trained on other data. Train on this data what {arm} stands for, "
            "and promote it if it is an alias; or give its items."
        )
    folder.mkdir(parents=True, exist_ok=True)
    with _one_writer(folder):
        for unfinished in folder.glob("unfinished-*"):
            shutil.rmtree(unfinished)
        number = max(slate_versions(folder), default=0) + 1
        partial = folder / f"unfinished-{_name(number)}"
        partial.mkdir()
        table.to_parquet(partial / "slates.parquet", index=False)
        items[list(ITEM_COLUMNS)].to_parquet(partial / "items.parquet", index=False)
        digest, items_digest = (
            sha256((partial / name).read_bytes()).hexdigest() for name in ("slates.parquet", "items.parquet")
        )
        now = datetime.now(UTC).isoformat(timespec="seconds")
        manifest = Manifest(number, now, digest, items_digest, length, dict(arms))
        (partial / "manifest.json").write_text(json.dumps(asdict(manifest), indent=2) + "\n", "utf-8")
        for path in (*sorted(partial.iterdir()), partial):
            _force_to_disk(path)
        partial.rename(folder / _name(number))
        _force_to_disk(folder)
        for old in slate_versions(folder)[:-keep]:
            # Renamed first, for a half-deleted version must not look like a version.
            doomed = (folder / _name(old)).rename(folder / f"unfinished-{_name(old)}")
            shutil.rmtree(doomed)
    return manifest


def _checked_length(table: pd.DataFrame, arms: Mapping[str, ServedModel]) -> int:
    """Items in a slate."""
    length = int(table["position"].max()) + 1 if len(table) else 0
    slates = table.groupby(["arm", "user_id"])["position"].agg(["size", "nunique", "min", "max"])
    whole = (slates == [length, length, 0, length - 1]).all(axis=None)
    lowest_user = table.groupby("arm")["user_id"].min()
    if not whole or lowest_user.to_dict() != dict.fromkeys(arms, NEW_USER) or not length:
        raise DataError(
            f"{len(table)} rows are not one slate of {length} items for every user of each arm "
            f"({', '.join(arms)}), a new user ({NEW_USER}) included. Give every user of every arm positions "
            "from 0, as many as the others."
        )
    return length


@contextmanager
def _one_writer(folder: Path) -> Iterator[None]:
    """Hold a lock that ends with the process, on every platform: SQLite's."""
    file = folder / "writer.lock"
    with closing(sqlite3.connect(file, timeout=_LOCK_TIMEOUT_SECONDS, isolation_level=None)) as lock:
        lock.execute("BEGIN EXCLUSIVE")
        yield


def _force_to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _name(number: int) -> str:
    return f"{number:08d}"
