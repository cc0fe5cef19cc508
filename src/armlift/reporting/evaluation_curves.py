"""Curves of predicted clicks: ROC, precision and recall, calibration, gain and lift."""

from __future__ import annotations

from typing import Any

import pandas as pd

from armlift.reporting.evaluation_results import EvaluationFacts, best_first, figure, model_colours
from armlift.reporting.facts import Chart
from armlift.reporting.marks import Span, axis, layout, lines, panel, points, segments, span_of
from armlift.reporting.numerals import percent

_SHARE: Span = (0.0, 1.0)
_PROBABILITY = "Predicted probability"
_RANKED = "Share of pairs, highest prediction first"


def curve_charts(curves: pd.DataFrame, table: pd.DataFrame, facts: EvaluationFacts) -> dict[str, Chart]:
    """Draw every curve.

    Args:
        curves: The table `click_curves`: model, curve, x, y, base.
        table: Values by model and metric.
        facts: Set-up of the evaluation.
    """
    if curves.empty:
        return {}
    all_colours = model_colours(table.index)
    liked = float(curves["base"].iloc[0])
    what = f"Clicks: ratings of at least {facts.like_threshold:g}, {percent(liked)} of the test ratings."

    def chart(title: str, caption: str, panels: list[Any], reading: str, curve: str) -> Chart:
        models = tuple(dict.fromkeys(curves.loc[curves["curve"] == curve, "model"]))
        colours = {name: all_colours[name] for name in models}
        return Chart(title, caption, layout(panels), reading, colours, models, len(panels))

    charts = {
        "roc": chart(
            "ROC: clicks found against false alarms",
            _leader(table, "auc", "AUC", "0.500 is chance"),
            [_curve(curves, "roc", "False positive rate", "True positive rate", diagonal=True)],
            what,
            "roc",
        ),
        "precision_recall": chart(
            "Precision and recall of predicted clicks",
            _leader(table, "pr_auc", "PR-AUC", f"{figure(liked)} is chance"),
            [_curve(curves, "precision_recall", "Recall", "Precision", level=liked)],
            f"{what} Thin line: their share, which chance would reach.",
            "precision_recall",
        ),
        "gain_and_lift": chart(
            "Gain and lift: what the highest predictions are worth",
            _lift_caption(curves),
            [
                _curve(
                    curves, "gain", _RANKED, "Share of all clicks", "Gain: share of all clicks", diagonal=True
                ),
                _curve(curves, "lift", _RANKED, "Times chance", "Lift: times chance", level=1.0),
            ],
            what,
            "gain",
        ),
    }
    if (curves["curve"] == "calibration").any():
        charts["calibration"] = chart(
            "Calibration: predicted against observed clicks",
            _leader(table, "ece_equal_mass", "calibration error", "0 is perfect"),
            [_curve(curves, "calibration", _PROBABILITY, "Share of clicks", diagonal=True, dots=True)],
            "A dot for each tenth of the pairs. Above the line: predicted too low; below it: too high.",
            "calibration",
        )
    return charts


def _curve(
    curves: pd.DataFrame,
    curve: str,
    x_label: str,
    y_label: str,
    title: str = "",
    *,
    diagonal: bool = False,
    level: float | None = None,
    dots: bool = False,
) -> Any:
    """One panel with a line for each model, and what chance or perfection would give."""
    rows = curves.loc[curves["curve"] == curve, ["model", "x", "y"]].rename(columns={"model": "name"})
    x = axis("x0", x_label, _SHARE)
    y = axis("y0", y_label, span_of(rows["y"], 1.0, zero=True))
    low, high = (0.0, 1.0) if diagonal else (level, level)
    reference = {"x0": 0.0, "y0": low, "x1": 1.0, "y1": high, "name": "reference"}
    parts = [segments(pd.DataFrame([reference]), x, y, "Rule"), lines(rows, x, y)]
    if dots:
        parts.append(points(rows.rename(columns={"x": "x0", "y": "y0"})[["x0", "y0", "name"]], x, y, "Fold"))
    return panel(parts, title)


def _leader(table: pd.DataFrame, metric: str, label: str, chance: str) -> str:
    order = best_first(table[metric], metric)
    others = "".join(f", {name} {figure(value)}" for name, value in order.iloc[1:4].items())
    return f"{order.index[0]} is best: {label} {figure(order.iloc[0])}{others}; {chance}."


def _lift_caption(curves: pd.DataFrame) -> str:
    gain = curves[curves["curve"] == "gain"]
    at_tenth = gain[gain["x"] <= 0.1 + 1e-9].groupby("model")["y"].max().sort_values(ascending=False)
    return (
        f"The tenth of the pairs that {at_tenth.index[0]} predicts highest holds "
        f"{percent(at_tenth.iloc[0])} of all clicks, {figure(10 * at_tenth.iloc[0], 2)} times a random tenth."
    )
