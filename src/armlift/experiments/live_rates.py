"""What a running experiment brings: rates, shares of traffic, exclusions and regret, from its sums."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from armlift.experiments.brief import Brief
from armlift.experiments.brief_parts import Strategy
from armlift.experiments.live_reading import Cells, Floats, LiveReading, by_arm
from armlift.experiments.live_window import KEPT_ROWS

ENOUGH = 30
"""Rewards of each arm from which the fixed split values arms."""

_RATES = {"ctr": ("clicks", "impressions"), "reward": ("reward_total", "rewards")}


def live_rates(brief: Brief, totals: Cells, users: Cells) -> Iterator[LiveReading]:
    """Give what strategies bring, each with its arms in the details.

    Args:
        brief: What was declared.
        totals: Sums of `LiveSums`.
        users: Users and their purchases.
    """
    yield from _exclusions(brief, totals)
    yield from _traffic(brief, totals)
    yield from _rates(brief, totals, users)
    yield from _regret(brief, totals)


def _exclusions(brief: Brief, totals: Cells) -> Iterator[LiveReading]:
    """Share of decisions and events that are flagged."""
    for strategy in brief.strategies:
        excluded = totals.of(strategy, "excluded")
        kept = np.sum([totals.of(strategy, name) for name in KEPT_ROWS], axis=0)
        shares = {"arms": _quotients(brief, excluded, excluded + kept), "excluded": float(excluded.sum())}
        value = _quotient(excluded.sum(), (excluded + kept).sum())
        yield LiveReading("excluded_share", strategy.id, value, details=shares)


def _traffic(brief: Brief, totals: Cells) -> Iterator[LiveReading]:
    """Share of the decisions by strategy; in the details, of its arms."""
    all_decisions = sum(totals.of(strategy, "decisions").sum() for strategy in brief.strategies)
    for strategy in brief.strategies:
        decisions = totals.of(strategy, "decisions")
        arms = _quotients(brief, decisions, np.full(decisions.shape, decisions.sum()))
        value = _quotient(decisions.sum(), all_decisions)
        yield LiveReading("traffic_share", strategy.id, value, details={"arms": arms})


def _rates(brief: Brief, totals: Cells, users: Cells) -> Iterator[LiveReading]:
    """CTR, CVR as the brief defines it, and mean reward, by strategy; in the details by arm."""
    for strategy in brief.strategies:
        for name, (above, below) in _RATES.items():
            yield _rate(brief, strategy, name, totals.of(strategy, above), totals.of(strategy, below), below)
        if brief.cvr_denominator == "users":
            bought, buyers = users.of(strategy, "purchases"), users.of(strategy, "users")
            yield _rate(brief, strategy, "cvr", bought, buyers, "users")
        elif brief.cvr_denominator is not None:
            below = brief.cvr_denominator
            bought, shown = totals.of(strategy, "purchases"), totals.of(strategy, below)
            yield _rate(brief, strategy, "cvr", bought, shown, below)


def _rate(
    brief: Brief, strategy: Strategy, name: str, above: Floats, below: Floats, unit: str
) -> LiveReading:
    details = {"arms": _quotients(brief, above, below), "per": unit, unit: float(below.sum())}
    return LiveReading(name, strategy.id, _quotient(above.sum(), below.sum()), details=details)


def _regret(brief: Brief, totals: Cells) -> Iterator[LiveReading]:
    """Reward lost against always playing the arm that looks best, as an estimate.

    Arms are valued by the fixed split where it has rewards of every arm, for a bandit's own means are biased;
    else by all strategies. The best of several noisy values is too high, so the estimate errs upwards.
    """
    fixed = [strategy for strategy in brief.strategies if strategy.allocation == "fixed"]
    fixed = [strategy for strategy in fixed if totals.of(strategy, "rewards").min() >= ENOUGH]
    source = fixed[:1] or list(brief.strategies)
    n = np.sum([totals.of(strategy, "rewards") for strategy in source], axis=0)
    if not np.all(n):
        return
    values = np.sum([totals.of(strategy, "reward_total") for strategy in source], axis=0) / n
    lost = values.max() - values
    for strategy in brief.strategies:
        plays = totals.of(strategy, "rewards")
        details = {
            "best": brief.arms[int(values.argmax())],
            "values": by_arm(brief.arms, values),
            "valued_by": [each.id for each in source],
            "per_reward": _quotient((plays * lost).sum(), plays.sum()),
        }
        yield LiveReading("regret", strategy.id, float((plays * lost).sum()), details=details)


def _quotient(above: float, below: float) -> float | None:
    return float(above) / float(below) if below else None


def _quotients(brief: Brief, above: Floats, below: Floats) -> dict[str, float | None]:
    return {arm: _quotient(*pair) for arm, *pair in zip(brief.arms, above, below, strict=True)}
