"""What was ingested, read back: parts by day, of which overlapping ones count once."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pandas as pd

from armlift.datasets.schema import Dataset, Reject, reject_table

_PAIR = ["user_id", "item_id"]
_EMPTY_RATINGS = {
    "user_id": "int64",
    "item_id": "int64",
    "rating": "float64",
    "timestamp": "datetime64[us, UTC]",
}


def part_files(folder: Path, kind: str, day: date | None = None) -> list[Path]:
    """Files of a kind, in a fixed order.

    Args:
        folder: Where ingested tables are kept.
        kind: `ratings` or `events`.
        day: Of this day alone; None for all.
    """
    return sorted((folder / kind).glob(f"day={day or '*'}/*.parquet"))


def ingested_ratings(folder: Path, day: date | None = None) -> pd.DataFrame:
    """Give the ratings that were ingested, as in `Dataset.ratings`.

    Args:
        folder: Where ingested tables are kept.
        day: Of this day alone; None for all.
    """
    parts = [pd.read_parquet(file) for file in part_files(folder, "ratings", day)]
    if not parts:
        return pd.DataFrame(columns=list(_EMPTY_RATINGS)).astype(_EMPTY_RATINGS)
    return _latest(pd.concat(parts, ignore_index=True))


def ingested_events(folder: Path, day: date | None = None) -> pd.DataFrame:
    """Give the events that were ingested, in order of time, each once.

    Args:
        folder: Where ingested tables are kept.
        day: Of this day alone; None for all.
    """
    parts = [pd.read_parquet(file) for file in part_files(folder, "events", day)]
    if not parts:
        return pd.DataFrame({"event_id": pd.Series(dtype="str")})
    events = pd.concat(parts, ignore_index=True).drop_duplicates("event_id")
    return events.sort_values(["ts", "event_id"], ignore_index=True)


def with_ingested(dataset: Dataset, folder: Path) -> Dataset:
    """Take ingested ratings along: of several of one item by one user the latest stays.

    Args:
        dataset: A data set.
        folder: Where ingested tables are kept.

    Returns:
        The data set with them; ratings of items that it does not have are among its rejects.
    """
    added = ingested_ratings(folder)
    known = added["item_id"].isin(dataset.items["item_id"])
    rejects = [
        Reject(str(folder), 0, "item_id", str(item), "item is not in this data set", "Add it to the items.")
        for item in added.loc[~known, "item_id"].unique()
    ]
    ratings = _latest(pd.concat([dataset.ratings, added[known]], ignore_index=True))
    strangers = ratings.loc[~ratings["user_id"].isin(dataset.users["user_id"]), "user_id"].unique()
    users = pd.concat([dataset.users, pd.DataFrame({"user_id": strangers})], ignore_index=True)
    return replace(
        dataset,
        ratings=ratings,
        users=users.astype(dataset.users.dtypes.to_dict()).sort_values("user_id", ignore_index=True),
        rejects=pd.concat([dataset.rejects, reject_table(rejects)], ignore_index=True),
    )


def _latest(ratings: pd.DataFrame) -> pd.DataFrame:
    """The latest rating of each pair, in the order of `Dataset.ratings`; on a tie the one further down."""
    in_time = ratings.sort_values("timestamp", kind="stable").drop_duplicates(_PAIR, keep="last")
    return in_time.sort_values(["timestamp", *_PAIR], ignore_index=True)
