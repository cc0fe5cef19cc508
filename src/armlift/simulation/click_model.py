"""From slates to clicks: examination by position, attraction by taste, calibrated to a click rate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from armlift.datasets import WorldSplit
from armlift.errors import ParameterError, WorldError
from armlift.simulation.tastes import Tastes
from armlift.simulation.world import SEGMENTS, Floats, Integers, World

#: Least share of the users whose history trained the arms.
LEAST_WITH_HISTORY = 0.5


@dataclass(frozen=True)
class ClickModel:
    """How a user reads a slate, from the top until the first click (cascade; Craswell et al., 2008).

    A position is examined with probability (position + 1) ** -examination_decay, positions independently;
    an examined item is clicked with probability 1 / (1 + exp(-(intercept + taste_weight * ln lift))).

    Attributes:
        intercept: Sets the overall click rate; found by calibration.
        taste_weight: How strongly taste decides; 0 makes all items alike.
        examination_decay: How fast attention falls with position; 0 for not at all.
    """

    intercept: float
    taste_weight: float
    examination_decay: float

    def position_probability(self, log_lift: Floats) -> Floats:
        """P(the first click is at a position), for slates along the last axis, the same shape."""
        examined = (np.arange(log_lift.shape[-1]) + 1.0) ** -self.examination_decay
        attraction = 1.0 / (1.0 + np.exp(-(self.intercept + self.taste_weight * log_lift)))
        clicked = examined * attraction
        passed = np.cumprod(1.0 - clicked, axis=-1)
        clicked[..., 1:] *= passed[..., :-1]
        return clicked


def calibrate(
    log_lift: Floats,
    arrival_shares: Floats,
    *,
    click_rate: float,
    taste_weight: float,
    examination_decay: float,
) -> ClickModel:
    """Find the intercept at which the uniform mixture of arms has the wanted click rate.

    Args:
        log_lift: Logarithm of the taste lift, by user, arm and position, shape (U, K, N).
        arrival_shares: Share of the decisions by user, shape (U,).
        click_rate: Wanted rate of clicks per decision.
        taste_weight: See `ClickModel`.
        examination_decay: See `ClickModel`.
    """
    from scipy.optimize import brentq

    def model(intercept: float) -> ClickModel:
        return ClickModel(intercept, taste_weight, examination_decay)

    def excess(intercept: float) -> float:
        rates = model(intercept).position_probability(log_lift).sum(axis=2)
        return float(arrival_shares @ rates.mean(axis=1)) - click_rate

    if not 0.0 < click_rate < 1.0:
        raise ParameterError("world.click_rate", click_rate, "0 < click_rate < 1", "Try 0.1.")
    return model(float(brentq(excess, -80.0, 80.0, xtol=1e-12)))


def build_world(
    split: WorldSplit,
    slates: pd.DataFrame,
    tastes: Tastes,
    *,
    click_rate: float,
    taste_weight: float,
    examination_decay: float,
) -> World:
    """The world in which recommenders are the arms.

    A user arrives as often as he came back: his share of the decisions is his number of active days in the
    part of the data that no arm was trained on.

    Args:
        split: Which ratings trained the arms, and which did not.
        slates: Slates table of all arms.
        tastes: Fitted on `split.future`.
        click_rate: Rate of clicks per decision of the uniform mixture of arms.
        taste_weight: See `ClickModel`.
        examination_decay: See `ClickModel`.

    Raises:
        WorldError: If fewer than half of the users have a history.
    """
    user_ids = tastes.user_ids
    arms = tuple(dict.fromkeys(slates["arm"]))
    by_arm = [slates[slates["arm"] == arm].sort_values(["user_id", "position"]) for arm in arms]
    items = np.stack([slate["item_id"].to_numpy(np.int64).reshape(len(user_ids), -1) for slate in by_arm], 1)
    segments = activity_segments(split, user_ids)
    with_history = float((segments != SEGMENTS[0]).mean())
    if with_history < LEAST_WITH_HISTORY:
        raise WorldError(
            f"{with_history:.0%} of the users have a history that trained the arms: must be at least"
            f" {LEAST_WITH_HISTORY:.0%}. Lower `world.withheld_share` or raise `world.training_share`."
        )
    days = split.future.assign(day=split.future["timestamp"].dt.floor("D"))
    active_days = days.drop_duplicates(["user_id", "day"]).groupby("user_id").size().reindex(user_ids)
    shares = active_days.to_numpy(float) / active_days.sum()
    log_lift = np.log(tastes.lift(np.broadcast_to(user_ids[:, None, None], items.shape), items))
    model = calibrate(
        log_lift,
        shares,
        click_rate=click_rate,
        taste_weight=taste_weight,
        examination_decay=examination_decay,
    )
    positions = model.position_probability(log_lift)
    return World("movielens", arms, user_ids, shares, segments, positions.sum(axis=2), positions, items)


def activity_segments(split: WorldSplit, user_ids: Integers) -> NDArray[np.str_]:
    """`new` for users without a history; thirds of the others by the length of theirs."""
    lengths = split.history.groupby("user_id").size().reindex(user_ids, fill_value=0).to_numpy()
    known = lengths > 0
    ranks = pd.Series(lengths[known]).rank(method="first", pct=True).to_numpy()
    segments = np.full(len(user_ids), SEGMENTS[0], dtype="<U16")
    segments[known] = np.array(SEGMENTS)[np.ceil(ranks * 3).astype(int)]
    return segments
