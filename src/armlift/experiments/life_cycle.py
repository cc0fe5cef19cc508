"""The states of a live experiment and the actions that lead from one to the next.

| state | start | pause | resume | complete | force | archive |
|---|---|---|---|---|---|---|
| draft | running | | | | | archived |
| running | | hold | | completed | completed | |
| hold | | | running | completed | completed | |
| completed | | | | | | archived |
| archived | | | | | | |

An empty cell is refused. In `running` the strategies allocate; in `hold` everybody gets control, in
`completed` the winner, with propensity 1 and nothing recorded. `force` completes with a winner named by hand.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

from armlift.errors import StateError

State = Literal["draft", "running", "hold", "completed", "archived"]
Action = Literal["start", "pause", "resume", "complete", "archive", "force"]
STATES: tuple[State, ...] = get_args(State)
ACTIONS: tuple[Action, ...] = get_args(Action)

_NEXT: Mapping[State, Mapping[Action, State]] = {
    "draft": {"start": "running", "archive": "archived"},
    "running": {"pause": "hold", "complete": "completed", "force": "completed"},
    "hold": {"resume": "running", "complete": "completed", "force": "completed"},
    "completed": {"archive": "archived"},
    "archived": {},
}


def next_state(state: State, action: Action) -> State:
    """Give the state that an action leads to.

    Args:
        state: State of the experiment.
        action: What is asked.

    Raises:
        StateError: The state does not allow the action.

    Example:
        >>> next_state("draft", "start")
        'running'
    """
    allowed = _NEXT[state]
    if action not in allowed:
        raise StateError(action, state, possible_actions(state))
    return allowed[action]


def possible_actions(state: State) -> tuple[Action, ...]:
    """Give the actions that a state allows.

    Example:
        >>> possible_actions("completed")
        ('archive',)
    """
    return tuple(_NEXT[state])
