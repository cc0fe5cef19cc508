from dataclasses import replace

import pytest

from armlift.errors import LiveError
from dashboard.controls import Controls
from dashboard.feed import RouterHealth
from dashboard.view import View


@pytest.fixture
def asked():
    return []


def controls(view, asked, *, error=None):
    def ask(method, path, body):
        asked.append((method, path, body))
        if error:
            raise error

    view.experiment = "films"
    return Controls(view, ask)


def buttons(control):
    return [button for button in control._buttons if hasattr(button, "clicks")]


def click(control, action):
    control._open(action)


def test_what_the_state_allows_is_offered(view, asked):
    assert [button.label for button in buttons(controls(view, asked))] == [
        "Pause",
        "Complete",
        "Force a winner",
    ]


def test_a_reason_is_needed_and_travels_with_the_name(view, asked):
    control = controls(view, asked)
    view.user = "ann"
    click(control, "pause")
    control._confirm()
    assert asked == []
    assert "Say why first" in control._said.html
    control._reason.value = "  the page is slow "
    control._confirm()
    body = {"reason": "the page is slow", "who": "ann"}
    assert asked == [("POST", "/api/experiments/films/pause", body)]
    assert "films is on hold." in control._said.html
    assert not control._question.visible


def test_a_forced_winner_is_named(view, asked):
    control = controls(view, asked)
    click(control, "force")
    control._arm.value, control._reason.value = "svd", "decided"
    control._confirm()
    assert asked[0][2] == {"reason": "decided", "who": "dashboard", "arm": "svd"}
    assert "everybody gets svd" in control._said.html


def test_nothing_happens_before_it_is_confirmed(view, asked):
    control = controls(view, asked)
    click(control, "pause")
    assert control._question.visible
    control._close()
    control._confirm()
    assert asked == []


def test_what_the_router_refuses_is_said_in_its_words(view, asked):
    control = controls(view, asked, error=LiveError("pause is not possible in the state <hold>."))
    click(control, "pause")
    control._reason.value = "why not"
    control._confirm()
    assert "pause is not possible in the state &lt;hold&gt;." in control._said.html


def test_a_viewer_may_look(view, asked):
    other = View(view.sources, view.snapshot, operator=False, user="bob")
    control = controls(other, asked)
    assert all(button.disabled for button in buttons(control))
    control._open("pause")
    control._action, control._reason.value = "pause", "by hand"
    control._confirm()
    assert asked == []


def test_controls_are_off_while_the_router_is_away_and_on_again_after(view, asked):
    control, there = controls(view, asked), view.snapshot
    click(control, "pause")
    view.snapshot = replace(there, router=RouterHealth(False, "http://127.0.0.1:9", error="away"))
    assert all(button.disabled for button in buttons(control))
    assert not control._question.visible
    view.snapshot = there
    assert not any(button.disabled for button in buttons(control))


def test_controls_are_off_while_the_store_is_away(view, asked):
    control = controls(view, asked)
    view.snapshot = replace(view.snapshot, store_error="gone")
    assert all(button.disabled for button in buttons(control))


def test_there_is_nothing_to_do_without_an_experiment(view, asked):
    control = controls(view, asked)
    view.experiment = "missing"
    assert buttons(control) == []
