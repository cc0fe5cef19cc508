"""The two tables of a monitoring: drift of each feature, decay of each arm, window by window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

import numpy as np
import pandas as pd

from armlift.monitoring.decay import performance_decay, unit_sums
from armlift.monitoring.drift import Reference, Thresholds
from armlift.monitoring.windows import DriftWindow, Windows, drift_windows, one_row_per_user

DRIFT_COLUMNS = (
    "source", "window", "start", "end", "feature", "test", "statistic", "p_value", "p_corrected", "psi",
    "jensen_shannon", "threshold", "threshold_warning", "false_alarms_drift", "simulated_drift",
    "false_alarms_warning", "simulated_warning", "rows", "reference_rows", "missing", "cells", "verdict",
    "reason",
)  # fmt: skip

DECAY_COLUMNS = (
    "source", "window", "start", "end", "arm", "metric", "reference", "value", "units", "reference_units",
    "since", "change", "p_value", "threshold", "verdict", "reason",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Observed:
    """What is watched of one source.

    Attributes:
        source: `simulated`, `ratings` or `live`.
        windows: Its windows.
        groups: Rows of features by group, such as `clicks`, with at and user_key; see `features`.
        units: Units of performance by metric, such as `ctr`: arm_id, window, value; see `performance`.
    """

    source: str
    windows: Windows
    groups: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    units: Mapping[str, pd.DataFrame] = field(default_factory=dict)


def drift_report(
    observed: Observed, thresholds: Thresholds, *, seed: int, simulate: bool = True
) -> pd.DataFrame:
    """Hold every newer window of a source against its reference.

    Args:
        observed: What is watched.
        thresholds: When a feature drifts.
        seed: Seed of the rows that are drawn and of the simulated false alarms.
        simulate: Whether the false alarms of the index are simulated too.

    Returns:
        DRIFT_COLUMNS, one row for each window and feature, named `<group>.<feature>`.
    """
    windows = observed.windows
    reference: dict[str, pd.Series] = {}
    newer: dict[int, dict[str, pd.Series]] = {number: {} for number in windows.newer}
    for group, rows in observed.groups.items():
        numbers = windows.number(rows["at"])
        inside = rows.assign(window=numbers)[(numbers >= 0) & (numbers < windows.total)]
        drawn = one_row_per_user(inside, seed=seed)
        names = [name for name in rows if name not in ("at", "user_key")]
        parts = dict(list(drawn.groupby("window")))
        old = drawn[drawn["window"] < windows.reference]
        for name in names:
            reference[f"{group}.{name}"] = old[name]
            for number, found in newer.items():
                found[f"{group}.{name}"] = parts[number][name] if number in parts else old[name].iloc[:0]
    judge = Reference(reference, thresholds, seed=seed)
    table = [
        _place(observed, number) | asdict(each)
        for number, found in newer.items()
        for each in judge.judge(found, simulate=simulate)
    ]
    limits = {"threshold": thresholds.psi_drift, "threshold_warning": thresholds.psi_warning}
    report = pd.DataFrame(table, columns=[name for name in DRIFT_COLUMNS if name not in limits])
    return report.assign(**limits)[list(DRIFT_COLUMNS)]


def decay_report(observed: Observed, *, alpha: float, tolerance: float, minimum_units: int) -> pd.DataFrame:
    """Watch the performance of every arm of a source since its reference.

    Alpha is divided by the number of arms and metrics that are watched.

    Args:
        observed: What is watched.
        alpha: Accepted chance of ever raising a false alarm, whichever the arm and the metric.
        tolerance: Loss that is accepted, as a share of the reference.
        minimum_units: Units for a look.

    Returns:
        DECAY_COLUMNS, one row for each window, metric and arm.
    """
    windows = observed.windows
    watched = [
        (metric, str(arm), rows)
        for metric, units in observed.units.items()
        for arm, rows in units.groupby("arm_id")
    ]
    table = []
    for metric, arm, rows in watched:
        inside = rows[(rows["window"] >= 0) & (rows["window"] < windows.total)]
        sums = unit_sums(inside["value"], inside["window"].to_numpy(np.int64), windows.total)
        reference = sums[: windows.reference].sum()
        newer = sums[windows.reference :]
        level = alpha / len(watched)
        found = performance_decay(
            reference, newer, alpha=level, tolerance=tolerance, minimum_units=minimum_units
        )
        for place, number in enumerate(windows.newer):
            decided = bool(found.decided[place])
            verdict = "decay" if found.decayed[place] else "stable" if decided else "not decided"
            short = f"{reference.n:.0f} units in the reference, {newer.n[: place + 1].sum():.0f} since"
            table.append(
                _place(observed, number)
                | {
                    "arm": arm,
                    "metric": metric,
                    "reference": found.reference,
                    "value": found.value[place],
                    "units": int(newer.n[place]),
                    "reference_units": int(reference.n),
                    "since": windows.bounds(int(found.since[place]) + windows.reference)[0],
                    "change": found.change[place],
                    "p_value": found.p_value[place],
                    "threshold": level,
                    "verdict": verdict,
                    "reason": "" if decided else f"{short}; a look needs {minimum_units} in both",
                }
            )
    return pd.DataFrame(table, columns=list(DECAY_COLUMNS))


def joined(reports: Sequence[pd.DataFrame], columns: Sequence[str]) -> pd.DataFrame:
    """Put the reports of several sources together; without any, an empty table of the columns."""
    filled = [report for report in reports if len(report)]
    return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame(columns=list(columns))


def drifted(drift: pd.DataFrame, decay: pd.DataFrame) -> list[DriftWindow]:
    """Windows in which a feature drifted or the performance of an arm decayed, the earliest first.

    Args:
        drift: From `drift_report`.
        decay: From `decay_report`.
    """
    features = drift[drift["verdict"] == "drift"]
    arms = decay[decay["verdict"] == "decay"]
    causes = [
        *zip(features["start"], features["end"], features["source"], features["feature"], strict=True),
        *zip(arms["start"], arms["end"], arms["source"], arms["arm"] + "." + arms["metric"], strict=True),
    ]
    return drift_windows(causes)


def _place(observed: Observed, number: int) -> dict[str, object]:
    start, end = observed.windows.bounds(number)
    key = DriftWindow(start, end, observed.source).key
    return {"source": observed.source, "window": key, "start": start, "end": end}
