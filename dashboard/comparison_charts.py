"""The live charts of the page "A/B test against bandit": figures, or what their place says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from armlift.reporting.comparison_findings import (
    ctr_finding,
    lift_finding,
    money_finding,
    regret_finding,
    reward_finding,
    traffic_finding,
)
from armlift.reporting.session_rewards import ecdf, histogram, session_finding
from dashboard.comparison_data import Comparison, comparison, tell
from dashboard.theme import look
from dashboard.trend_figures import PERCENT, bars_figure, stacked_figure, steps_figure, trend_figure
from dashboard.view import View
from dashboard.widgets import NothingToDraw

_NUMBER = "0,0.[00]"


def found(view: View) -> Comparison:
    """What the charts are drawn from.

    Raises:
        NothingToDraw: There is no experiment, or no traffic.
    """
    known = comparison(view)
    if known is None:
        raise NothingToDraw(view.say("comparison.no_experiment").replace("`", ""))
    if known.series.empty:
        raise NothingToDraw(view.say("comparison.no_traffic").replace("`", ""))
    return known


def money_value(view: View) -> float:
    """Money for one unit of reward, from the address; 0 where none was given."""
    try:
        value = float(view.extra.get("value", 0.0))
    except ValueError:
        return 0.0
    return value if 0.0 < value < 1e12 else 0.0


def lift_chart(view: View) -> Any:
    """Lift over time: relative where the A/B test earns anything, else in rewards per 1,000 decisions."""
    known = found(view)
    if known.lift is None:
        raise NothingToDraw(tell(view, lift_finding(None, known.who)))
    rows = known.within(known.lift.trend)
    relative = bool(rows["relative"].notna().any())
    names = ("relative", "relative_low", "relative_high") if relative else ("difference", "low", "high")
    if not rows[names[0]].notna().any():
        raise NothingToDraw(tell(view, lift_finding(known.lift, known.who)))
    scale = 1.0 if relative else 1000.0
    drawn = pd.DataFrame({"x": view.local(rows["at"]), "name": known.lift.bandit})
    drawn[["y", "low", "high"]] = (rows[list(names)] * scale).to_numpy()
    return trend_figure(
        drawn,
        view.strategy_colours(),
        name="name",
        y="y",
        band=("low", "high"),
        labels=(_time(view), view.say(f"comparison.axis.{'lift' if relative else 'difference'}")),
        number=PERCENT if relative else _NUMBER,
        zero=True,
        reference=look(dark=view.dark).ink,
    )


def lift_words(view: View) -> str:
    """What the lift chart shows, and what that is worth."""
    known = found(view)
    words = [tell(view, lift_finding(known.lift, known.who))]
    worth = money_finding(known.lift.now, money_value(view)) if known.lift else None
    return " ".join(words + ([tell(view, worth)] if worth else []))


def reward_chart(view: View) -> Any:
    """Reward so far at equal traffic."""
    return _trend(view, "scaled", "reward", zero=True)


def reward_words(view: View) -> str:
    """What the chart of rewards shows."""
    known = found(view)
    return tell(view, reward_finding(known.trend, known.shown(view.strategies())))


def ctr_chart(view: View) -> Any:
    """Clicks per impression so far."""
    return _trend(view, "ctr", "ctr", number=PERCENT)


def ctr_words(view: View) -> str:
    """What the chart of click-through rates shows."""
    known = found(view)
    return tell(view, ctr_finding(known.trend, known.shown(view.strategies())))


def regret_chart(view: View) -> Any:
    """Estimated regret so far."""
    known = found(view)
    rows = known.within(known.regret.trend)
    rows = rows[rows["strategy"].isin(known.shown(view.strategies()))]
    if rows.empty:
        raise NothingToDraw(regret_words(view))
    return trend_figure(
        rows.assign(x=view.local(rows["at"])),
        view.strategy_colours(),
        name="strategy",
        y="regret",
        band=("low", "high"),
        labels=(_time(view), view.say("comparison.axis.regret")),
        zero=True,
    )


def regret_words(view: View) -> str:
    """What the chart of regret shows."""
    known = found(view)
    words = tell(view, regret_finding(known.regret, known.shown(view.strategies())))
    return f"{words} {view.say('comparison.regret.note')}" if known.regret.best else words


def traffic_chart(view: View) -> Any:
    """Traffic by arm of each strategy that is shown, below each other."""
    from bokeh.layouts import column

    known, figures = found(view), []
    names = known.shown(view.strategies())
    for name in names:
        rows = known.traffic[known.traffic["strategy"] == name]
        if len(rows):
            drawn = pd.DataFrame({"x": view.local(rows["at"]), "name": rows["arm"], "share": rows["share"]})
            labels = (_time(view) if name == names[-1] else "", view.say("comparison.axis.share"))
            figures.append(stacked_figure(drawn, view.arm_colours(), known.width, labels, name))
            figures[-1].height = 190
    if not figures:
        raise NothingToDraw(traffic_words(view))
    return figures[0] if len(figures) == 1 else column(*figures)


def traffic_words(view: View) -> str:
    """What the chart of traffic shows, of the bandit if it is shown."""
    known = found(view)
    names = known.shown(view.strategies())
    if not names:
        return ""
    name = known.bandit if known.bandit in names else names[-1]
    return tell(view, traffic_finding(known.traffic, str(name)))


def session_chart(view: View) -> Any:
    """Distribution of the reward per session."""
    return steps_figure(
        ecdf(_rewards(view)).rename(columns={"arm": "name", "reward": "x"}),
        view.arm_colours(),
        (view.say("comparison.axis.session_reward"), view.say("comparison.axis.sessions")),
    )


def session_histogram(view: View) -> Any:
    """Histogram of the reward per session."""
    return bars_figure(
        histogram(_rewards(view)).rename(columns={"arm": "name"}),
        view.arm_colours(),
        (view.say("comparison.axis.session_reward"), view.say("comparison.axis.sessions")),
    )


def session_words(view: View) -> str:
    """What the charts of sessions show."""
    return tell(view, session_finding(found(view).rewards))


def _rewards(view: View) -> pd.DataFrame:
    rewards = found(view).rewards
    if rewards.empty:
        raise NothingToDraw(session_words(view))
    return rewards


def _trend(view: View, quantity: str, label: str, *, number: str = _NUMBER, zero: bool = False) -> Any:
    known = found(view)
    rows = known.within(known.trend)
    rows = rows[rows["strategy"].isin(known.shown(view.strategies())) & rows[quantity].notna()]
    if rows.empty:
        raise NothingToDraw(view.say(f"comparison.{label}.no_data"))
    colours: Mapping[str, str] = view.strategy_colours()
    return trend_figure(
        rows.assign(x=view.local(rows["at"])),
        colours,
        name="strategy",
        y=quantity,
        band=(f"{quantity}_low", f"{quantity}_high"),
        labels=(_time(view), view.say(f"comparison.axis.{label}")),
        number=number,
        zero=zero,
    )


def _time(view: View) -> str:
    return view.say("comparison.axis.time", zone=view.zone_name)
