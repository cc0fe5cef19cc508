import inspect
import re

import pytest

from armlift import errors
from armlift.errors import (
    ArmliftError,
    ExpiredDecision,
    ForgedDecision,
    LiveError,
    MismatchedDecision,
    RewardConflict,
    StateError,
    StoreLocked,
    StoreUnavailable,
    UnknownExperiment,
)


def test_the_tree_at_the_top_is_the_tree():
    drawn = re.findall(r"[├└]── (\w+)", errors.__doc__)
    classes = inspect.getmembers(errors, inspect.isclass)
    raised = {name for name, kind in classes if issubclass(kind, ArmliftError) and kind is not ArmliftError}
    assert set(drawn) == raised
    assert len(drawn) == len(raised)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            StateError("pause", "draft", ("start", "archive")),
            ("pause", "while the experiment is draft", "Possible now: start, archive"),
        ),
        (StateError("start", "archived", ()), ("start", "archived", "Nothing more")),
        (UnknownExperiment("flims", ("films",)), ("'flims'", "not known", "Choose one of films")),
        (UnknownExperiment(""), ("none is running", "Create and start one")),
        (ForgedDecision("d1.x"), ("'d1.x'", "signature does not fit", "unchanged")),
        (ExpiredDecision(1900.2, 1800), ("1900 s old", "for 1800 s", "reward_window_minutes")),
        (MismatchedDecision("arm", "svd", "random"), ("arm = 'svd'", "must be 'random'", "that /choose")),
        (MismatchedDecision("user_id"), ("user_id: differs", "must be the signed one")),
        (RewardConflict("01J", 1.0, 0.0), ("reward = 1:", "01J has 0 already", "Choose again")),
        (RewardConflict("01J", 0.5, None), ("01J has another already",)),
        (StoreUnavailable("disk full"), ("disk full", "Nothing was counted", "send it again")),
        (StoreLocked("a.db", "process 7"), ("a.db is held by process 7", "Stop the other", "DATABASE_URL")),
        (StoreLocked("a.db"), ("a.db is held;",)),
    ],
)
def test_refusals_name_value_bound_and_remedy(error, words):
    assert isinstance(error, LiveError)
    assert all(word in str(error) for word in words), str(error)


@pytest.mark.parametrize(
    "error",
    [
        UnknownExperiment("x" * 10_000),
        ForgedDecision("x" * 10_000),
        MismatchedDecision("arm", "x" * 10_000, "y" * 10_000),
    ],
)
def test_long_values_are_cut(error):
    assert len(str(error)) < 300
