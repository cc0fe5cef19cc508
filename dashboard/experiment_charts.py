"""Charts of one experiment, from tables of `armlift.reporting`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from armlift.reporting.live_beliefs import upper_bounds
from armlift.reporting.live_segments import LiveSegments
from dashboard.drawing import NothingToDraw, Played
from dashboard.theme import look

if TYPE_CHECKING:
    from armlift.statistics.change_points import Cusum
    from dashboard.view import View

_PERCENT = "0.[00]%"
_AMOUNT = "0,0.[00]"
_TALLEST = 0.985  # share of the densities' peaks that the axis has room for


def reward_format(view: View) -> str:
    """How a reward per decision is written on axes: a share, or an amount."""
    from armlift.reporting.live_rewards import has_amounts

    return _AMOUNT if view.row and has_amounts(view.row.brief) else _PERCENT


def effect_chart(view: View, effects: pd.DataFrame, arm: str) -> Any:
    """One arm's effect with both intervals, and the other arms' effects as thin lines."""
    import holoviews as hv

    colours, muted = view.arm_colours(), look(dark=view.dark).muted
    if not effects["always_low"].notna().any():
        raise NothingToDraw(view.say("experiment.effect.early"))
    table = effects.assign(at=view.local(effects["at"]))
    chosen = table[table["arm"] == arm]
    band = chosen.dropna(subset=["always_low", "always_high"])
    if band.empty:
        raise NothingToDraw(view.say("experiment.effect.early"))
    parts: list[Any] = [
        hv.HLine(0.0).opts(color=muted, line_width=1, line_dash="dashed"),
        hv.Area(band, "at", ["always_low", "always_high"], label=view.say("experiment.effect.always")).opts(
            fill_color=colours[arm], fill_alpha=0.16, line_alpha=0
        ),
    ]
    parts += [
        hv.Curve(rows, "at", "estimate", label=str(name)).opts(
            color=colours[str(name)], line_width=1, alpha=0.75
        )
        for name, rows in table.groupby("arm", sort=False)
        if name != arm
    ]
    for bound in ("low", "high"):
        parts.append(
            hv.Curve(band, "at", bound, label=view.say("experiment.effect.once")).opts(
                color=colours[arm], line_dash="dotted", line_width=1.4
            )
        )
    parts.append(
        hv.Curve(chosen, "at", "estimate", label=arm).opts(color=colours[arm], line_width=3, tools=["hover"])
    )
    last = band.iloc[-1]  # the first intervals are so wide that they would hide all the rest
    reach = 4.0 * float(last["always_high"] - last["always_low"]) / 2.0 + abs(float(last["estimate"]))
    reach = min(reach, 1.1 * float(np.abs(band[["always_low", "always_high"]].to_numpy()).max()))
    return _overlay(parts, view, view.say("axis.effect"), reward_format(view)).opts(ylim=(-reach, reach))


def posterior_chart(view: View, at: pd.DatetimeIndex, grid: Any, densities: Any) -> Played:
    """Posterior densities that can be played over time; drawn as they stand at the end."""
    import holoviews as hv

    if view.row is None or not len(at):
        raise NothingToDraw(view.say("experiment.no_rewards"))
    colours = view.arm_colours()
    curves = [
        hv.Curve((grid, densities[-1, k]), "reward", "density", label=arm).opts(
            color=colours[arm], line_width=2.5
        )
        for k, arm in enumerate(view.row.brief.arms)
    ]
    top = 1.05 * float(np.quantile(densities.max(axis=(1, 2)), _TALLEST))
    element = hv.Overlay(curves).opts(
        xlabel=view.say("axis.reward"),
        ylabel=view.say("axis.density"),
        ylim=(0.0, top),
        xformatter=_numerals(reward_format(view)),
        responsive=True,
        yaxis=None,
        show_grid=True,
    )
    return Played(element, tuple(view.when(moment) for moment in at), np.swapaxes(densities, 0, 1))


def best_chart(view: View, beliefs: pd.DataFrame) -> Any:
    """Each arm's probability to be the best, over time."""
    import holoviews as hv

    if beliefs.empty:
        raise NothingToDraw(view.say("experiment.no_rewards"))
    colours = view.arm_colours()
    table = beliefs.assign(at=view.local(beliefs["at"]))
    parts = [
        hv.Curve(rows, "at", "p_best", label=str(arm)).opts(
            color=colours[str(arm)], line_width=2.5, tools=["hover"]
        )
        for arm, rows in table.groupby("arm", sort=False)
    ]
    return _overlay(parts, view, view.say("axis.p_best"), "0%").opts(ylim=(0.0, 1.0))


def bounds_chart(view: View, sums: pd.DataFrame, strategy: str) -> Any:
    """Mean and upper bounds of each arm, as an index policy sees them."""
    import holoviews as hv

    if view.row is None:
        raise NothingToDraw(view.say("experiment.no_rewards"))
    table = upper_bounds(sums, view.row.brief, strategy).dropna()
    if table.empty:
        raise NothingToDraw(view.say("experiment.no_rewards"))
    colours, arms = view.arm_colours(), list(table["arm"])[::-1]
    table = table.assign(
        place=[arms.index(arm) for arm in table["arm"]], colour=[colours[arm] for arm in table["arm"]]
    )
    lines = hv.Segments(
        table.assign(again=table["place"]), ["mean", "place", "kl_ucb", "again"], "colour"
    ).opts(color="colour", line_width=4, alpha=0.6)
    marks = {"mean": ("circle", 11), "kl_ucb": ("dash", 18), "ucb1": ("triangle", 9)}
    points = [
        hv.Points(
            table.rename(columns={what: "reward"})[["reward", "place", "colour", "arm"]],
            ["reward", "place"],
            ["colour", "arm"],
            label=view.say(f"experiment.bounds.{what}"),
        ).opts(
            color="colour" if what != "kl_ucb" else look(dark=view.dark).ink,
            marker=marker,
            size=size,
            angle=90 if marker == "dash" else 0,
        )
        for what, (marker, size) in marks.items()
    ]
    return hv.Overlay([lines, *points]).opts(
        xlabel=view.say("axis.reward"),
        ylabel="",
        yticks=list(enumerate(arms)),
        ylim=(-0.6, len(arms) - 0.4),
        xformatter=_numerals(reward_format(view)),
        responsive=True,
        show_grid=True,
    )


