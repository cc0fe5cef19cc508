"""Rules that rows must meet, and what happens to rows that do not."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from armlift.datasets.schema import Reject
from armlift.datasets.sources import RatingScale
from armlift.errors import BadRowsError, ParameterError

OnBadRows = Literal["raise", "drop"]

# Seconds are meant; the upper bound finds milliseconds, the lower one signs and overflows.
FIRST_SECOND, LAST_SECOND = 0, 4_102_444_799
SHOWN = 3

logger = logging.getLogger(__name__)


@dataclass
class Rows:
    """Rows of one file under validation; `reject` moves rows from `frame` to the rejects.

    Attributes:
        file: The file as messages name it.
        frame: The rows still good, indexed by 1-based line number.
        rejected: The rows at fault.
    """

    file: str
    frame: pd.DataFrame
    rejected: list[Reject] = field(default_factory=list)

    def reject(self, bad: npt.ArrayLike, column: str, reason: str, remedy: str) -> None:
        """Take out rows that break a rule.

        Args:
            bad: Booleans, one per row of `frame`.
            column: Column at fault.
            reason: The rule that is broken.
            remedy: What to do about it.
        """
        mask = np.asarray(bad, dtype=bool)
        if mask.any():
            values = self.frame.loc[mask, column]
            self.rejected += [
                Reject(self.file, int(line), column, str(value), reason, remedy)
                for line, value in values.items()
            ]
            self.frame = self.frame.loc[~mask]


def check_ratings(
    rows: Rows, scale: RatingScale, item_ids: npt.NDArray[np.int64], user_ids: npt.NDArray[np.int64] | None
) -> None:
    """Reject ratings that break a rule; of several ratings of one item by one user the latest stays.

    Args:
        rows: Ratings as numbers, `timestamp` in seconds.
        scale: Ratings the set allows.
        item_ids: The items of the set, shape (items,), unique.
        user_ids: The users of the set, shape (users,), unique; None when the set does not list them.
    """
    low, high, step = scale
    rows.reject(rows.frame["user_id"] < 0, "user_id", "negative user", "Number users from 0 on.")
    if user_ids is not None:
        stranger = ~rows.frame["user_id"].isin(user_ids)
        rows.reject(
            stranger, "user_id", "user is not in the users file", "Add the user or remove the rating."
        )
    rating = rows.frame["rating"].to_numpy()
    # Written so that NaN counts as outside.
    outside = ~((rating >= low) & (rating <= high))
    rows.reject(outside, "rating", "rating out of range", f"Give {scale}.")
    off_step = np.mod(rows.frame["rating"].to_numpy(), step) != 0
    rows.reject(off_step, "rating", "rating between two steps of the scale", f"Give {scale}.")
    absurd = ~rows.frame["timestamp"].between(FIRST_SECOND, LAST_SECOND)
    rows.reject(absurd, "timestamp", "not a time from 1970 to 2099", "Give seconds since 1970-01-01 UTC.")
    item_codes = pd.Index(item_ids).get_indexer(pd.Index(rows.frame["item_id"]))
    unknown = item_codes < 0
    rows.reject(unknown, "item_id", "item is not in the items file", "Add the item or remove the rating.")
    rows.reject(
        _superseded(rows.frame, item_codes[~unknown], len(item_ids)),
        "item_id",
        "the same user has a later rating of the item",
        "Keep one rating per user and item.",
    )


def _superseded(ratings: pd.DataFrame, item_codes: npt.NDArray[np.intp], items: int) -> npt.NDArray[np.bool_]:
    """Mark all but the latest of the ratings that share user and item; on a tie the last line stays."""
    user_codes = pd.factorize(ratings["user_id"])[0].astype(np.int64)
    pairs = pd.Series(user_codes * items + item_codes)
    repeated = np.flatnonzero(pairs.duplicated(keep=False))
    superseded = np.zeros(len(ratings), dtype=bool)
    by_time = repeated[np.argsort(ratings["timestamp"].to_numpy()[repeated], kind="stable")]
    superseded[by_time] = pairs.iloc[by_time].duplicated(keep="last")
    return superseded


def settle(rejected: Sequence[Reject], on_bad_rows: OnBadRows) -> None:
    """Act on the rejected rows: stop, or warn and go on without them.

    Raises:
        ParameterError: `on_bad_rows` is neither `raise` nor `drop`.
        BadRowsError: There are rejected rows and `on_bad_rows` is `raise`.
    """
    if on_bad_rows not in ("raise", "drop"):
        raise ParameterError("data.on_bad_rows", on_bad_rows, "one of raise, drop", "Choose one of them.")
    if not rejected:
        return
    if on_bad_rows == "drop":
        counts = Counter((reject.file, reject.reason) for reject in rejected)
        detail = "; ".join(f"{file}: {count} x {reason}" for (file, reason), count in counts.items())
        logger.warning("Dropped %d bad rows (%s).", len(rejected), detail)
        return
    first = " ".join(
        f"{file} line {line}{column and f' column {column}'}: {value!r}: {reason}. {remedy}"
        for file, line, column, value, reason, remedy in rejected[:SHOWN]
    )
    more = f" And {len(rejected) - SHOWN} more." if len(rejected) > SHOWN else ""
    raise BadRowsError(
        f"Bad rows: {len(rejected)}. {first}{more} Or set data.on_bad_rows to drop to go on without them."
    )
