"""What every data set looks like after reading, whichever source it came from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import pandas as pd


class Reject(NamedTuple):
    """A row of a file that breaks a rule.

    Attributes:
        file: The file as messages name it.
        line: 1-based line number, a header counted.
        column: Column at fault; `""` when the row as a whole is.
        value: The offending text, as published.
        reason: What is wrong with it.
        remedy: What to do about it.
    """

    file: str
    line: int
    column: str
    value: str
    reason: str
    remedy: str


def reject_table(rejects: Iterable[Reject] = ()) -> pd.DataFrame:
    """Put rejected rows into a table, one column per field, `line` int64 and the others str.

    >>> reject_table([Reject("ratings.csv", 2, "rating", "9", "rating out of range", "Give 0.5 to 5.")]).shape
    (1, 6)
    """
    table = pd.DataFrame(list(rejects), columns=list(Reject._fields))
    return table.astype({name: "int64" if name == "line" else "str" for name in Reject._fields})


@dataclass(frozen=True, eq=False)
class Dataset:
    """Ratings of items by users, checked.

    Attributes:
        ratings: `user_id` int64, `item_id` int64, `rating` float64 in stars, `timestamp`
            datetime64[us, UTC]; one row per (user, item), sorted by (timestamp, user_id, item_id).
        items: `item_id` int64, `title` str without the year, `year` Int64 of first release, `genres` str
            joined by `|`; one row per item, sorted by it.
        users: `user_id` int64 and what the set tells about users; one row per user, sorted by it.
        rejects: The rows left out, one column per field of `Reject`.
    """

    ratings: pd.DataFrame
    items: pd.DataFrame
    users: pd.DataFrame
    rejects: pd.DataFrame = field(default_factory=reject_table)
