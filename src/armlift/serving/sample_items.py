"""The items of the embedded sample, the most popular first: what is shown before there are slates.

They are kept beside this module, because a router that draws the sample starts half a second later. After a
change of the sample, `python -m armlift.serving.sample_items` writes them anew.
"""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path

from armlift.storage.slates import ITEM_COLUMNS, SlateItems

FILE = Path(__file__).with_suffix(".csv")


@cache
def sample_items() -> SlateItems:
    """Read them."""
    with FILE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return SlateItems(
        [int(row["item_id"]) for row in rows],
        [row["title"] for row in rows],
        [int(row["year"]) if row["year"] else None for row in rows],
        [row["genres"].split("|") if row["genres"] else [] for row in rows],
    )


def write_sample_items(file: Path = FILE) -> None:
    """Draw the sample and write its items.

    Args:
        file: Where they go.
    """
    from armlift.datasets import generate_sample
    from armlift.storage.slates import items_by_popularity

    sample = generate_sample()
    items = items_by_popularity(sample.items, sample.ratings)
    items[list(ITEM_COLUMNS)].to_csv(file, index=False, lineterminator="\n")


if __name__ == "__main__":
    write_sample_items()