def cusum_chart(view: View, at: pd.DatetimeIndex, watch: Cusum) -> Any:
    """Evidence of a rise and of a fall, with the bound at which they alarm."""
    import holoviews as hv

    colours = look(dark=view.dark)
    moments = view.local(pd.Series(at))
    upper, lower = "#0072B2", "#D55E00"
    parts = [
        hv.Curve((moments, watch.upper), "at", "evidence", label=view.say("experiment.cusum.rise")).opts(
            color=upper, line_width=2, tools=["hover"]
        ),
        hv.Curve((moments, watch.lower), "at", "evidence", label=view.say("experiment.cusum.fall")).opts(
            color=lower, line_width=2, tools=["hover"]
        ),
        hv.HLine(watch.threshold).opts(color=colours.muted, line_dash="dashed", line_width=1.5),
    ]
    top = 1.15 * max(watch.threshold, float(watch.upper.max()), float(watch.lower.max()))
    return _overlay(parts, view, view.say("axis.cusum"), "0.[0]").opts(ylim=(0.0, top))


def share_chart(view: View, shares: pd.DataFrame, strategy: str) -> Any:
    """Share of a strategy's decisions that each arm got, as a stacked area."""
    import holoviews as hv

    rows = shares[shares["strategy"] == strategy]
    if rows["at"].nunique() < 2:
        raise NothingToDraw(view.say("experiment.early"))
    wide = rows.pivot_table(index="at", columns="arm", values="share", sort=False, fill_value=0.0)
    moments = view.local(pd.Series(wide.index))
    colours, floor, parts = view.arm_colours(), np.zeros(len(wide)), []
    for arm in wide.columns:
        top = floor + wide[arm].to_numpy()
        parts.append(
            hv.Area((moments, floor, top), "at", ["from", "to"], label=str(arm)).opts(
                fill_color=colours[str(arm)], fill_alpha=0.85, line_alpha=0
            )
        )
        floor = top
    return _overlay(parts, view, view.say("axis.share"), "0%").opts(ylim=(0.0, 1.0))


def forest_chart(view: View, found: LiveSegments) -> Any:
    """Effects by the values of a segment, with intervals that hold for all rows together."""
    import holoviews as hv

    table = found.effects.dropna(subset=["low"])
    if table.empty:
        raise NothingToDraw(view.say("experiment.segments.none"))
    table = table.assign(label=[f"{row.value} · {row.arm}" for row in table.itertuples()])
    table = table.sort_values(["value", "arm"], ascending=False).reset_index(drop=True)
    colours = view.arm_colours()
    table = table.assign(place=table.index, again=table.index, colour=[colours[arm] for arm in table["arm"]])
    lines = hv.Segments(table, ["low", "place", "high", "again"], "colour").opts(
        color="colour", line_width=3, alpha=0.7
    )
    points = hv.Points(table, ["estimate", "place"], ["colour", "label", "n"]).opts(
        color="colour", size=9, tools=["hover"]
    )
    zero = hv.VLine(0.0).opts(color=look(dark=view.dark).muted, line_dash="dashed", line_width=1)
    return hv.Overlay([zero, lines, points]).opts(
        xlabel=view.say("axis.effect"),
        ylabel="",
        yticks=list(zip(table["place"], table["label"], strict=True)),
        ylim=(-0.7, len(table) - 0.3),
        xformatter=_numerals(reward_format(view)),
        responsive=True,
        show_grid=True,
    )


def funnel_html(view: View, steps: Mapping[str, Sequence[Any]], names: Mapping[str, str]) -> str:
    """The funnel of each arm: counts, the share that went on, and a bar of the share of all."""
    from html import escape

    from armlift.reporting.numerals import count, percent

    colours = view.arm_colours()
    first = next(iter(steps.values()))
    head = "".join(f'<th scope="col">{escape(names[step.name])}</th>' for step in first)
    rows = []
    for arm, taken in steps.items():
        widest = [max(other[k].share for other in steps.values()) or 1.0 for k in range(len(taken))]
        cells = "".join(
            f'<td><span class="step"><span class="bar" style="--part:{step.share / most:.4f};'
            f'--colour:{colours[arm]}"></span><b>{count(step.times)}</b>'
            f"<small>{percent(step.onwards, 1) if k else ''}</small></span></td>"
            for k, (step, most) in enumerate(zip(taken, widest, strict=True))
        )
        rows.append(f'<tr><th scope="row">{escape(arm)}</th>{cells}</tr>')
    label = escape(view.say("experiment.funnel"))
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{label}"><table class="funnel"><thead>'
        f'<tr><th scope="col">{escape(view.say("word.arm"))}</th>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _overlay(parts: Sequence[Any], view: View, label: str, numerals: str) -> Any:
    import holoviews as hv

    return hv.Overlay(list(parts)).opts(
        xlabel=view.say("axis.time", zone=view.zone_name),
        ylabel=label,
        yformatter=_numerals(numerals),
        responsive=True,
        show_grid=True,
    )


def _numerals(pattern: str) -> Any:
    from bokeh.models import NumeralTickFormatter

    return NumeralTickFormatter(format=pattern)
