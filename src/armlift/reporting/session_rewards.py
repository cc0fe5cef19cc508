"""How much reward a session brings, by arm: distribution and words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from armlift.reporting.findings import Finding
from armlift.reporting.numerals import count

_STEPS = 200
_BINS = 12


def session_rewards(sessions: pd.DataFrame, arms: Sequence[str]) -> pd.DataFrame:
    """Reward of each session with each arm it met.

    Args:
        sessions: strategy_id, arm_id, session_id, reward; one row or several of a session and arm.
        arms: Arms in the order wanted.

    Returns:
        arm, session, reward; arms in order.
    """
    rows = sessions[sessions["arm_id"].isin(arms)]
    sums = rows.groupby(["arm_id", "session_id"], sort=False)["reward"].sum().reset_index()
    sums.columns = pd.Index(["arm", "session", "reward"])
    order = {arm: place for place, arm in enumerate(arms)}
    return sums.sort_values("arm", key=lambda names: names.map(order), kind="stable", ignore_index=True)


def ecdf(rewards: pd.DataFrame) -> pd.DataFrame:
    """Share of sessions with at most so much reward, by arm; at most 200 steps each.

    Args:
        rewards: From `session_rewards`.

    Returns:
        arm, reward, share (0 to 1), ascending.
    """
    parts = []
    for arm, rows in rewards.groupby("arm", sort=False):
        values, numbers = np.unique(rows["reward"].to_numpy(float), return_counts=True)
        share = numbers.cumsum() / numbers.sum()
        kept = np.unique(np.linspace(0, len(values) - 1, min(_STEPS, len(values))).round().astype(int))
        parts.append(pd.DataFrame({"arm": arm, "reward": values[kept], "share": share[kept]}))
    empty = pd.DataFrame({"arm": pd.Series(dtype=str), "reward": [], "share": []})
    return pd.concat(parts, ignore_index=True) if parts else empty


def histogram(rewards: pd.DataFrame) -> pd.DataFrame:
    """Share of each arm's sessions by reward, in the same bins for all arms.

    Where there are few different values, as with clicks, each is a bin of its own.

    Args:
        rewards: From `session_rewards`.

    Returns:
        arm, left, right (ends of the bin), share (0 to 1).
    """
    if rewards.empty:
        return pd.DataFrame({"arm": pd.Series(dtype=str), "left": [], "right": [], "share": []})
    values = np.unique(rewards["reward"].to_numpy(float))
    if len(values) <= _BINS:
        half = 0.5 * (np.diff(values).min() if len(values) > 1 else 1.0)
        edges = np.unique(np.concatenate([values - half, values + half]).round(9))
    else:
        edges = np.histogram_bin_edges(values, bins=_BINS)
    parts = []
    for arm, rows in rewards.groupby("arm", sort=False):
        numbers, _ = np.histogram(rows["reward"], bins=edges)
        parts.append(
            pd.DataFrame(
                {"arm": arm, "left": edges[:-1], "right": edges[1:], "share": numbers / max(len(rows), 1)}
            )
        )
    bins = pd.concat(parts, ignore_index=True)
    return bins[bins.groupby("left")["share"].transform("max") > 0].reset_index(drop=True)


def session_finding(rewards: pd.DataFrame) -> Finding:
    """Say which arm's sessions bring the most reward on average.

    Args:
        rewards: From `session_rewards`.
    """
    if rewards.empty:
        return Finding("comparison.sessions.no_data")
    means = rewards.groupby("arm", sort=False)["reward"].mean().sort_values(ascending=False, kind="stable")
    values = {"sessions": count(rewards["session"].nunique()), "arm": str(means.index[0])}
    values["mean"] = f"{means.iloc[0]:.3g}"
    if len(means) == 1:
        return Finding("comparison.sessions.one", values)
    values |= {"other": str(means.index[-1]), "less": f"{means.iloc[-1]:.3g}"}
    if np.isclose(means.iloc[0], means.iloc[-1], rtol=1e-9):
        return Finding("comparison.sessions.tie", values)
    return Finding("comparison.sessions.lead", values)
