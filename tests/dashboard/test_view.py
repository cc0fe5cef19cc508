from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from armlift.messages import CATALOGUE
from dashboard.view import View


def again(view: View, query: str) -> View:
    other = View(view.sources, view.snapshot)
    other.read(query)
    return other


def test_an_address_opens_the_same_view(view):
    view.param.update(
        page="experiment",
        experiment="films",
        range="week",
        show="bandit",
        source="live",
        segment="device=mobile",
        language="ko",
        zone="local",
        dark=True,
        extra={"arm": "svd"},
    )
    other = again(view, view.query)
    assert other.query == view.query
    assert (other.experiment, other.range, other.segment, other.dark) == (
        "films",
        "week",
        "device=mobile",
        True,
    )
    assert other.extra == {"arm": "svd"}


def test_what_is_as_by_default_is_not_in_the_address(view):
    assert view.query == "?"
    view.range = "hour"
    assert view.query == "?range=hour"


@pytest.mark.parametrize(
    "query", ["?range=century", "?language=xx&zone=moon&show=&source=1", "?dark=maybe", "?range=hour%00"]
)
def test_what_an_address_says_unsoundly_is_as_by_default(view, query):
    other = again(view, query)
    assert other.query == "?"


def test_what_one_address_said_is_forgotten_by_the_next(view):
    view.read("?page=quality&range=day&arm=svd")
    view.read("?page=plan")
    assert (view.page, view.range, view.extra) == ("plan", "all", {})


def test_long_values_are_cut(view):
    view.read("?segment=" + "x" * 5000)
    assert len(view.segment) == 200


def test_what_a_page_keeps_stays_on_its_page(view):
    view.read("?page=experiment&experiment=films&arm=svd&range=day")
    assert view.link(by="device") == "?" + view.link(by="device").lstrip("?")
    assert "arm=svd" in view.link(by="device")
    assert "by=device" in view.link(by="device")
    assert "arm" not in view.link(page="quality")
    assert "range=day" in view.link(page="quality")


def test_the_experiment_is_the_chosen_one_or_the_last_that_began(view):
    assert view.row.id in {"films", "product_page"}
    view.experiment = "films"
    assert view.row.id == "films"
    view.experiment = "missing"
    assert view.row is None
    assert view.strategies() == ()


def test_show_chooses_strategies(view):
    view.experiment = "films"
    shown = {}
    for show in ("both", "ab", "bandit"):
        view.show = show
        shown[show] = view.strategies()
    assert shown == {"both": ("fixed", "thompson"), "ab": ("fixed",), "bandit": ("thompson",)}


def test_an_arm_has_one_colour_in_light_and_one_in_dark(view):
    view.experiment = "films"
    light = view.arm_colours()
    assert list(light) == ["popularity", "svd", "lightgbm"]
    assert len(set(light.values())) == 3
    view.page, view.show = "comparison", "ab"
    assert view.arm_colours() == light
    view.dark = True
    assert set(view.arm_colours()) == set(light)


def test_ranges_begin_at_a_buckets_edge(view):
    assert view.since() is None
    view.range = "hour"
    since = view.since()
    assert since.timestamp() % 300 == 0
    assert timedelta(minutes=60) <= datetime.now(UTC) - since <= timedelta(minutes=65)


def test_times_are_said_in_the_chosen_zone(view):
    moment = datetime(2026, 3, 1, 23, 30, tzinfo=UTC)
    assert view.when(moment) == "2026-03-01 23:30 UTC"
    view.param.update(zone="local", timezone="Asia/Seoul")
    assert view.when(moment, seconds=True) == "2026-03-02 08:30:00 KST"
    assert view.zone_name == "Asia/Seoul"
    on_axis = view.local(pd.Series([pd.Timestamp(moment)]))
    assert str(on_axis[0]) == "2026-03-02 08:30:00"


@pytest.mark.parametrize("timezone", ["", "Mars/Olympus", "../etc/passwd"])
def test_an_unknown_zone_is_utc(view, timezone):
    view.param.update(zone="local", timezone=timezone)
    assert view.zone_name == "UTC"


def test_spans_are_said_in_the_largest_unit_that_fits(view):
    assert [view.span(seconds) for seconds in (5, 150, 7300, 200_000)] == [
        "5 seconds",
        "2 minutes",
        "2 hours",
        "2 days",
    ]
    assert view.when(None) == "never"


def test_each_message_of_the_dashboard_is_in_every_language():
    keys = [{key for key in messages.texts if key.startswith("dash.")} for messages in CATALOGUE.values()]
    assert keys[0] == keys[1]
