"""Reading of the tables that describe items and users."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd

from armlift.datasets.published import PublishedFiles, TableFile
from armlift.datasets.schema import Reject
from armlift.datasets.text_tables import check_ids, check_whole_numbers, read_rows
from armlift.errors import DataFileError

# What the ml-1m README says the occupation codes 0, 1, ... stand for.
OCCUPATIONS = (
    "other",
    "academic/educator",
    "artist",
    "clerical/admin",
    "college/grad student",
    "customer service",
    "doctor/health care",
    "executive/managerial",
    "farmer",
    "homemaker",
    "K-12 student",
    "lawyer",
    "programmer",
    "retired",
    "sales/marketing",
    "scientist",
    "self-employed",
    "technician/engineer",
    "tradesman/craftsman",
    "unemployed",
    "writer",
)

NO_GENRE = ("(no genres listed)", "unknown")

# A year or a span of years in the last parentheses; ml-100k marks videos by a (V) after it.
_YEAR = (
    r"^(?P<title>.*\S)\s*\(\s*(?P<year>(?:18|19|20)\d\d)\s*(?:[-–]\s*(?:\d{4})?\s*)?\)(?P<mark>\s*\(V\))?$"
)


class CheckedTable(NamedTuple):
    """Rows of a table that meet all rules, and the others.

    Attributes:
        table: As in `Dataset.items` or `Dataset.users`.
        rejected: Rows left out.
    """

    table: pd.DataFrame
    rejected: list[Reject]


def read_items(files: PublishedFiles, file: TableFile, genre_flags: Sequence[str] = ()) -> CheckedTable:
    """Read the items of a set.

    Args:
        files: The files of the set.
        file: The item file among them.
        genre_flags: Columns that tell with 1 or 0 whether the item has the genre of that name; without
            them the column `genres` lists the genres.

    Raises:
        DataFileError: The file is missing, empty or of another format or encoding.
    """
    rows = read_rows(files, file)
    check_ids(rows, "item_id")
    for flag in genre_flags:
        rows.reject(~rows.frame[flag].isin(["0", "1"]), flag, "not a genre flag", "Give 0 or 1.")
    frame = rows.frame
    if genre_flags:
        flags = frame[list(genre_flags)].to_numpy() == "1"
        names = ["|".join(name for name, on in zip(genre_flags, row, strict=True) if on) for row in flags]
        genres = pd.Series(names, index=frame.index, dtype="str")
    else:
        genres = frame["genres"].str.strip()
    titles = split_titles(frame["title"])
    items = pd.DataFrame(
        {
            "item_id": frame["item_id"].astype("int64"),
            "title": titles["title"],
            "year": titles["year"],
            "genres": genres.mask(genres.isin(NO_GENRE), ""),
        }
    )
    return CheckedTable(items.sort_values("item_id", ignore_index=True), rows.rejected)


def split_titles(published: pd.Series[str]) -> pd.DataFrame:
    """Take the year out of published titles.

    Args:
        published: Titles such as `Toy Story (1995)`.

    Returns:
        `title` str and `year` Int64, the first one of a span and missing when there is none; same index.

    >>> split_titles(pd.Series(["Toy Story (1995)", "Lost (2004-2010)", "Babylon 5"])).year.tolist()
    [1995, 2004, <NA>]
    """
    titles = published.str.strip()
    parts = titles.str.extract(_YEAR)
    short = parts["title"] + parts["mark"].fillna("")
    return pd.DataFrame({"title": short.fillna(titles), "year": parts["year"].astype("Int64")})


def read_genres(files: PublishedFiles, file: TableFile) -> tuple[str, ...]:
    """Read the genres of ml-100k in the order of their flags.

    Raises:
        DataFileError: The file is missing, empty or of another format, or the genres are not 0, 1, ...
    """
    rows = read_rows(files, file)
    check_ids(rows, "genre_id")
    genres = rows.frame.set_index(rows.frame["genre_id"].astype("int64"))["genre"].sort_index()
    if rows.rejected or genres.index.tolist() != list(range(len(genres))):
        raise DataFileError(
            f"{rows.file}: must number the genres 0, 1, ... as in 'Action|1'. Use the file as published."
        )
    return tuple(genres)


def read_users(files: PublishedFiles, file: TableFile, *, coded: bool) -> CheckedTable:
    """Read the users of a set.

    Args:
        files: The files of the set.
        file: The user file among them.
        coded: Whether occupations are codes, as in ml-1m. Its age codes, the lower bounds of the
            brackets 1, 18, 25, 35, 45, 50 and 56, stay as they are.

    Raises:
        DataFileError: The file is missing, empty or of another format or encoding.
    """
    rows = read_rows(files, file)
    check_ids(rows, "user_id")
    check_whole_numbers(rows, "age")
    if coded:
        names = {str(code): name for code, name in enumerate(OCCUPATIONS)}
        known = rows.frame["occupation"].isin(names)
        bound = f"0 to {len(OCCUPATIONS) - 1}"
        rows.reject(~known, "occupation", "not an occupation code", f"Give {bound}.")
        rows.frame = rows.frame.assign(occupation=rows.frame["occupation"].map(names).astype("str"))
    users = pd.DataFrame(
        {
            "user_id": rows.frame["user_id"].astype("int64"),
            "gender": rows.frame["gender"],
            "age": rows.frame["age"].astype("int64").astype("Int64"),
            "occupation": rows.frame["occupation"],
            "zip_code": rows.frame["zip_code"],
        }
    )
    return CheckedTable(users.sort_values("user_id", ignore_index=True), rows.rejected)
