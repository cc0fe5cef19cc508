"""What a monitoring found, in words."""

from __future__ import annotations

import pandas as pd

from armlift.reporting.numerals import percent

_MOST = 12


def drift_text(drift: pd.DataFrame, decay: pd.DataFrame, *, alpha: float) -> str:
    """Say what drifted and what decayed, and how often the thresholds would say so of nothing.

    Args:
        drift: Table `drift_report`.
        decay: Table `decay_report`.
        alpha: Accepted rate of windows with a false finding of the tests.
    """
    if drift.empty and decay.empty:
        return "No newer window is complete yet: there is nothing to compare with the reference."
    paragraphs = []
    for source in dict.fromkeys([*drift["source"], *decay["source"]]):
        features, arms = (table[table["source"] == source] for table in (drift, decay))
        windows = len({*features["window"], *arms["window"]})
        lines = [f"{source}: {windows} windows after the reference"]
        lines += _drift_lines(features)
        lines += _decay_lines(arms)
        lines += _false_alarm_lines(features, alpha)
        paragraphs.append("\n".join(lines))
    return "\n\n".join(paragraphs)


def _drift_lines(features: pd.DataFrame) -> list[str]:
    lines = []
    for verdict in ("drift", "warning"):
        found = features[features["verdict"] == verdict].sort_values(
            ["start", "psi"], ascending=[True, False]
        )
        lines += [
            f"  {verdict:<8} {row['start']:%Y-%m-%d %H:%M}  {row['feature']:<28} PSI {row['psi']:.3f}, "
            f"corrected p {row['p_corrected']:.2g}"
            for row in found.head(_MOST).to_dict("records")
        ]
        if len(found) > _MOST:
            lines.append(f"           and {len(found) - _MOST} more")
    undecided = features[features["verdict"] == "not decided"]
    if not lines:
        lines.append("  no feature drifts")
    if len(undecided):
        lines.append(f"  {len(undecided)} readings are not decided, such as {_such_as(undecided, 'feature')}")
    return lines


def _decay_lines(arms: pd.DataFrame) -> list[str]:
    if arms.empty:
        return []
    decayed = arms[arms["verdict"] == "decay"].drop_duplicates(["arm", "metric"])
    if len(decayed):
        return [
            f"  decay    {row['start']:%Y-%m-%d %H:%M}  {row['arm']}: {row['metric']} "
            f"{row['change']:+.4f} since {row['since']:%Y-%m-%d %H:%M}, from {row['reference']:.4f}"
            for row in decayed.to_dict("records")
        ]
    if (arms["verdict"] == "not decided").all():
        return [f"  performance is not decided, such as {_such_as(arms, 'arm')}"]
    return ["  no arm does worse than it did"]


def _such_as(rows: pd.DataFrame, name: str) -> str:
    first = rows.iloc[0]
    return f"{first[name]}: {first['reason']}"


def _false_alarm_lines(features: pd.DataFrame, alpha: float) -> list[str]:
    decided = features[features["verdict"] != "not decided"]
    if decided.empty:
        return []
    first = decided.iloc[0]
    rates = ", ".join(
        f"{first[threshold]:g} in {percent(float(decided[f'false_alarms_{kind}'].mean()), 1)} of readings "
        f"(simulated {percent(float(decided[f'simulated_{kind}'].mean()), 1)})"
        for kind, threshold in (("warning", "threshold_warning"), ("drift", "threshold"))
    )
    return [
        f"  without any drift the index alone would reach {rates};",
        f"  with the tests, at most {percent(alpha, 1)} of the windows would say anything",
    ]
