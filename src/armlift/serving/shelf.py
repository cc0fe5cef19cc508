"""What each arm shows a user, as JSON: from the newest version of the slates, swapped while serving."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import msgspec

from armlift.errors import DataFileError
from armlift.serving.sample_items import sample_items
from armlift.serving.schemas import Item
from armlift.storage.slates import SlateItems, SlateSnapshot, SlateSnapshots

logger = logging.getLogger(__name__)

POPULAR = "popular"
SAMPLE_SLATE = 10


class Slate(NamedTuple):
    """What a user is shown.

    Attributes:
        items: JSON list of `Item`.
        item_ids: The items, in their order.
        source: Version of the slates, or `popular` where the arm has none.
    """

    items: msgspec.Raw
    item_ids: tuple[int, ...]
    source: str


class Shelf:
    """Slates by arm and user.

    Args:
        folder: Where the versions of the slates are; without one the sample's popular list is served.
    """

    def __init__(self, folder: Path) -> None:
        self._snapshots = SlateSnapshots(folder)
        self._snapshot: SlateSnapshot | None = None
        self._json: dict[int, bytes] = {}
        self._items: dict[int, Item] = {}
        self._popular = Slate(msgspec.Raw(b"[]"), (), POPULAR)
        self.refresh()
        if self._snapshot is None:
            self._stock(sample_items(), SAMPLE_SLATE)

    @property
    def snapshot(self) -> SlateSnapshot | None:
        """The slates that are served; None for the popular list."""
        return self._snapshot

    @property
    def source(self) -> str:
        """What is served, in words."""
        if self._snapshot is None:
            return "the popular list of the embedded sample (no slates yet: make simulate)"
        manifest = self._snapshot.manifest
        return f"slates version {manifest.version} of {manifest.created}, arms {', '.join(manifest.arms)}"

    def refresh(self) -> bool:
        """Take a newer version, if there is one.

        Returns:
            Whether there was.
        """
        try:
            snapshot = self._snapshots.current()
        except DataFileError:
            return False
        if snapshot is self._snapshot:
            return False
        is_swap = bool(self._items)  # at the start it is the router that says what is served
        self._stock(snapshot.items, snapshot.manifest.length)
        self._snapshot = snapshot
        if is_swap:
            logger.info("serving %s", self.source)
        return True

    def slate(self, arm: str, user_id: str) -> Slate:
        """Give an arm's items for a user; what new users see if it does not know the user."""
        snapshot = self._snapshot
        if snapshot is None or arm not in snapshot.manifest.arms:
            return self._popular
        ids = snapshot.slate(arm, int(user_id) if user_id.isdecimal() and len(user_id) < 19 else -1)
        known = self._json
        items = b"[" + b",".join([known[item] for item in ids if item in known]) + b"]"
        return Slate(msgspec.Raw(items), ids, f"version {snapshot.manifest.version}")

    def item(self, item_id: int) -> Item | None:
        """Give an item's title, year and genres, if it is known."""
        return self._items.get(item_id)

    def by_popularity(self) -> Iterable[Item]:
        """Give all items, the most popular first."""
        return self._items.values()

    def _stock(self, items: SlateItems, length: int) -> None:
        known = {
            item_id: Item(item_id, title, year, genres)
            for item_id, title, year, genres in zip(*items, strict=True)
        }
        encoded = {item_id: msgspec.json.encode(item) for item_id, item in known.items()}
        top = items.item_ids[:length]
        popular = msgspec.Raw(b"[" + b",".join(encoded[item] for item in top) + b"]")
        # Replaced whole, for requests read while this goes on.
        self._items, self._json = known, encoded
        self._popular = Slate(popular, tuple(top), POPULAR)
