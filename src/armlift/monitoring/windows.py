"""Windows of time in which newer data are held against a reference."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from armlift.errors import ParameterError

Integers = NDArray[np.int64]

_GRID = pd.Timestamp(0, tz="UTC")
_MISSED = 0.01  # a window may have begun by this share of its length before the first row


@dataclass(frozen=True, order=True)
class DriftWindow:
    """A window in which something drifted.

    Attributes:
        start: Its first moment, UTC.
        end: The first moment after it, UTC.
        source: Where its data come from: `simulated`, `ratings` or `live`.
        causes: What drifted or decayed, such as `clicks.genre` or `svd.ctr`.
    """

    start: pd.Timestamp
    end: pd.Timestamp
    source: str
    causes: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Name of the window, the same whenever it is looked at; fit for file names and run keys.

        Example:
            >>> days = pd.Timestamp("2024-01-01", tz="UTC"), pd.Timestamp("2024-01-02", tz="UTC")
            >>> DriftWindow(*days, "simulated").key
            'simulated-20240101T0000-20240102T0000'
        """
        return f"{self.source}-{self.start:%Y%m%dT%H%M}-{self.end:%Y%m%dT%H%M}"


class Windows(NamedTuple):
    """Windows of one length, one after the other; the first ones are the reference.

    They lie on a grid that begins with the year 1970, so that a window is the same one tomorrow.

    Attributes:
        start: Beginning of the first window, UTC.
        length: Length of each.
        reference: How many of them are the reference.
        total: How many there are, reference included; each is complete.
    """

    start: pd.Timestamp
    length: pd.Timedelta
    reference: int
    total: int

    @classmethod
    def between(
        cls,
        first: pd.Timestamp,
        last: pd.Timestamp,
        length: pd.Timedelta,
        reference: int,
        newest: int | None = None,
    ) -> Self:
        """Lay windows over a stretch of time; what is left over at its ends is no window.

        A log that begins at noon has a first day without mornings, beside which every later day would drift.

        Args:
            first: Time of the first row.
            last: Moment up to which everything is known.
            length: Length of a window, above 0.
            reference: Windows of the reference, at least 1.
            newest: Windows after the reference, at least 1; None for all, the reference then being the first.

        Raises:
            ParameterError: A number is out of its bound.

        Example:
            >>> days = Windows.between(pd.Timestamp("2024-01-01T07", tz="UTC"),
            ...                        pd.Timestamp("2024-01-06T12", tz="UTC"), pd.Timedelta("1D"), 3)
            >>> days.total, [str(days.bounds(n)[0].date()) for n in days.newer]
            (4, ['2024-01-05'])
        """
        if length <= pd.Timedelta(0):
            raise ParameterError("window_hours", length, "window_hours > 0", "24 is a day.")
        for name, value in (("reference_windows", reference), ("newest_windows", newest or 1)):
            if value < 1:
                raise ParameterError(name, value, f"{name} >= 1", "Try 3.")
        begin, end = ((moment - _GRID) // length for moment in (first + (1 - _MISSED) * length, last))
        if newest is not None:
            begin = max(begin, end - newest - reference)
        return cls(_GRID + begin * length, length, reference, max(int(end - begin), 0))

    @property
    def newer(self) -> range:
        """Numbers of the windows after the reference."""
        return range(self.reference, max(self.total, self.reference))

    @property
    def whole_weeks(self) -> bool:
        """Whether each window holds every weekday as often as the others."""
        return self.length % pd.Timedelta(days=7) == pd.Timedelta(0)

    @property
    def whole_days(self) -> bool:
        """Whether each window holds every hour of the day as often as the others."""
        return self.length % pd.Timedelta(days=1) == pd.Timedelta(0)

    def bounds(self, number: int) -> tuple[pd.Timestamp, pd.Timestamp]:
        """First moment of a window, and the first after it."""
        start = self.start + number * self.length
        return start, start + self.length

    def number(self, moments: pd.Series) -> Integers:
        """Number of the window of each moment, shape (rows,); below 0 before the first."""
        return np.asarray((moments - self.start) // self.length, dtype=np.int64)


def one_row_per_user(rows: pd.DataFrame, *, seed: int) -> pd.DataFrame:
    """Draw one row of each user in each window: rows of one visit are alike, and are not so many witnesses.

    Args:
        rows: Rows with the columns `user_key` and `window`.
        seed: Seed of the draw.

    Returns:
        The rows that were drawn, in their old order.
    """
    order = np.random.default_rng(seed).permutation(len(rows))
    kept = ~rows.iloc[order].duplicated(["user_key", "window"]).to_numpy()
    return rows.iloc[np.sort(order[kept])]


def drift_windows(rows: Iterable[tuple[pd.Timestamp, pd.Timestamp, str, str]]) -> list[DriftWindow]:
    """Gather the causes of each window, the earliest window first.

    Args:
        rows: Start, end, source and one cause each.
    """
    causes: dict[tuple[pd.Timestamp, pd.Timestamp, str], list[str]] = {}
    for start, end, source, cause in rows:
        causes.setdefault((start, end, source), []).append(cause)
    return sorted(DriftWindow(*window, tuple(found)) for window, found in causes.items())
