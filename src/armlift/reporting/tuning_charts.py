"""Charts of a tuning: how each search went, and which hyper-parameters decide."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from armlift.reporting.bars import bar_panel
from armlift.reporting.facts import Chart
from armlift.reporting.marks import axis, layout, lines, panel, points, segments, span_of
from armlift.reporting.numerals import percent
from armlift.reporting.palette import arm_colours

_TRIAL, _BEST = "trial", "best so far"


def tuning_charts(trials: pd.DataFrame, importance: pd.DataFrame, summary: pd.DataFrame) -> dict[str, Chart]:
    """Draw a tuning.

    Args:
        trials: Table `tuning_trials`.
        importance: Table `tuning_importance`; a recommender without rows gets no chart of it.
        summary: Table `tuning_summary`.

    Returns:
        Charts by name, `history_<recommender>` and `importance_<recommender>`; the names suit as file names.
    """
    charts = {}
    for row in summary.to_dict("records"):
        name = str(row["recommender"])
        charts[f"history_{name}"] = _history(trials[trials["recommender"] == name], row)
        shares = importance[importance["recommender"] == name].set_index("parameter")["importance"]
        if len(shares):
            charts[f"importance_{name}"] = _importance(shares, row)
    return charts


def _history(trials: pd.DataFrame, row: dict[Any, Any]) -> Chart:
    complete = trials[trials["state"] == "complete"].sort_values("trial")
    has_before = not pd.isna(row["before"])
    x = axis("x0", "Trial", span_of(trials["trial"]))
    y = axis("y0", row["metric"], span_of(complete["value"]))
    dots = pd.DataFrame({"x0": complete["trial"], "y0": complete["value"], "name": _TRIAL})
    steps = _best_so_far(complete, row["maximise"], last=int(trials["trial"].max()))
    parts = [lines(steps, x, y, "Lead"), points(dots, x, y, "Small")]
    reading = "Mean over the validation folds; trials that were stopped early or failed have no dot."
    if has_before:
        level = {"x0": x.range[0], "y0": row["before"], "x1": x.range[1], "y1": row["before"]}
        parts.insert(0, segments(pd.DataFrame([{**level, "name": "reference"}]), x, y, "Rule"))
        reading += " Thin line: the hyper-parameters as they were."
    before = f", instead of {row['before']:.4f} with the hyper-parameters as they were" if has_before else ""
    stopped = f"; {row['pruned']} of {len(trials)} trials were stopped early" if row["pruned"] else ""
    return Chart(
        f"{row['recommender']}: what each trial reached",
        f"Trial {row['best_trial']} is best with {row['metric']} {row['value']:.4f}{before}{stopped}.",
        layout([panel(parts)]),
        reading,
        arm_colours([_TRIAL, _BEST]),
        (_TRIAL, _BEST),
    )


def _best_so_far(complete: pd.DataFrame, maximise: bool, last: int) -> pd.DataFrame:
    """Corners of a line that changes where a trial is better, and goes on to the last trial."""
    best = complete["value"].cummax() if maximise else complete["value"].cummin()
    x = np.append(np.repeat(complete["trial"].to_numpy(), 2)[1:], last)
    return pd.DataFrame({"x": x, "y": np.repeat(best.to_numpy(), 2), "name": _BEST})


def _importance(shares: pd.Series, row: dict[Any, Any]) -> Chart:
    ascending = shares.sort_values(kind="stable")
    names = [str(name) for name in ascending.index]
    first = names[-1]
    return Chart(
        f"{row['recommender']}: which hyper-parameters decide",
        f"{first} explains {percent(float(ascending.iloc[-1]), 0)} of what sets the best trials apart.",
        layout([bar_panel(ascending, names, "", f"Share of the variation of {row['metric']}", 2)]),
        f"PED-ANOVA over {row['complete']} complete trials; the shares add up to 1.",
        dict.fromkeys(names, arm_colours([_TRIAL])[_TRIAL]),
        categories=tuple(names),
    )
