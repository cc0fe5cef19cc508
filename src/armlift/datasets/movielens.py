"""Readers of the original MovieLens files, one layout per family of sets.

Source: F. Maxwell Harper and Joseph A. Konstan (2015), The MovieLens Datasets: History and Context.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from armlift.datasets.catalogue import CheckedTable, read_genres, read_items, read_users
from armlift.datasets.published import PublishedFiles, TableFile
from armlift.datasets.ratings import RATING_COLUMNS, read_ratings
from armlift.datasets.schema import Dataset, reject_table
from armlift.datasets.sources import published_source
from armlift.datasets.validation import OnBadRows, settle
from armlift.errors import DataFileError

_ITEM_COLUMNS = ("item_id", "title", "genres")
_RELEASE_COLUMNS = ("item_id", "title", "release_date", "video_release_date", "imdb_url")


def read_movielens(name: str, path: Path, on_bad_rows: OnBadRows) -> Dataset:
    """Read a MovieLens set from the publisher's archive or its unpacked folder.

    Args:
        name: The set, such as `ml-1m`.
        path: The zip archive, the folder with the files, or a folder around that folder.
        on_bad_rows: `raise` to stop at rows that break the schema, `drop` to list them in `rejects`.

    Raises:
        ParameterError: No set has that name.
        DataFileError: A file is missing, damaged or of another format, or no good row is left.
        BadRowsError: Rows break the schema and `on_bad_rows` is `raise`.
    """
    source = published_source(name)
    files = PublishedFiles.locate(source, path)
    users: CheckedTable | None = None
    if name == "ml-100k":
        flags = read_genres(files, TableFile("u.genre", "|", ("genre", "genre_id"), "latin-1"))
        items = read_items(files, TableFile("u.item", "|", _RELEASE_COLUMNS + flags, "latin-1"), flags)
        user_columns = ("user_id", "age", "gender", "occupation", "zip_code")
        users = read_users(files, TableFile("u.user", "|", user_columns, "latin-1"), coded=False)
        rating_file = TableFile("u.data", "\t", RATING_COLUMNS, "latin-1")
    elif name in ("ml-1m", "ml-10m"):
        encoding = "latin-1" if name == "ml-1m" else "utf-8"
        items = read_items(files, TableFile("movies.dat", "::", _ITEM_COLUMNS, encoding))
        if name == "ml-1m":
            user_columns = ("user_id", "gender", "age", "occupation", "zip_code")
            users = read_users(files, TableFile("users.dat", "::", user_columns, encoding), coded=True)
        rating_file = TableFile("ratings.dat", "::", RATING_COLUMNS, encoding)
    else:
        movies = TableFile("movies.csv", ",", _ITEM_COLUMNS, "utf-8", "movieId,title,genres")
        items = read_items(files, movies)
        header = "userId,movieId,rating,timestamp"
        rating_file = TableFile("ratings.csv", ",", RATING_COLUMNS, "utf-8", header)

    item_ids = items.table["item_id"].to_numpy(np.int64)
    user_ids = None if users is None else users.table["user_id"].to_numpy(np.int64)
    ratings, rejected_ratings = read_ratings(files, rating_file, source.scale, item_ids, user_ids)
    rejected = items.rejected + ([] if users is None else users.rejected) + rejected_ratings
    settle(rejected, on_bad_rows)
    if ratings.empty:
        raise DataFileError(
            f"{files.label(rating_file.name)}: no good rating is left of {len(rejected_ratings)} rows. "
            f"First fault: {rejected_ratings[0].reason}. Check that these are the files of {name}."
        )
    if users is None:
        user_table = pd.DataFrame({"user_id": np.unique(ratings["user_id"].to_numpy())})
    else:
        user_table = users.table
    return Dataset(ratings, items.table, user_table, reject_table(rejected))
