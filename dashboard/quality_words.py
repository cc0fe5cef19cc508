"""The quality page in words, computed from the readings that its charts show."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from armlift.reporting.numerals import count, percent
from dashboard.quality_figures import Exclusions, standing_alarms

Say = Callable[..., str]


def alarms_in_words(readings: pd.DataFrame, say: Say) -> tuple[bool, str]:
    """Say whether alarms stand.

    Args:
        readings: The experiment's readings, newest first.
        say: Message by key.

    Returns:
        Whether any does, and the sentence.
    """
    if readings.empty:
        return False, say("quality.alarms.unmeasured")
    standing = standing_alarms(readings)
    if standing.empty:
        return False, say("quality.alarms.none")
    names = [
        say("quality.alarm.of" if segment else "quality.alarm.metric", metric=metric, segment=segment)
        for metric, segment in zip(standing["metric"], standing["segment"], strict=True)
    ]
    return True, say("quality.alarms.some", names=", ".join(dict.fromkeys(names)))


def p_in_words(last: pd.DataFrame, what: str, say: Say) -> str:
    """Say what the last p-values mean.

    Args:
        last: The last reading of each segment: `name`, `value`, `threshold`, `alarm`.
        what: `sample_ratio` or `aa`.
        say: Message by key.
    """
    least = last.sort_values("value", kind="stable").iloc[0]
    state = "alarm" if bool(last["alarm"].any()) else "calm"
    threshold = "–" if pd.isna(least["threshold"]) else f"{least['threshold']:g}"
    return say(
        f"quality.{what}.{state}",
        p=p_value(float(least["value"])),
        segment=least["name"],
        threshold=threshold,
    )


def p_value(p: float) -> str:
    """A p-value with the digits it deserves.

    >>> p_value(0.0312), p_value(0.5), p_value(1e-9)
    ('0.031', '0.50', '< 0.0001')
    """
    if p < 1e-4:
        return "< 0.0001"
    return f"{p:.2f}" if p >= 0.1 else f"{p:.2g}"


def exclusions_in_words(found: Exclusions, say: Say) -> str:
    """Say how much is not counted."""
    key = "some" if found.excluded else "none"
    return say(
        f"quality.exclusions.{key}",
        excluded=count(found.excluded),
        rows=count(found.rows),
        share=percent(found.share),
    )


def reasons_in_words(reasons: dict[str, int], n: int, say: Say) -> str:
    """Say why decisions were flagged; empty if none was."""
    if not reasons:
        return ""
    named = ", ".join(f"{reason} {count(rows)}" for reason, rows in reasons.items())
    return say("quality.exclusions.reasons", n=count(n), reasons=named)


def guardrail_in_words(last: pd.DataFrame, metric: str, say: Say) -> str:
    """Say whether a guardrail holds.

    Args:
        last: The last reading of each arm: `name`, `value`, `threshold`, `alarm`.
        metric: The guardrail's metric.
        say: Message by key.
    """
    broken = last[last["alarm"].astype(bool)]
    bounded = last[last["threshold"].notna()]
    if bounded.empty:
        row, key = last.iloc[0], "unbounded"
    elif broken.empty:
        distance = (bounded["value"] - bounded["threshold"]).abs()
        row, key = bounded.iloc[int(distance.to_numpy().argmin())], "kept"
    else:
        row, key = broken.iloc[0], "broken"
    threshold = "" if pd.isna(row["threshold"]) else f"{row['threshold']:.4g}"
    return say(
        f"quality.guardrail.{key}",
        metric=metric,
        value=f"{row['value']:.4g}",
        segment=row["name"],
        threshold=threshold,
    )


def drift_in_words(last: pd.DataFrame, say: Say) -> str:
    """Say what drifts.

    Args:
        last: The last reading of each feature: `name`, `value`, `threshold`, `alarm`.
        say: Message by key.
    """
    drifted = last[last["alarm"].astype(bool)]
    top = (last if drifted.empty else drifted).sort_values("value", kind="stable").iloc[-1]
    return say(
        f"quality.drift.{'calm' if drifted.empty else 'alarm'}",
        n=len(last),
        names=", ".join(drifted["name"]),
        value=f"{top['value']:.3f}",
        feature=top["name"],
        threshold=f"{top['threshold']:g}",
    )
