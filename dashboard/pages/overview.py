"""Every experiment at a glance."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from html import escape
from typing import TYPE_CHECKING

import pandas as pd
import panel as pn
import panel_material_ui as pmui

from armlift.experiments.life_cycle import STATES
from armlift.reporting.numerals import count
from dashboard.parts import NOT_PRINTED
from dashboard.summary import alarms, card, sparkline
from dashboard.view import View
from dashboard.widgets import badge, empty_state, live

if TYPE_CHECKING:
    from armlift.storage import ExperimentRow

_SPARK = timedelta(days=7)
_ORDER = ("running", "hold", "draft", "completed", "archived")


def build(view: View) -> pn.viewable.Viewable:
    """Build the page for a session."""
    text = pmui.TextInput(size="small", margin=0, width=260, value=view.extra.get("text", ""))
    state = pmui.Select(size="small", margin=0, width=190)
    bar = pn.FlexBox(
        text, state, gap="10px", align_items="end", margin=(6, 0, 14, 0), stylesheets=[NOT_PRINTED]
    )

    def words() -> None:
        present = [name for name in _ORDER if any(row.state == name for row in view.snapshot.experiments)]
        options = {
            view.say("overview.any_state"): "",
            **{view.say(f"state.{name}"): name for name in present},
        }
        wanted = view.extra.get("state", "")
        text.param.update(label=view.say("overview.search"))
        state.param.update(
            label=view.say("overview.state"),
            options=options,
            value=wanted if wanted in options.values() else "",
        )
        bar.visible = len(view.snapshot.experiments) > 1

    def chosen(*_: object) -> None:
        kept = {"text": text.value_input or text.value or "", "state": state.value or ""}
        view.extra = {name: value for name, value in kept.items() if value}

    words()
    view.track(view, view.param.watch(lambda *_: words(), ["snapshot", "language"]))
    text.param.watch(chosen, "value_input")
    state.param.watch(chosen, "value")
    return pn.Column(
        bar,
        live(view, lambda: alarm_list(view), depends=("snapshot",)),
        live(view, lambda: cards(view), depends=("snapshot", "extra")),
        sizing_mode="stretch_width",
    )


def cards(view: View) -> str:
    """The experiments that pass the filters, as HTML."""
    now = view.snapshot
    if not now.experiments:
        return empty_state(view, "overview.empty" if now.has_store else "overview.no_store")
    rows = shown(view)
    if not rows:
        return empty_state(view, "overview.none_fits")
    listed = "".join(card(view, row, _spark(view, row)) for row in rows)
    return f'<div class="cards">{listed}</div>'


def shown(view: View) -> list[ExperimentRow]:
    """The experiments that pass the filters: those that run first, then the newest first."""
    text, state = view.extra.get("text", "").casefold(), view.extra.get("state", "")
    rows = [
        row
        for row in view.snapshot.experiments
        if (not state or row.state == state)
        and all(part in f"{row.id} {row.brief.objective}".casefold() for part in text.split())
    ]
    return sorted(rows, key=lambda row: (_ORDER.index(row.state), -(row.started_ts or row.created_ts)))


def alarm_list(view: View) -> str:
    """What alarms, over all experiments, as HTML; empty while nothing does."""
    lines = []
    for row in view.snapshot.experiments:
        if row.state not in ("running", "hold"):
            continue
        link = escape(view.link(page="quality", experiment=row.id))
        for each in alarms(view, row).to_dict("records"):
            text = view.say(
                "overview.alarm",
                metric=f"{each['metric']} {each['segment']}".strip(),
                value=_figure(each["value"]),
                bound=_figure(each["threshold"]),
                at=view.when(each["at"]),
            )
            head = f'{badge(view.say("word.alarm"), "bad")} <a href="{link}">{escape(row.id)}</a>'
            lines.append(f"<li>{head} {escape(text)}</li>")
    if not lines:
        return ""
    title = escape(view.say("overview.alarms"))
    listed = f'<ul class="alarms">{"".join(lines)}</ul>'
    return f'<section class="card" aria-label="{title}"><h2>{title}</h2>{listed}</section>'


def _figure(value: float | None) -> str:
    return "–" if value is None or pd.isna(value) else f"{value:.3g}"


def _spark(view: View, row: ExperimentRow) -> str:
    readings = view.sources.readings
    if readings is None or row.started_ts is None or view.snapshot.store_error:
        return ""
    since = datetime.now(UTC) - _SPARK
    series = readings.series(row.id, since=since, width=timedelta(hours=3))
    if series.empty:
        return ""
    values = series.groupby("bucket_at")["decisions"].sum()
    every = values.asfreq("3h", fill_value=0)
    label = view.say("card.spark", n=count(float(values.sum())))
    return sparkline([float(value) for value in every], label)


assert set(_ORDER) == set(STATES)
