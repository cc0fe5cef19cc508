"""Charts of what a bandit believes about the arms: posterior densities and confidence bounds."""

from __future__ import annotations

import numpy as np
import pandas as pd

from armlift.reporting.checkpoints import thin
from armlift.reporting.facts import Chart, SimulationFacts
from armlift.reporting.marks import axis, decisions_axis, layout, lines, panel, points, span_of
from armlift.reporting.numerals import count, percent

_BOUNDED = ("ucb1", "kl_ucb")
_STAGES = {"early": 0.05, "middle": 0.3, "end": 1.0}
_GRID_POINTS = 150


def posteriors(
    snapshots: pd.DataFrame, arm_click_rates: pd.DataFrame, colours: dict[str, str], facts: SimulationFacts
) -> Chart | None:
    """Posterior density of each arm's click rate: early, middle, end; None without Thompson sampling.

    Args:
        snapshots: The table `posterior_snapshots`.
        arm_click_rates: The table `arm_click_rates`.
        colours: Colour of each arm.
        facts: Set-up of the simulation.
    """
    with_posterior = snapshots[snapshots["alpha"].notna() | snapshots["location"].notna()]
    if with_posterior.empty:
        return None
    checkpoints = np.sort(with_posterior["checkpoint"].unique())
    stages = {
        stage: checkpoints[max(0, int(np.ceil(part * len(checkpoints))) - 1)]
        for stage, part in _STAGES.items()
    }
    beliefs = with_posterior.assign(deviation=_deviation(with_posterior))
    settled = beliefs[beliefs["checkpoint"] == stages["middle"]]
    reach = 3.5 * settled["deviation"]
    truth = arm_click_rates.loc[arm_click_rates["segment"] == "all"]
    span = span_of(settled["mean"] - reach, settled["mean"] + reach, truth["click_rate"])
    span = (max(span[0], 0.0), min(span[1], 1.0))
    x = axis("x0", "Click rate", (span[0] * 100, span[1] * 100), "%")
    panels = []
    for policy in dict.fromkeys(beliefs["policy"]):
        for checkpoint in dict.fromkeys(stages.values()):
            rows = beliefs[(beliefs["policy"] == policy) & (beliefs["checkpoint"] == checkpoint)]
            curves = _densities(rows, span)
            y = axis("y0", "Density", span_of(curves["y"], zero=True))
            marks = pd.DataFrame(
                {"x0": truth["click_rate"] * 100, "y0": y.range[1] * 0.025, "name": truth["arm"]}
            )
            title = f"{policy} after {count(rows['decisions'].iloc[0])}"
            panels.append(panel([lines(curves, x, y), points(marks, x, y, "Truth")], title))
    last = beliefs[
        (beliefs["checkpoint"] == stages["end"]) & (beliefs["policy"] == beliefs["policy"].iloc[0])
    ]
    known = last.nlargest(1, "observations").to_dict("records")[0]
    return Chart(
        "What Thompson sampling believes about the arms",
        f"At the end {known['policy']} knows {known['arm']} best: a click rate of "
        f"{percent(known['mean'], 2)}, give or take {percent(1.96 * known['deviation'], 2)} (95 %), "
        f"from {count(known['observations'])} decisions.",
        layout(panels),
        "Density of each arm's click rate early in the first run, then later; triangles: true rates.",
        colours,
        tuple(colours),
        3,
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
        f"{percent(known['gap'], 2)} above the observed {percent(known['mean'], 2)}, "
        f"after {count(known['observations'])} decisions.",
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
    from scipy.special import betaln

    grid = np.linspace(max(span[0], 1e-6), min(span[1], 1 - 1e-6), _GRID_POINTS)
    curves = []
    for row in rows.to_dict("records"):
        if pd.notna(row["alpha"]):
            a, b = float(row["alpha"]), float(row["beta"])
            log_density = (a - 1) * np.log(grid) + (b - 1) * np.log1p(-grid) - betaln(a, b)
        else:
            scale = float(row["scale"])
            log_density = -0.5 * ((grid - float(row["location"])) / scale) ** 2 - np.log(
                scale * np.sqrt(2 * np.pi)
            )
        curves.append(pd.DataFrame({"name": row["arm"], "x": grid * 100, "y": np.exp(log_density) / 100}))
    frame = pd.concat(curves)
    visible: pd.DataFrame = frame[frame["y"] > 0.002 * frame["y"].max()]
    return visible
