from itertools import product

import pytest

from armlift.errors import LiveError, StateError
from armlift.experiments.life_cycle import ACTIONS, STATES, next_state, possible_actions

STEPS = {
    ("draft", "start"): "running",
    ("running", "pause"): "hold",
    ("hold", "resume"): "running",
    ("running", "complete"): "completed",
    ("hold", "complete"): "completed",
    ("running", "force"): "completed",
    ("hold", "force"): "completed",
    ("completed", "archive"): "archived",
    ("draft", "archive"): "archived",
}


@pytest.mark.parametrize(("step", "expected"), STEPS.items())
def test_allowed_steps(step, expected):
    assert next_state(*step) == expected


@pytest.mark.parametrize("step", sorted(set(product(STATES, ACTIONS)) - set(STEPS)))
def test_every_other_step_is_refused_and_says_what_is_possible(step):
    state, action = step
    with pytest.raises(StateError) as caught:
        next_state(state, action)
    assert isinstance(caught.value, LiveError)
    assert (caught.value.state, caught.value.action) == step
    assert caught.value.possible == tuple(name for name in ACTIONS if (state, name) in STEPS)
    assert all(word in str(caught.value) for word in (state, action, *caught.value.possible))


def test_possible_actions_are_the_steps():
    assert {(state, action) for state in STATES for action in possible_actions(state)} == set(STEPS)


def test_an_unknown_action_is_refused():
    with pytest.raises(StateError, match="explode is not possible while the experiment is running"):
        next_state("running", "explode")
