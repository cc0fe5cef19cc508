"""One experiment in depth."""

from __future__ import annotations

from functools import partial
from html import escape

import panel as pn

from armlift.reporting.live_beliefs import densities
from armlift.reporting.live_segments import funnel
from dashboard import experiment_charts as charts
from dashboard.controls import Controls
from dashboard.experiment_data import ExperimentData
from dashboard.experiment_words import Words
from dashboard.summary import summary
from dashboard.view import View
from dashboard.widgets import (
    NothingToDraw,
    chart,
    empty_state,
    grid,
    links,
    live,
    section,
    tiles,
)

_NOW = ("snapshot", "experiment", "segment")
_HISTORY = ("snapshot", "experiment", "range", "source", "segment")


def build(view: View) -> pn.viewable.Viewable:
    """Build the page for a session."""
    if view.row is None:
        key = "experiment.unknown" if view.experiment else "overview.empty"
        missing = partial(empty_state, view, key, name=view.experiment or "")
        return live(view, missing, depends=("snapshot",))
    data, words = ExperimentData(view), Words(view)

    def arm_choice() -> str:
        arms = [arm for arm in data.brief.arms if arm != data.brief.control]
        return links(view, "experiment.arm", "arm", arms, data.chosen_arm())

    def segment_choice() -> str:
        return links(view, "experiment.by", "by", data.segment_names(), data.chosen_segment())

    def funnel_card() -> str:
        names = {
            name: view.say(f"step.{name}") for name in ("impressions", "clicks", "add_to_carts", "purchases")
        }
        steps = funnel(data.sums(), data.brief)
        title, said = escape(view.say("experiment.funnel")), escape(words.funnel(steps, names))
        head = f'<header><h3>{title}</h3><p class="sentence">{said}</p></header>'
        if not any(taken[0].times for taken in steps.values()):
            return f'<section class="card">{head}</section>'
        return f'<section class="card">{head}{charts.funnel_html(view, steps, names)}</section>'

    def share(strategy: str) -> object:
        return charts.share_chart(view, data.shares(), strategy)

    def share_words(strategy: str) -> str:
        return words.share(data.shares(), strategy)

    def watched() -> object:
        at, found = data.watch()
        if found is None:
            raise NothingToDraw(view.say("experiment.cusum.early"))
        return charts.cusum_chart(view, at, found)

    return pn.Column(
        live(view, lambda: summary(view, data), depends=_NOW),
        Controls(view).part,
        live(view, lambda: tiles(words.tiles(data.rates())), depends=_NOW),
        live(view, lambda: section(view.say("experiment.effects"), view.say("experiment.effects.intro"))),
        live(view, arm_choice, depends=("snapshot", "experiment", "extra")),
        grid(
            chart(
                view,
                "experiment.effect",
                lambda: charts.effect_chart(view, data.effects(), data.chosen_arm()),
                says=lambda: words.effect(data.effects(), data.chosen_arm()),
                depends=(*_HISTORY, "extra"),
            ),
            live(view, funnel_card, depends=_NOW),
        ),
        live(view, lambda: section(view.say("experiment.beliefs"), view.say("experiment.beliefs.intro"))),
        grid(
            chart(
                view,
                "experiment.posterior",
                lambda: charts.posterior_chart(view, *densities(data.whole_series(), data.brief)),
                says=lambda: words.posterior(data.beliefs()),
                depends=_HISTORY,
            ),
            chart(
                view,
                "experiment.best",
                lambda: charts.best_chart(view, data.beliefs_over_time()),
                says=lambda: words.best(data.beliefs()),
                depends=_HISTORY,
            ),
        ),
        live(view, lambda: words.belief_table(data.beliefs()), depends=_NOW),
        live(view, lambda: section(view.say("experiment.traffic"), view.say("experiment.traffic.intro"))),
        grid(
            *(
                chart(
                    view,
                    "experiment.share",
                    partial(share, strategy.id),
                    says=partial(share_words, strategy.id),
                    depends=_HISTORY,
                    height=240,
                    values={"strategy": strategy.id},
                )
                for strategy in data.brief.strategies
            ),
            chart(
                view,
                "experiment.bounds",
                lambda: charts.bounds_chart(view, data.sums(), data.learner()),
                says=lambda: words.bounds(data.sums(), data.learner()),
                depends=_NOW,
                height=240,
            ),
            chart(
                view,
                "experiment.cusum",
                watched,
                says=lambda: words.cusum(*data.watch()),
                depends=_HISTORY,
                height=240,
            ),
        ),
        live(view, lambda: section(view.say("experiment.segments"), view.say("experiment.segments.intro"))),
        live(view, segment_choice, depends=("snapshot", "experiment", "extra")),
        chart(
            view,
            "experiment.forest",
            lambda: charts.forest_chart(view, data.by_segment()),
            says=lambda: words.forest(data.by_segment()),
            depends=(*_HISTORY, "extra"),
            height=max(240, 30 * data.number_of_segments()),
        ),
        sizing_mode="stretch_width",
    )
