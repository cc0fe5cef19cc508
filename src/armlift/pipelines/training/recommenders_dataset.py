"""A folder of saved recommenders as a catalog dataset."""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath
from typing import Any

from kedro.io import AbstractDataset

from armlift.recommenders import Recommender, load_recommender

_INDEX = "recommenders.json"


class RecommendersDataset(AbstractDataset[dict[str, Recommender], dict[str, Recommender]]):
    """Recommenders by name, each saved by itself in a folder of its own.

    Args:
        filepath: The folder.
        metadata: Kept for plug-ins such as Kedro-Viz.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._filepath = PurePosixPath(filepath)
        self.metadata = metadata

    def load(self) -> dict[str, Recommender]:
        """Load every recommender of the last training."""
        folder = Path(self._filepath)
        names = json.loads((folder / _INDEX).read_text())
        return {name: load_recommender(folder / name) for name in names}

    def save(self, data: dict[str, Recommender]) -> None:
        """Save every recommender; the index comes last, so that it never names one that is missing."""
        folder = Path(self._filepath)
        folder.mkdir(parents=True, exist_ok=True)
        for name, recommender in data.items():
            recommender.save(folder / name)
        (folder / _INDEX).write_text(json.dumps(list(data)))

    def _exists(self) -> bool:
        return (Path(self._filepath) / _INDEX).is_file()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)}
