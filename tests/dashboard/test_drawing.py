import base64
import json
import threading

import holoviews as hv
import holoviews.plotting.bokeh
import numpy as np
import pytest
from bokeh.core.json_encoder import serialize_json
from bokeh.embed import json_item
from bokeh.plotting import figure

from armlift.errors import DataError
from dashboard.drawing import Drawings, Drawn, NothingToDraw, Played, draw


def drawn(make, says=None, *, dark=False):
    return draw(make, says, dark=dark, height=200, failed="failed: {error}")


def raises(error):
    raise error


def lines(*names):
    curves = [hv.Curve([1, 2, 3], label=name).opts(color=colour) for name, colour in names]
    return hv.Overlay(curves)


def figure_with_line():
    made = figure()
    made.line(np.arange(4.0), [1, 2, np.nan, 3], legend_label="svd")
    return made


def figure_of(item):
    (root,) = json.loads(item)["doc"]["roots"]
    return root["attributes"]


def test_a_chart_is_small_and_has_its_legend_beside_it():
    found = drawn(lambda: lines(("svd", "#112233"), ("ease", "#445566")), lambda: "Both rise.")
    assert (found.error, found.sentence) == ("", "Both rise.")
    assert [(entry.name, entry.colour) for entry in found.legend] == [("svd", "#112233"), ("ease", "#445566")]
    assert len(found.item) < 40_000, "definitions of components that no figure has are left out"
    assert figure_of(found.item)["height"] == 200


def test_a_chart_is_what_bokeh_itself_gives_to_be_embedded():
    line = figure_with_line()
    found = drawn(lambda: line)
    expected = json.loads(serialize_json(json_item(line)))
    assert json.loads(found.item)["root_id"] == expected["root_id"] == line.id
    assert json.loads(found.item)["doc"]["roots"] == expected["doc"]["roots"]
    assert json.loads(found.item)["version"] == expected["version"]


def test_dark_and_light_differ_in_everything_but_data():
    light, dark = (drawn(lambda: lines(("svd", "#112233")), dark=dark) for dark in (False, True))
    assert light.item != dark.item
    assert light.legend == dark.legend


@pytest.mark.parametrize(
    ("error", "field", "words"),
    [
        (NothingToDraw("Come back later."), "empty", "Come back later."),
        (DataError("The file is broken."), "error", "The file is broken."),
        (ZeroDivisionError("by zero"), "error", "failed: ZeroDivisionError: by zero"),
    ],
)
def test_what_fails_is_said_in_its_place(error, field, words):
    found = drawn(lambda: raises(error))
    assert getattr(found, field) == words
    assert found.item == ""


def test_a_sentence_that_fails_is_no_chart():
    assert "KeyError" in drawn(lambda: lines(("svd", "#112233")), lambda: {}["missing"]).error


def test_curves_that_are_played_keep_all_their_moments():
    heights = np.arange(12.0).reshape(2, 3, 2)
    element = hv.Overlay([hv.Curve([0, 1], label="svd"), hv.Curve([2, 3], label="ease")])
    film = json.loads(drawn(lambda: Played(element, ("one", "two", "three"), heights)).frames)
    assert (film["moments"], film["shape"]) == (["one", "two", "three"], [2, 3, 2])
    decoded = np.frombuffer(base64.b64decode(film["heights"]), "<f4").reshape(2, 3, 2)
    assert np.array_equal(decoded, heights)


def finished(drawings, key, work):
    done, results = threading.Event(), []

    def keep(result):
        results.append(result)
        done.set()

    drawings.draw(key, work, keep)
    assert done.wait(10)
    return results[0]


def test_who_looks_at_the_same_shares_the_work():
    drawings, started, go, calls = Drawings(), threading.Event(), threading.Event(), []

    def work():
        calls.append(1)
        started.set()
        go.wait(10)
        return Drawn(sentence="done")

    results, both = [], threading.Barrier(2, timeout=10)
    drawings.draw("key", work, results.append)
    started.wait(10)
    drawings.draw("key", work, lambda drawn: (results.append(drawn), both.wait()))
    go.set()
    both.wait()
    assert (len(calls), [drawn.sentence for drawn in results]) == (1, ["done", "done"])
    assert drawings.known("key").sentence == "done"


@pytest.mark.parametrize("lost", [Drawn(error="away"), Drawn(stale=True)])
def test_what_failed_or_came_too_late_is_drawn_again(lost):
    drawings = Drawings()
    finished(drawings, "key", lambda: lost)
    assert drawings.known("key") is None
    assert finished(drawings, "key", lambda: Drawn(sentence="better")).sentence == "better"


def test_old_charts_make_room(monkeypatch):
    monkeypatch.setattr("dashboard.drawing._KEPT", 2)
    drawings = Drawings()
    for key in "abc":
        finished(drawings, key, Drawn)
    assert [drawings.known(key) is None for key in "abc"] == [True, False, False]


def test_what_nobody_waits_for_any_more_is_not_drawn():
    drawings, begun, release = Drawings(), threading.Event(), threading.Event()
    made = []

    def slow():
        begun.set()
        release.wait(5)
        return Drawn("first")

    def quick(name):
        return lambda: made.append(name) or Drawn(name)

    told = []
    done = threading.Event()
    drawings.draw("first", slow, told.append)
    begun.wait(5)
    drawings.draw("left", quick("left"), told.append, lambda: False)
    drawings.draw("shared", quick("shared"), told.append, lambda: False)
    drawings.draw("shared", quick("shared"), lambda _: done.set())
    release.set()
    assert done.wait(5)
    assert made == ["shared"]
    assert drawings.known("left") is None
    assert [each.stale for each in told] == [False, True, False]


def test_no_chart_is_begun_while_a_page_is_made():
    drawings, done = Drawings(), []
    drawings.pause()
    drawings.pause()
    drawings.draw("key", lambda: Drawn(item="x"), done.append)
    drawings.resume()
    assert drawings.known("key") is None
    drawings.resume()
    drawings._drawer.shutdown(wait=True)
    assert [chart.item for chart in done] == ["x"]
