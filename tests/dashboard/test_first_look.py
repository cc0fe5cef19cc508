"""The page that is read before the live one is there."""

from html import escape

import panel as pn
import pytest

from dashboard.app import PAGES, Session
from dashboard.drawing import DRAWINGS
from dashboard.feed import Feed
from dashboard.first_look import TEMPLATE, variables
from dashboard.parts import Chart, Html


def first(*parts, **options):
    given = {"language": "en", "dark": False} | options
    return variables(Html(html="<nav>menu</nav>"), pn.Column(*parts), **given)


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("language", ["en", "ko"])
def test_every_page_says_what_it_is(sources, page, language, sketched):
    session = Session(sources, Feed(sources), f"page={page}&language={language}&experiment=films&dark=1")
    said, view = session.first_look(), session.view
    assert (said["language"], said["mode"]) == (language, "dark")
    assert f"<h1>{escape(view.say(f'page.{page}'))}</h1>" in said["first"]
    assert all(escape(view.say(f"page.{name}")) in said["first"] for name in PAGES)


def test_the_overview_shows_its_cards(sources):
    feed = Feed(sources)
    feed.look()
    assert Session(sources, feed).first_look()["first"].count("<article") == 2


def test_parts_keep_their_order_and_what_is_hidden_is_left_out():
    beside = pn.FlexBox(Html(html="<p>two</p>"), Html(html="<p>three</p>"))
    parts = [Html(html="<p>one</p>"), beside, Html(html="<p>hidden</p>", visible=False), pn.FlexBox()]
    said = first(*parts)["first"]
    assert said.index("menu") < said.index("one") < said.index("two") < said.index("three")
    assert "hidden" not in said
    assert said.count('class="beside"') == 1


def test_ids_are_left_to_the_live_page():
    assert ' id="' not in first(Html(html='<a id="menu-plan" href="?page=plan">Plan</a>'))["first"]


def test_of_a_chart_there_are_its_words_and_its_place():
    said = first(Chart(title="<b>Reward</b>", sentence="A & B", figure_height=123))["first"]
    assert "&lt;b&gt;Reward" in said
    assert "A &amp; B" in said
    assert "height: 123px" in said


class Tab:
    """A browser's document that does what is left for it when it is told to."""

    def __init__(self):
        self.session_context = object()
        self.left = []

    def add_next_tick_callback(self, work):
        self.left.append(work)


def test_a_page_is_read_in_words_while_the_live_one_is_made_ready(sources, sketched, monkeypatch):
    monkeypatch.setattr(DRAWINGS, "come_after", lambda: None)  # no loop here would let them go on
    session, tab = Session(sources, Feed(sources), "experiment=films"), Tab()
    session._document = tab
    session.view.page = "quality"
    (first,) = session._place
    assert escape(session.view.say("quality.split.title")) in first.html
    session.view.page = "plan"
    (second,) = session._place
    assert second is not first
    assert escape(session.view.say("quality.split.title")) not in second.html
    for work in tab.left:
        work()
    look, live = session._place
    assert look is second
    assert not isinstance(live, Html)


def test_scripts_come_after_what_is_read_without_them():
    text = TEMPLATE.read_text("utf-8")
    assert text.index("first | safe") < text.index("{{ bokeh_js")
