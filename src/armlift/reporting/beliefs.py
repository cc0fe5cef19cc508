"""Charts of what a bandit believes about the arms: posterior densities and confidence bounds."""

from __future__ import annotations

from math import lgamma

import numpy as np
import pandas as pd

from armlift.reporting.checkpoints import thin
from armlift.reporting.facts import Chart, SimulationFacts
from armlift.reporting.marks import axis, decisions_axis, layout, lines, panel, points, span_of
from armlift.reporting.numerals import count, percent
from armlift.reporting.results import policy_results

_BOUNDED = ("ucb1", "kl_ucb")
_STAGES = (0.05, 0.3, 1.0)
_GRID_POINTS = 150


def posteriors(
    snapshots: pd.DataFrame, summary: pd.DataFrame, arm_click_rates: pd.DataFrame, colours: dict[str, str]
) -> Chart | None:
    """Posterior density of each arm's click rate: early, later, at the end; None without Thompson sampling.

    Of several Thompson policies the one with the most clicks is shown.

    Args:
        snapshots: The table `posterior_snapshots`.
        summary: The table `policy_summary`.
        arm_click_rates: The table `arm_click_rates`.
        colours: Colour of each arm.
    """
    with_posterior = snapshots[snapshots["alpha"].notna() | snapshots["location"].notna()]
    if with_posterior.empty:
        return None
    results = policy_results(summary)
    policy = max(dict.fromkeys(with_posterior["policy"]), key=lambda name: results[name].reward)
    beliefs = with_posterior[with_posterior["policy"] == policy]
    beliefs = beliefs.assign(deviation=_deviation(beliefs))
    checkpoints = np.sort(beliefs["checkpoint"].unique())
    early, middle, end = (checkpoints[max(0, int(np.ceil(part * len(checkpoints))) - 1)] for part in _STAGES)
    settled = beliefs[beliefs["checkpoint"] == middle]
    reach = 3.5 * settled["deviation"]
    truth = arm_click_rates.loc[arm_click_rates["segment"] == "all"]
    span = span_of(settled["mean"] - reach, settled["mean"] + reach, truth["click_rate"])
    span = (max(span[0], 0.0), min(span[1], 1.0))
    x = axis("x0", "Click rate", (span[0] * 100, span[1] * 100), "%")
    panels = []
    for checkpoint in dict.fromkeys((early, middle, end)):
        rows = beliefs[beliefs["checkpoint"] == checkpoint]
        curves = _densities(rows, span)
        y = axis("y0", "Density", span_of(curves["y"], zero=True))
        marks = pd.DataFrame(
            {"x0": truth["click_rate"] * 100, "y0": y.range[1] * 0.025, "name": truth["arm"]}
        )
        title = f"After {count(rows['decisions'].iloc[0])} decisions"
        panels.append(panel([lines(curves, x, y), points(marks, x, y, "Truth")], title))
    last = beliefs[beliefs["checkpoint"] == end]
    known = last.nlargest(1, "observations").to_dict("records")[0]
    true_rate = truth.set_index("arm").loc[known["arm"], "click_rate"]
    low, high = (known["mean"] + side * 1.96 * known["deviation"] for side in (-1, 1))
    return Chart(
        f"What {policy} believes about the arms",
        f"At the end of its first run it has played {known['arm']} most and puts the click rate at "
        f"{percent(known['mean'], 2)} (95 % credible: {percent(low, 2)} to {percent(high, 2)}); "
        f"the true rate is {percent(true_rate, 2)}.",
        layout(panels),
        "Of the Thompson policies the one with the most clicks. Density of each arm's click rate; "
        "triangles: true rates.",
        colours,
        tuple(colours),
        min(3, len(panels)),
    )


def confidence_bounds(
    snapshots: pd.DataFrame, colours: dict[str, str], facts: SimulationFacts
) -> Chart | None:
    """Observed mean and upper confidence bound of each arm over time; None without a UCB policy.

    Args:
        snapshots: The table `posterior_snapshots`.
        colours: Colour of each arm.
        facts: Set-up of the simulation.
    """
    bounded = snapshots[snapshots["policy"].isin(_BOUNDED) & snapshots["bound"].notna()]
    if bounded.empty:
        return None
    rows = thin(bounded).rename(columns={"arm": "name", "decisions": "x"})
    x = decisions_axis(facts.decisions)
    panels = []
    for policy in dict.fromkeys(rows["policy"]):
        own = rows[rows["policy"] == policy]
        own = own.assign(mean=own["mean"] * 100, bound=own["bound"] * 100)
        # Bounds start near 100 %; the axis follows them only once a tenth of the run is over.
        settled = own[own["x"] >= min(0.1 * facts.decisions, own["x"].max())]
        y = axis("y0", "Click rate", span_of(settled["mean"], settled["bound"], zero=True), "%")
        parts = [
            lines(own.assign(y=own["bound"]), x, y, "Bound"),
            lines(own.assign(y=own["mean"]), x, y, "Lead"),
        ]
        panels.append(panel(parts, policy))
    tightest = rows[rows["x"] == rows["x"].max()]
    tightest = tightest.assign(gap=tightest["bound"] - tightest["mean"])
    known = tightest.nsmallest(1, "gap").to_dict("records")[0]
    return Chart(
        "Upper confidence bounds: why an arm is still tried",
        f"The tightest bound at the end is the one of {known['policy']} on {known['name']}: "
        f"{percent(known['bound'], 2)}, against an observed {percent(known['mean'], 2)} "
        f"in {count(known['observations'])} decisions.",
        layout(panels),
        "First run. Thick: observed click rate; thin: upper bound. The highest bound is played next.",
        colours,
        tuple(colours),
        min(2, len(panels)),
    )


def _deviation(rows: pd.DataFrame) -> pd.Series:
    """Standard deviation of each posterior: Beta(alpha, beta), else normal."""
    alpha, beta = rows["alpha"].astype(float), rows["beta"].astype(float)
    total = alpha + beta
    return ((alpha * beta) / (total**2 * (total + 1))).pow(0.5).fillna(rows["scale"].astype(float))


def _densities(rows: pd.DataFrame, span: tuple[float, float]) -> pd.DataFrame:
    """Density per arm over the span, per percentage point."""
    grid = np.linspace(max(span[0], 1e-6), min(span[1], 1 - 1e-6), _GRID_POINTS)
    curves = []
    for row in rows.to_dict("records"):
        if pd.notna(row["alpha"]):
            a, b = float(row["alpha"]), float(row["beta"])
            log_density = (
                (a - 1) * np.log(grid) + (b - 1) * np.log1p(-grid) - (lgamma(a) + lgamma(b) - lgamma(a + b))
            )
        else:
            scale = float(row["scale"])
            log_density = -0.5 * ((grid - float(row["location"])) / scale) ** 2 - np.log(
                scale * np.sqrt(2 * np.pi)
            )
        curves.append(pd.DataFrame({"name": row["arm"], "x": grid * 100, "y": np.exp(log_density) / 100}))
    frame = pd.concat(curves)
    visible: pd.DataFrame = frame[frame["y"] > 0.002 * frame["y"].max()]
    return visible
