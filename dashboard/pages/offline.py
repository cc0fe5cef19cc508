"""Offline: which recommender is better, on ratings that none of them saw."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from html import escape
from typing import Any

import panel as pn
import param

from armlift.reporting.evaluation_results import best_first, figure, metric_label, paired_tests
from armlift.reporting.evaluation_tables import model_rows, shown_metrics, verdict_rows
from armlift.reporting.findings import Finding
from armlift.reporting.offline_findings import (
    accuracy_finding,
    folds_finding,
    gain_finding,
    leader_finding,
    pairs_finding,
    ranking_finding,
    segments_finding,
)
from dashboard.comparison_data import tell
from dashboard.offline_data import Evaluation, evaluation, stamp
from dashboard.report_figures import report_figure
from dashboard.view import View
from dashboard.widgets import (
    NothingToDraw,
    Tone,
    badge,
    chart,
    empty_state,
    live,
    tile,
    tiles,
    watch,
)

_TONES: dict[str, Tone] = {"better": "good", "worse": "bad", "not decided": "quiet"}

Words = Callable[[Evaluation], Finding]
_CHARTS: tuple[tuple[str, Words], ...] = (
    ("accuracy", lambda e: accuracy_finding(e.table, e.facts)),
    ("ranking", lambda e: leader_finding(e.table, e.facts.ndcg)),
    ("segments", lambda e: segments_finding(e.segments, e.facts, genres=False)),
    ("genres", lambda e: segments_finding(e.segments, e.facts, genres=True)),
    ("k_fold", lambda e: folds_finding(e.metrics, "k_fold", "rmse")),
    ("repeated_temporal", lambda e: folds_finding(e.metrics, "repeated_temporal", e.facts.ndcg)),
    ("roc", lambda e: leader_finding(e.table, "auc")),
    ("precision_recall", lambda e: leader_finding(e.table, "pr_auc")),
    ("calibration", lambda e: leader_finding(e.table, "ece_equal_mass")),
    ("gain_and_lift", lambda e: gain_finding(e.curves)),
    ("clicks", lambda e: leader_finding(e.table, "log_loss")),
    ("protocols", lambda e: leader_finding(e.table, e.facts.sampled_ndcg)),
    ("beyond_accuracy", lambda e: leader_finding(e.table, f"coverage@{e.facts.k}")),
)
_HALF = ("roc", "precision_recall", "segments", "genres")


class _Written(param.Parameterized):  # type: ignore[misc]  # param has no types
    """When the tables were written, so that charts follow a new evaluation."""

    at = param.String("")

    def __init__(self, view: View) -> None:
        super().__init__(at=str(stamp(view.sources)))
        watch(view, ("snapshot",), lambda: self.param.update(at=str(stamp(view.sources))))


def build(view: View) -> pn.viewable.Viewable:
    """Build the page for a session."""
    depends = (_Written(view).param.at,)
    parts = {
        name: chart(
            view,
            f"offline.{name}.title",
            partial(_figure, view, name),
            says=partial(_words, view, words),
            depends=depends,
        )
        for name, words in _CHARTS
    }
    body = pn.Column(sizing_mode="stretch_width")
    wide = [part for name, part in parts.items() if name not in _HALF]
    halves = [parts[name] for name in _HALF]
    for part in halves:
        part.styles = {"flex": "1 1 420px", "min-width": "0"}
    rows = [
        pn.FlexBox(*halves[at : at + 2], flex_wrap="wrap", gap="0 16px", sizing_mode="stretch_width")
        for at in (0, 2)
    ]
    charts = [*wide[:2], rows[1], *wide[2:4], rows[0], *wide[4:]]

    def choose() -> None:
        there = bool(stamp(view.sources))
        if there and not len(body):
            body[:] = charts
        elif not there and len(body):
            body[:] = []

    watch(view, ("snapshot",), choose)
    choose()
    return pn.Column(
        live(view, partial(_top, view), depends=depends),
        live(view, partial(_models, view), depends=depends),
        *(live(view, partial(_pairs, view, what), depends=depends) for what in ("ndcg", "rmse", "auc")),
        body,
        sizing_mode="stretch_width",
    )


def _figure(view: View, name: str) -> Any:
    found = evaluation(view)
    drawn = None if found is None else found.charts.get(name)
    if drawn is None:
        raise NothingToDraw(view.say("offline.no_chart"))
    return report_figure(view, drawn)


def _words(view: View, words: Words) -> str:
    found = evaluation(view)
    return "" if found is None else tell(view, words(found))


def _top(view: View) -> str:
    found = evaluation(view)
    if found is None:
        return empty_state(view, "offline.empty")
    facts = found.facts
    order = best_first(found.table[facts.ndcg], facts.ndcg)
    verdict = ranking_finding(found.metrics, found.comparison, facts)
    parts = [
        tile(view.say("offline.tile.verdict"), view.say(f"offline.short.{verdict.key.rpartition('.')[2]}")),
        tile(
            view.say("offline.tile.best", metric=metric_label(facts.ndcg)),
            figure(order.iloc[0]) if len(order) else "–",
            str(order.index[0]) if len(order) else "",
        ),
        tile(view.say("offline.tile.models"), str(len(found.table))),
        tile(view.say("offline.tile.data"), facts.source or "–", view.say(f"offline.split.{facts.split}")),
    ]
    said = f'<p class="sentence">{escape(tell(view, verdict))}</p>'
    return f"{tiles(parts)}{said}"


def _models(view: View) -> str:
    found = evaluation(view)
    if found is None:
        return ""
    names = shown_metrics(found.table, found.facts)
    head = "".join(f'<th scope="col" class="number">{escape(metric_label(name))}</th>' for name in names)
    body = "".join(
        f'<tr><th scope="row">{escape(row.model)}</th>'
        + "".join(
            f'<td class="number">{f"<strong>{escape(text)}</strong>" if best else escape(text)}</td>'
            for text, best in row.cells
        )
        + "</tr>"
        for row in model_rows(found.table, found.facts)
    )
    return _card(
        view, "offline.models.title", view.say("offline.models.note"), "offline.column.model", head, body
    )


def _pairs(view: View, what: str) -> str:
    """What the paired tests say on a metric; nothing if it was not tested."""
    found = evaluation(view)
    if found is None:
        return ""
    metric = found.facts.ndcg if what == "ndcg" else what
    tests = paired_tests(found.comparison, metric)
    if tests.empty:
        return ""
    tested = set(tests["model"])
    order = best_first(found.table[found.facts.ndcg], found.facts.ndcg).index
    names = [str(name) for name in order if name in tested]
    best = str(best_first(found.table[metric], metric).index[0]) if metric in found.table else names[0]
    note = tell(view, pairs_finding(tests, metric, best))
    note += " " + view.say(
        "offline.pairs.test",
        split=view.say(f"offline.split.{tests['split'].iloc[0]}"),
        folds=str(int(tests["units"].iloc[0])),
    )
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in names)
    body = "".join(
        f'<tr><th scope="row">{escape(row.model)}</th>'
        + "".join(f"<td>{_verdict(view, text)}</td>" for text, _ in row.cells)
        + "</tr>"
        for row in verdict_rows(tests, names)
    )
    title = f"{view.say('offline.pairs.title')}: {metric_label(metric)}"
    return _card(view, title, note, "offline.column.row", head, body)


def _verdict(view: View, text: str) -> str:
    if not text:
        return '<span class="quiet" aria-hidden="true">·</span>'
    return badge(view.say(f"offline.pair.{text.replace(' ', '_')}"), _TONES[text])


def _card(view: View, title: str, note: str, corner: str, head: str, body: str) -> str:
    title = escape(view.say(title) if title.startswith("offline.") else title)
    first = f'<th scope="col">{escape(view.say(corner))}</th>'
    return (
        f'<section class="card"><header><h3>{title}</h3><p class="sentence">{escape(note)}</p></header>'
        f'<div class="scroll" tabindex="0" role="region" aria-label="{title}"><table>'
        f"<thead><tr>{first}{head}</tr></thead><tbody>{body}</tbody></table></div></section>"
    )
