from dataclasses import replace

import holoviews as hv
import holoviews.plotting.bokeh
import pandas as pd
import pytest

from armlift.errors import LiveError
from dashboard import widgets
from dashboard.drawing import NothingToDraw
from dashboard.theme import DARK, LIGHT, on_background

TITLE = "experiment.funnel"


def change(view):
    view.snapshot = replace(view.snapshot, revision=view.snapshot.revision + 1)


def test_a_chart_follows_what_it_depends_on(view):
    calls = []

    def make():
        calls.append(view.range)
        return hv.Curve([1, 2])

    part = widgets.chart(view, TITLE, make, says=lambda: view.range, depends=("range",))
    assert (part.state, part.title, part.sentence) == ("ready", "Funnel", "all")
    view.range = "day"
    change(view)
    view.show = "ab"
    assert (calls, part.sentence) == (["all", "day"], "day")
    view.language = "ko"
    assert part.title == "퍼널"


def test_one_chart_that_fails_leaves_the_others_standing(view):
    def broken():
        raise RuntimeError("no <luck>")

    bad = widgets.chart(view, TITLE, broken, depends=())
    good = widgets.chart(view, TITLE, lambda: hv.Curve([1, 2]), depends=())
    assert (bad.state, good.state) == ("failed", "ready")
    assert "RuntimeError: no <luck>" in bad.note


def test_a_chart_that_failed_comes_back(view):
    luck = iter([LiveError("away"), None])

    def make():
        if error := next(luck):
            raise error
        return hv.Curve([1, 2])

    part = widgets.chart(view, TITLE, make, depends=("snapshot",))
    assert (part.state, part.note) == ("failed", "away")
    change(view)
    assert (part.state, part.note) == ("ready", "")


def test_a_chart_without_data_says_what_is_missing(view):
    def make():
        raise NothingToDraw("Nothing yet.")

    part = widgets.chart(view, TITLE, make, depends=())
    assert (part.state, part.note, part.item) == ("empty", "Nothing yet.", "")


def test_a_page_that_was_left_is_not_kept_current(view):
    part = widgets.live(view, lambda: view.range, depends=("range",))
    view.untrack()
    view.range = "hour"
    assert part.html == "all"


def test_html_that_fails_says_so_and_hides_nothing_dangerous(view):
    def make():
        raise RuntimeError("<script>")

    html = widgets.live(view, make, depends=()).html
    assert "&lt;script&gt;" in html
    assert 'role="alert"' in html


def test_a_table_is_escaped_and_says_when_it_is_empty(view):
    rows = {"frame": pd.DataFrame({"arm": ["<b>svd</b>", None], "n": [1, 2]})}
    part = widgets.table(view, TITLE, lambda: rows["frame"], note=lambda: "a & b", depends=("range",))
    assert "&lt;b&gt;svd&lt;/b&gt;" in part.html
    assert '<td class="number">1</td>' in part.html
    assert "a &amp; b" in part.html
    rows["frame"] = rows["frame"][:0]
    view.range = "day"
    assert "There are no rows yet." in part.html


def test_pieces_are_escaped(view):
    evil = '<img src=x onerror="alert(1)">'
    pieces = [
        widgets.tile(evil, evil, evil),
        widgets.badge(evil, "bad", evil),
        widgets.section(evil, evil),
        widgets.links(view, TITLE, "arm", [evil, "svd"], evil),
    ]
    assert not any("<img" in piece or 'onerror="' in piece for piece in pieces)


def test_a_choice_of_one_is_no_choice(view):
    assert widgets.links(view, TITLE, "arm", ["svd"], "svd") == ""
    both = widgets.links(view, TITLE, "arm", ["svd", "ease"], "ease")
    assert both.count("aria-current") == 1
    assert 'href="?arm=svd"' in both


def test_what_to_run_is_set_as_code(view):
    assert "<code>make serve</code>" in widgets.empty_state(view, "overview.no_store")


def contrast(one, other):
    def luminance(colour):
        channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("colour", ["#0072B2", "#F0E442", "#332288", "#8A8F94", "#4a4a4a"])
def test_every_colour_of_data_stands_out_from_its_ground(colour, dark):
    paper = (DARK if dark else LIGHT).paper
    assert contrast(on_background(colour, dark=dark), paper) >= 2.98  # hexadecimal rounding


def test_texts_are_readable():
    for look in (DARK, LIGHT):
        assert contrast(look.ink, look.paper) >= 7
        assert contrast(look.muted, look.paper) >= 4.5
