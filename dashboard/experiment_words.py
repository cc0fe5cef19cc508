"""What the charts of an experiment say, in words and figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from armlift.reporting.live_beliefs import upper_bounds
from armlift.reporting.live_rewards import has_amounts
from armlift.reporting.live_segments import LiveSegments, Rates, Step
from armlift.reporting.numerals import count, percent, signed_percent
from dashboard.widgets import rows_of, tile

if TYPE_CHECKING:
    from armlift.statistics.change_points import Cusum
    from dashboard.view import View

_SURE = 0.95


class Words:
    """Sentences and figures in the language of a view.

    Args:
        view: The session's view.
    """

    def __init__(self, view: View) -> None:
        self._view = view

    @property
    def _amounts(self) -> bool:
        return self._view.row is not None and has_amounts(self._view.row.brief)

    def reward(self, value: float, *, signed: bool = False, decimals: int = 2) -> str:
        """A reward per decision: a share in per cent, or an amount."""
        if not np.isfinite(value):
            return "–"
        if self._amounts:
            return f"{value:{'+' if signed else ''},.{decimals}f}".replace("-", "−")
        return (signed_percent if signed else percent)(value, decimals)

    def interval(self, low: float, high: float, *, signed: bool = True) -> str:
        """An interval of rewards; an open end is infinite."""
        ends = [
            {-np.inf: "−∞", np.inf: "∞"}.get(end) or self.reward(end, signed=signed)
            for end in (-np.inf if np.isnan(low) else low, np.inf if np.isnan(high) else high)
        ]
        return self._view.say("interval", low=ends[0], high=ends[1])

    def tiles(self, found: Rates) -> list[str]:
        """The figures above the charts."""
        say, none = self._view.say, "–"
        cvr_of = say(f"cvr.{found.cvr_of}")
        reward = found.reward / found.rewards if found.rewards else np.nan
        still_open = max(found.decisions - found.rewards, 0)
        of_rewards = say("tile.reward.note", n=count(found.rewards), open=count(still_open))
        return [
            tile(say("tile.decisions"), count(found.decisions), say("tile.decisions.note")),
            tile(say("tile.impressions"), count(found.impressions), say("tile.impressions.note")),
            tile(say("tile.ctr"), none if found.ctr is None else percent(found.ctr, 2), say("tile.ctr.note")),
            tile(say("tile.cvr"), none if found.cvr is None else percent(found.cvr, 2), cvr_of),
            tile(
                say("tile.revenue"),
                count(found.revenue),
                say("tile.revenue.note", purchases=count(found.purchases)),
            ),
            tile(
                say("tile.reward"),
                self.reward(reward),
                of_rewards,
            ),
        ]

    def effect(self, effects: pd.DataFrame, arm: str) -> str:
        """What the effect over time shows of an arm."""
        view = self._view
        rows = effects[effects["arm"] == arm]
        if view.row is None or rows.empty:
            return view.say("experiment.effect.none")
        last = rows.iloc[-1]
        low, high = float(last["always_low"]), float(last["always_high"])
        sure = "above" if low > 0 else "below" if high < 0 else "open"
        return view.say(
            f"experiment.effect.{sure}",
            arm=arm,
            control=view.row.brief.control,
            estimate=self.reward(float(last["estimate"]), signed=True),
            interval=self.interval(low, high),
            n=count(float(last["n"])),
        )

    def posterior(self, beliefs: pd.DataFrame) -> str:
        """What the densities show at the end."""
        if not beliefs["n"].sum():
            return self._view.say("experiment.no_rewards")
        best = beliefs.iloc[int(beliefs["p_best"].argmax())]
        interval = self.interval(float(best["low"]), float(best["high"]), signed=False)
        mean = self.reward(float(best["mean"]))
        return self._view.say("experiment.posterior.says", arm=best["arm"], mean=mean, interval=interval)

    def best(self, beliefs: pd.DataFrame) -> str:
        """Which arm is the best, and how much it is ahead."""
        if not beliefs["n"].sum():
            return self._view.say("experiment.no_rewards")
        best = beliefs.iloc[int(beliefs["p_best"].argmax())]
        sure = "sure" if best["p_best"] >= _SURE else "open"
        return self._view.say(
            f"experiment.best.{sure}",
            arm=best["arm"],
            p=probability(float(best["p_best"])),
            ahead=self.reward(float(best["ahead"]), signed=True),
            interval=self.interval(float(best["ahead_low"]), float(best["ahead_high"])),
        )

    def belief_table(self, beliefs: pd.DataFrame) -> str:
        """What is believed of each arm, as a table."""
        say = self._view.say
        table = pd.DataFrame(
            {
                say("word.arm"): beliefs["arm"],
                say("word.rewards"): [count(n) for n in beliefs["n"]],
                say("word.mean"): [self.reward(mean) for mean in beliefs["mean"]],
                say("word.credible"): [
                    self.interval(low, high, signed=False)
                    for low, high in zip(beliefs["low"], beliefs["high"], strict=True)
                ],
                say("word.p_best"): [probability(p) for p in beliefs["p_best"]],
                say("word.ahead"): [self.reward(ahead, signed=True) for ahead in beliefs["ahead"]],
                say("word.ahead.interval"): [
                    self.interval(low, high)
                    for low, high in zip(beliefs["ahead_low"], beliefs["ahead_high"], strict=True)
                ],
            }
        )
        title = escape(say("experiment.beliefs.table"))
        return f'<section class="card"><header><h3>{title}</h3></header>{rows_of(table, title)}</section>'

    def bounds(self, sums: pd.DataFrame, strategy: str) -> str:
        """Which arm an index policy would choose."""
        view = self._view
        if view.row is None:
            return ""
        table = upper_bounds(sums, view.row.brief, strategy).dropna()
        if table.empty:
            return view.say("experiment.no_rewards")
        top = table.iloc[int(table["kl_ucb"].argmax())]
        return view.say(
            "experiment.bounds.says",
            strategy=strategy,
            arm=top["arm"],
            bound=self.reward(float(top["kl_ucb"])),
            mean=self.reward(float(top["mean"])),
        )

    def share(self, shares: pd.DataFrame, strategy: str) -> str:
        """Which arm a strategy sends most traffic to now."""
        rows = shares[shares["strategy"] == strategy]
        if rows.empty:
            return self._view.say("experiment.share.none", strategy=strategy)
        last = rows[rows["at"] == rows["at"].max()]
        top = last.iloc[int(last["share"].argmax())]
        first = rows[(rows["arm"] == top["arm"])].iloc[0]
        return self._view.say(
            "experiment.share.says",
            strategy=strategy,
            arm=top["arm"],
            now=percent(float(top["share"]), 0),
            then=percent(float(first["share"]), 0),
        )

    def cusum(self, at: pd.DatetimeIndex, watch: Cusum | None) -> str:
        """Whether the level changed."""
        view = self._view
        if watch is None:
            return view.say("experiment.cusum.early")
        if watch.alarm < 0:
            return view.say("experiment.cusum.calm")
        way = "up" if watch.direction > 0 else "down"
        return view.say(f"experiment.cusum.{way}", since=view.when(at[int(watch.since)]))

    def funnel(self, steps: Mapping[str, Sequence[Step]], names: Mapping[str, str]) -> str:
        """Where most visitors are lost."""
        total = [
            sum(taken[k].times for taken in steps.values()) for k in range(len(next(iter(steps.values()))))
        ]
        if not total[0]:
            return self._view.say("experiment.funnel.none")
        if len(total) == 1:
            return self._view.say("experiment.funnel.seen", n=count(total[0]))
        order = [step.name for step in next(iter(steps.values()))]
        onwards = [after / before if before else 0.0 for before, after in pairwise(total)]
        narrow = int(np.argmin(onwards))
        return self._view.say(
            "experiment.funnel.says",
            n=count(total[0]),
            last=names[order[-1]],
            reached=percent(total[-1] / total[0], 1),
            from_=names[order[narrow]],
            to=names[order[narrow + 1]],
            share=percent(onwards[narrow], 1),
        )

    def forest(self, found: LiveSegments) -> str:
        """Whether effects differ between the values of a segment."""
        view = self._view
        if found.effects.empty:
            return view.say("experiment.segments.none")
        differing = [arm for arm, p in found.differ.items() if p * len(found.differ) < 1 - _SURE]
        sure = found.effects[found.effects["p_value"] < 1 - _SURE]
        key = "differ" if differing else "alike"
        return view.say(
            f"experiment.segments.{key}",
            arms=", ".join(differing),
            sure=len(sure),
            all=len(found.effects),
        )


def probability(p: float) -> str:
    r"""A probability with the digits that it deserves near its ends.

    Example:
        >>> [probability(p).replace("\u00a0", " ") for p in (0.5, 0.96, 0.9999, 0.0001)]
        ['50 %', '96.0 %', '> 99.9 %', '< 0.1 %']
    """
    if p > 0.999:
        return "> " + percent(0.999)
    if p < 0.001:
        return "< " + percent(0.001)
    return percent(p, 0 if 0.1 < p < 0.9 else 1)
