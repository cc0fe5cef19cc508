"""Sentences of the quality page."""

from __future__ import annotations

import pandas as pd
import pytest

from armlift.messages import CATALOGUE
from dashboard.quality_figures import Exclusions
from dashboard.quality_words import (
    alarms_in_words,
    drift_in_words,
    exclusions_in_words,
    guardrail_in_words,
    p_in_words,
    reasons_in_words,
)


def say(key: str, **values: object) -> str:
    return CATALOGUE["en"].say(f"dash.{key}", **values)


def last(*rows: tuple[object, ...]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["name", "value", "threshold", "alarm"])


def test_alarms() -> None:
    columns = ["experiment_id", "metric", "segment", "alarm"]
    nothing = pd.DataFrame(columns=columns)
    assert alarms_in_words(nothing, say) == (False, say("quality.alarms.unmeasured"))
    calm = pd.DataFrame([("films", "error_rate", "", False)], columns=columns)
    assert alarms_in_words(calm, say) == (False, say("quality.alarms.none"))
    loud = pd.DataFrame(
        [("films", "error_rate", "", True), ("films", "sample_ratio", "split", True)], columns=columns
    )
    rings, words = alarms_in_words(loud, say)
    assert rings
    assert "error_rate, sample_ratio (split)" in words


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([("a", 0.5, 0.001, False), ("b", 0.04, 0.001, False)], "0.04 (b), above 0.001"),
        ([("a", 0.5, 0.001, False), ("b", 1e-7, 0.001, True)], "b was < 0.0001, below 0.001"),
        ([("a", 0.5, None, False)], "0.50 (a), above –"),
    ],
)
def test_the_smallest_p_value_speaks(rows: list[tuple[object, ...]], words: str) -> None:
    assert words in p_in_words(last(*rows), "sample_ratio", say)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([("a", 3.0, 3.5, False), ("b", 3.4, 3.5, False)], "nearest to it is 3.4 (b)"),
        ([("a", 3.9, 3.5, True), ("b", 3.4, 3.5, False)], "beyond its bound of 3.5: 3.9 (a)"),
        ([("a", 3.9, None, False)], "lcp_seconds was 3.9 (a)"),
    ],
)
def test_guardrails(rows: list[tuple[object, ...]], words: str) -> None:
    assert words in guardrail_in_words(last(*rows), "lcp_seconds", say)


def test_drift() -> None:
    calm = drift_in_words(last(("a", 0.1, 0.25, False), ("b", 0.05, 0.25, False)), say)
    assert calm.startswith("None of 2 features drifts; the largest PSI is 0.100 (a)")
    loud = drift_in_words(last(("a", 0.1, 0.25, False), ("b", 0.3, 0.25, True)), say)
    assert loud.startswith("b drifted: the largest PSI is 0.300 (b)")


def test_exclusions() -> None:
    assert "1,234 of 12,340 rows" in exclusions_in_words(Exclusions(1234, 12_340), say)
    assert exclusions_in_words(Exclusions(0, 10), say).startswith("None of 10 rows")
    assert reasons_in_words({}, 10, say) == ""
    assert "headless 3, crawler 1" in reasons_in_words({"headless": 3, "crawler": 1}, 10, say)
