"""Chart of an evaluation by segment of users and items."""

from __future__ import annotations

import numpy as np
import pandas as pd

from armlift.reporting.evaluation_results import (
    POPULARITY,
    EvaluationFacts,
    best_first,
    figure,
    model_colours,
)
from armlift.reporting.facts import Chart
from armlift.reporting.marks import axis, layout, panel, points, segments, span_of
from armlift.reporting.numerals import count

_SHOWN = 4


def segment_charts(
    segment_metrics: pd.DataFrame, table: pd.DataFrame, facts: EvaluationFacts
) -> dict[str, Chart]:
    """Draw NDCG with its interval in each segment, for the best rankers and popularity.

    Args:
        segment_metrics: The table `segment_metrics`.
        table: Values by model and metric.
        facts: Set-up of the evaluation.
    """
    shown = list(best_first(table[facts.ndcg], facts.ndcg).index[:_SHOWN])
    if POPULARITY in table.index and POPULARITY not in shown:
        shown = [*shown[: _SHOWN - 1], POPULARITY]
    known = (segment_metrics["metric"] == facts.ndcg) & segment_metrics["model"].isin(shown)
    rows = segment_metrics[known & (segment_metrics["users"] > 1)]
    is_genre = rows["kind"] == "genre"
    colours = {name: model_colours(table.index)[name] for name in shown}
    parts = {
        "segments": (rows[~is_genre], f"NDCG@{facts.k} by segment of users and items"),
        "genres": (rows[is_genre], f"NDCG@{facts.k} by genre of the liked items"),
    }
    return {name: _chart(part, title, colours, facts) for name, (part, title) in parts.items() if len(part)}


def _chart(rows: pd.DataFrame, title: str, colours: dict[str, str], facts: EvaluationFacts) -> Chart:
    names = list(dict.fromkeys(rows["segment"]))[::-1]
    users = rows.groupby("segment")["users"].max()
    x = axis("x0", f"NDCG@{facts.k}", span_of(rows["low"], rows["high"], zero=True))
    y = axis("y0", "Segment", (-0.6, len(names) - 0.4))
    place = rows["segment"].map({name: place for place, name in enumerate(names)})
    steps = pd.Series(np.linspace(0.27, -0.27, len(colours)), index=list(colours))
    height = place + rows["model"].map(steps)
    dots = pd.DataFrame({"x0": rows["value"], "y0": height, "name": rows["model"]})
    spans = pd.DataFrame(
        {"x0": rows["low"], "y0": height, "x1": rows["high"], "y1": height, "name": rows["model"]}
    )
    return Chart(
        title,
        _caption(rows),
        layout([panel([segments(spans, x, y, "Bound"), points(dots, x, y, "Small")])]),
        f"Lines: {100 * (1 - facts.alpha):g} % bootstrap intervals over users. Only liked items of the "
        "segment count. In brackets: users.",
        colours,
        tuple(colours),
        categories=tuple(f"{name} ({count(users[name])})" for name in names),
    )


def _caption(rows: pd.DataFrame) -> str:
    best = rows.loc[rows.groupby("segment", sort=False)["value"].idxmax()].sort_values("value")
    leads = best["model"].value_counts()
    (hardest, easiest), values = best["segment"].iloc[[0, -1]], best["value"]
    return (
        f"{leads.index[0]} leads in {leads.iloc[0]} of {len(best)} segments; the hardest is “{hardest}” "
        f"(best {figure(values.iloc[0])}), the easiest “{easiest}” ({figure(values.iloc[-1])})."
    )
