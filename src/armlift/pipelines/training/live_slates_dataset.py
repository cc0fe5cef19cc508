"""The slates of the live router as a catalog dataset: every save is a new version."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd
from kedro.io import AbstractDataset

if TYPE_CHECKING:
    from armlift.storage import Manifest, ServedModel


class LiveSlates(NamedTuple):
    """What the live router can show.

    Attributes:
        slates: arm, user_id, position, item_id; the user `NEW_USER` stands for whoever is new.
        items: item_id, title, year, genres, the most popular first.
        arms: Whose slates each arm shows.
    """

    slates: pd.DataFrame
    items: pd.DataFrame
    arms: dict[str, ServedModel]


class LiveSlatesDataset(AbstractDataset[LiveSlates, "Manifest"]):
    """The versions of the slates in a folder; loading gives the manifest of the newest.

    Args:
        filepath: The folder.
        keep: Versions that stay.
        metadata: Kept for plug-ins such as Kedro-Viz.
    """

    def __init__(self, *, filepath: str, keep: int = 3, metadata: dict[str, Any] | None = None) -> None:
        self._filepath, self._keep = PurePosixPath(filepath), keep
        self.metadata = metadata

    def load(self) -> Manifest:
        """Read the newest whole version and give its manifest."""
        from armlift.storage import SlateSnapshots

        return SlateSnapshots(Path(self._filepath)).current().manifest

    def save(self, data: LiveSlates) -> None:
        """Write the next version; a running router takes it by itself."""
        from armlift.storage import write_slates

        write_slates(Path(self._filepath), data.slates, data.items, data.arms, keep=self._keep)

    def _exists(self) -> bool:
        from armlift.storage import slate_versions

        return bool(slate_versions(Path(self._filepath)))

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath), "keep": self._keep}
