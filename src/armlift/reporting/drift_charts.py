"""Charts of a monitoring: how far each feature lies from the reference, and how each arm does, over time."""

from __future__ import annotations

import pandas as pd

from armlift.reporting.facts import Chart
from armlift.reporting.marks import DIRECT, axis, layout, lines, panel, segments, span_of
from armlift.reporting.palette import arm_colours

_METRICS = {"ctr": "Clicks per decision", "auc": "AUC"}


def drift_charts(drift: pd.DataFrame, decay: pd.DataFrame) -> dict[str, Chart]:
    """Draw a monitoring.

    Args:
        drift: Table `drift_report`.
        decay: Table `decay_report`.

    Returns:
        Charts by name, `psi_<source>_<group>` and `<metric>_<source>`; the names suit as file names.
    """
    charts = {}
    decided = drift[drift["psi"].notna()]
    named = decided.assign(
        group=[name.partition(".")[0] for name in decided["feature"]],
        name=[name.partition(".")[2] for name in decided["feature"]],
    )
    for (source, group), rows in named.groupby(["source", "group"], sort=False):
        charts[f"psi_{source}_{group}"] = _index(rows, str(source), str(group))
    for (source, metric), rows in decay.groupby(["source", "metric"], sort=False):
        charts[f"{metric}_{source}"] = _performance(rows, str(source), str(metric))
    return charts


def _index(rows: pd.DataFrame, source: str, group: str) -> Chart:
    hours = _hours(rows)
    names = list(dict.fromkeys(rows["name"]))
    warning, drift = float(rows["threshold_warning"].iloc[0]), float(rows["threshold"].iloc[0])
    x = axis("x0", "Hours since the reference", span_of(hours, zero=True))
    y = axis("y0", "Population stability index", span_of(rows["psi"], [1.2 * drift], zero=True))
    curves = pd.DataFrame({"x": hours, "y": rows["psi"], "name": rows["name"]})
    parts = [_levels([warning, drift], x, y), lines(curves, x, y)]
    drifted = list(dict.fromkeys(rows.loc[rows["verdict"] == "drift", "name"]))
    top = rows.sort_values("psi").iloc[-1]
    caption = f"{_listed(drifted)} drift." if drifted else "Nothing drifts."
    return Chart(
        f"{source}: drift of {group.replace('_', ' ')}",
        f"{caption} The highest index is {top['psi']:.3f}, of {top['name']}.",
        layout([panel(parts, group=DIRECT)]),
        f"Thin lines: the thresholds {warning:g} and {drift:g}. A feature drifts where the test agrees.",
        arm_colours(names),
    )


def _performance(rows: pd.DataFrame, source: str, metric: str) -> Chart:
    hours, arms = _hours(rows), list(dict.fromkeys(rows["arm"]))
    label = _METRICS.get(metric, metric)
    x = axis("x0", "Hours since the reference", span_of(hours, zero=True))
    y = axis("y0", label, span_of(rows["value"], rows["reference"]))
    curves = pd.DataFrame({"x": hours, "y": rows["value"], "name": rows["arm"]})
    references = rows.drop_duplicates("arm")
    levels = pd.DataFrame(
        {
            "x0": x.range[0],
            "y0": references["reference"],
            "x1": x.range[1],
            "y1": references["reference"],
            "name": "reference",
        }
    )
    decayed = list(dict.fromkeys(rows.loc[rows["verdict"] == "decay", "arm"]))
    caption = f"{_listed(decayed)} decayed." if decayed else "No arm does worse than in the reference."
    return Chart(
        f"{source}: {label} of each arm",
        caption,
        layout([panel([segments(levels, x, y, "Rule"), lines(curves, x, y)], group=DIRECT)]),
        "Each point is a window; thin lines: the arms' own references. The test allows for all looks.",
        arm_colours(arms),
    )


def _hours(rows: pd.DataFrame) -> pd.Series:
    hours: pd.Series = (rows["end"] - rows["start"].min()) / pd.Timedelta(hours=1)
    return hours


def _levels(heights: list[float], x: object, y: object) -> object:
    left, right = x.range  # type: ignore[attr-defined]
    rows = [{"x0": left, "y0": height, "x1": right, "y1": height, "name": "reference"} for height in heights]
    return segments(pd.DataFrame(rows), x, y, "Rule")


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
