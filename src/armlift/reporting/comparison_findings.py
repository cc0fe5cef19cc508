"""What the trends of live strategies show, computed from their tables."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from armlift.reporting.findings import Finding
from armlift.reporting.live_lift import LiftNow, LiveLift
from armlift.reporting.live_regret import LiveRegret
from armlift.reporting.live_trends import Roles
from armlift.reporting.numerals import count, lift_decimals, percent, signed_percent
from armlift.statistics.effect import Reason

_SILENT = {
    Reason.NO_DATA: "no_data",
    Reason.EMPTY_ARM: "empty",
    Reason.TOO_FEW: "too_few",
    Reason.NO_VARIANCE: "no_variance",
}


def lift_finding(lift: LiveLift | None, who: Roles) -> Finding:
    """Say whether the bandit earns more than the A/B test.

    Args:
        lift: The lift; None for an experiment without a bandit.
        who: Strategies and arms.
    """
    if lift is None:
        return Finding("comparison.lift.no_bandit", {"baseline": who.baseline or ""})
    now = lift.now
    against: object = lift.baseline or Finding("comparison.imagined")
    names = {"bandit": lift.bandit, "baseline": against}
    if now.outcome == "unknown":
        return Finding(f"comparison.lift.{_SILENT[now.reason]}", names)
    if not np.isfinite([now.relative_low, now.relative_high]).all():  # a baseline of 0 has no relative lift
        figures = {"lift": f"{1000 * abs(now.difference):,.1f}"} | {
            name: f"{1000 * value:+,.1f}".replace("-", "−")
            for name, value in (("low", now.low), ("high", now.high))
        }
        return Finding(f"comparison.lift.{now.outcome}_absolute", {**names, **figures})
    decimals = lift_decimals(now.relative_low, now.relative_high)
    size = (
        signed_percent(now.relative, decimals)
        if now.outcome == "open"
        else percent(abs(now.relative), decimals)
    )
    ends = {"low": now.relative_low, "high": now.relative_high}
    return Finding(
        f"comparison.lift.{now.outcome}",
        {**names, "lift": size, **{name: signed_percent(end, decimals) for name, end in ends.items()}},
    )


def money_finding(now: LiftNow, value: float) -> Finding | None:
    """Say what the lift is worth so far; None where it is not known, or nothing is worth anything.

    Args:
        now: The lift.
        value: Money for one unit of reward.
    """
    if now.outcome == "unknown" or not value > 0:
        return None
    gained, low, high = (money(amount) for amount in now.gained(value))
    key = {"gain": "gain", "loss": "loss"}.get(now.outcome, "open")
    return Finding(f"comparison.money.{key}", {"gained": gained, "low": low, "high": high})


def money(amount: float) -> str:
    """An amount with its sign, in no currency: cents below 100.

    >>> money(1234.5), money(-3.456), money(0.0)
    ('+1,234', '−3.46', '0')
    """
    text = f"{amount:+,.0f}" if abs(amount) >= 100 else f"{amount:+,.2f}"
    return "0" if float(text.replace(",", "")) == 0 else text.replace("-", "−")


def reward_finding(trend: pd.DataFrame, names: Sequence[str]) -> Finding:
    """Say which strategy has the most reward at equal traffic.

    Args:
        trend: From `strategy_trend`.
        names: Strategies that are shown.
    """
    last = _last(trend, names).dropna(subset=["mean"])
    if last.empty:
        return Finding("comparison.reward.no_data")
    order = last.sort_values("scaled", ascending=False, kind="stable")
    first = order.iloc[0]
    if len(order) == 1:
        values = {"reward": _amount(first["reward"]), "decisions": count(first["decisions"])}
        return Finding("comparison.reward.one", {"strategy": first["strategy"], **values})
    second = order.iloc[1]
    if np.isclose(first["scaled"], second["scaled"], rtol=1e-9):
        return Finding("comparison.reward.tie", {"reward": _amount(first["scaled"]), **_pair(order)})
    return Finding(
        "comparison.reward.lead",
        {**_pair(order), "reward": _amount(first["scaled"]), "less": _amount(second["scaled"])},
    )


def ctr_finding(trend: pd.DataFrame, names: Sequence[str]) -> Finding:
    """Say which strategy has the highest click-through rate, and whether the bands are apart."""
    last = _last(trend, names).dropna(subset=["ctr"])
    if last.empty:
        return Finding("comparison.ctr.no_data")
    order = last.sort_values("ctr", ascending=False, kind="stable")
    first = order.iloc[0]
    if len(order) == 1:
        return Finding("comparison.ctr.one", {"strategy": first["strategy"], "ctr": percent(first["ctr"], 2)})
    second = order.iloc[1]
    values = {**_pair(order), "ctr": percent(first["ctr"], 2), "less": percent(second["ctr"], 2)}
    if np.isclose(first["ctr"], second["ctr"], rtol=1e-9):
        return Finding("comparison.ctr.tie", values)
    apart = first["ctr_low"] > second["ctr_high"]  # false where a band is not known
    return Finding("comparison.ctr.apart" if apart else "comparison.ctr.overlap", values)


def regret_finding(regret: LiveRegret, names: Sequence[str]) -> Finding:
    """Say what each strategy has lost against the best arm as it is known now."""
    last = _last(regret.trend, names)
    if regret.best is None or last.empty:
        return Finding("comparison.regret.no_data")
    order = last.sort_values("regret", kind="stable")
    least, most = order.iloc[0], order.iloc[-1]
    if most["high"] <= 0:
        return Finding("comparison.regret.none", {"best": regret.best})

    def loss(row: pd.Series) -> dict[str, str]:
        return {
            "strategy": str(row["strategy"]),
            "lost": _amount(row["regret"]),
            "low": _amount(row["low"]),
            "high": _amount(row["high"]),
        }

    if len(order) == 1:
        return Finding("comparison.regret.one", {"best": regret.best, **loss(least)})
    more = {"other": str(most["strategy"]), "more": _amount(most["regret"])}
    return Finding("comparison.regret.several", {"best": regret.best, **loss(least), **more})


def traffic_finding(shares: pd.DataFrame, strategy: str) -> Finding:
    """Say which arm gets most of a strategy's traffic over the stretches shown.

    Args:
        shares: From `traffic_trend`, in the range that is shown.
        strategy: Strategy.
    """
    by_arm = shares[shares["strategy"] == strategy].groupby("arm", sort=False)["decisions"].sum()
    if not by_arm.sum() > 0:
        return Finding("comparison.traffic.no_data", {"strategy": strategy})
    share = (by_arm / by_arm.sum()).sort_values(ascending=False, kind="stable")
    values = {"strategy": strategy, "arm": str(share.index[0]), "share": percent(share.iloc[0], 0)}
    if len(share) == 1:
        return Finding("comparison.traffic.one", values)
    if share.iloc[0] - share.iloc[1] < 0.005:  # equal as they are written
        return Finding("comparison.traffic.tie", values | {"other": str(share.index[1])})
    return Finding(
        "comparison.traffic.lead",
        values | {"least": str(share.index[-1]), "rest": percent(share.iloc[-1], 0)},
    )


def _last(trend: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """The last row of each strategy that is shown."""
    return trend[trend["strategy"].isin(names)].groupby("strategy", sort=False).tail(1)


def _pair(order: pd.DataFrame) -> dict[str, str]:
    return {"strategy": str(order["strategy"].iloc[0]), "other": str(order["strategy"].iloc[1])}


def _amount(value: float) -> str:
    return count(value) if abs(value) >= 100 else f"{value:,.1f}".replace("-", "−")
