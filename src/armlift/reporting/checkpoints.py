"""Fewer points where a chart could not show them: thinning and binning of checkpoints."""

from __future__ import annotations

import numpy as np
import pandas as pd

_POINTS = 50
_BINS = 25


def thin(frame: pd.DataFrame) -> pd.DataFrame:
    """Keep at most 50 evenly spaced checkpoints, the first and the last among them.

    Args:
        frame: Table with a column `checkpoint`.

    Returns:
        The rows of the checkpoints kept.
    """
    checkpoints = np.sort(frame["checkpoint"].unique())
    places = np.linspace(0, len(checkpoints) - 1, min(_POINTS, len(checkpoints)))
    return frame[frame["checkpoint"].isin(checkpoints[np.unique(places.round().astype(int))])]


def interval_lengths(decisions: pd.Series) -> pd.Series:
    """Return the number of decisions since the checkpoint before, per row.

    Args:
        decisions: Decisions made until the row's checkpoint; the same grid for all policies.
    """
    ends = np.sort(decisions.unique())
    return decisions.map(dict(zip(ends, np.diff(ends, prepend=0), strict=True)))


def binned(frame: pd.DataFrame, by: list[str], value: str) -> pd.DataFrame:
    """Average a per-decision quantity over at most 25 stretches of decisions.

    Args:
        frame: Table with a column `decisions`, the keys and the value; the value belongs to the decisions
            since the checkpoint before.
        by: Keys, such as `["policy", "arm"]`.
        value: Column to average, weighted by decisions.

    Returns:
        Table with the keys, `start` and `end` (decisions, right end included) and `value`.
    """
    ends = np.sort(frame["decisions"].unique())
    edges = ends[np.unique(np.linspace(0, len(ends), min(_BINS, len(ends)) + 1).astype(int)[1:] - 1)]
    weight = interval_lengths(frame["decisions"])
    rows = frame[by].assign(
        place=np.searchsorted(edges, frame["decisions"]), weight=weight, value=frame[value] * weight
    )
    sums = rows.groupby([*by, "place"], sort=False, as_index=False)[["weight", "value"]].sum()
    place = sums["place"].to_numpy()
    return sums[by].assign(
        start=np.concatenate([[0], edges])[place], end=edges[place], value=sums["value"] / sums["weight"]
    )
