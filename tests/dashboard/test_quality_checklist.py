"""The checklist in both languages, judged by brief and readings."""

from __future__ import annotations

import pandas as pd
import pytest
from live_log import brief as films

from armlift.experiments.brief import load_brief
from armlift.experiments.checklist import Status, check_brief
from armlift.messages import CATALOGUE
from dashboard.quality_checklist import checklist

NOTHING = pd.DataFrame({"metric": [], "segment": [], "alarm": []})
GUARDED = films(guardrails=[{"metric": "lcp_seconds", "at_most": 3.5}], segments=["device"])
BRIEFS = {
    "plain": films(),
    "guarded": GUARDED,
    "product page": load_brief("conf/base/briefs/product_page.yml"),
    "peeking": films(stopping_rule="p_best_95"),
    "once": films(stopping_rule="fixed_horizon", looks=1),
    "careless": films(quality={"sticky": False, "bot_filter": False, "sample_ratio_alarm": None}),
    "down": films(
        primary_metric={"id": "ctr", "baseline": 0.1, "mde": 0.1, "direction": "decrease"},
        strategies=[{"id": "split", "allocation": "fixed"}],
    ),
}


def readings(*rows):
    return pd.DataFrame(rows, columns=["metric", "segment", "alarm"])


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("brief", BRIEFS.values(), ids=list(BRIEFS))
def test_every_item_has_words_in_every_language(brief, language):
    lines = checklist(brief, NOTHING, CATALOGUE[language].say)
    assert [(line.id, line.status) for line in lines] == [
        (item.id, item.status) for item in check_brief(brief).items
    ]
    for line in lines:
        assert line.statement
        assert line.reason
        assert "{" not in line.statement + line.reason


def test_the_english_reason_names_the_same_numbers_as_the_domains_own():
    lines = {line.id: line for line in checklist(BRIEFS["product page"], NOTHING, CATALOGUE["en"].say)}
    items = {item.id: item for item in check_brief(BRIEFS["product page"]).items}
    for number in (word for word in items["duration.split"].reason.split() if word[0].isdigit()):
        assert number.strip(",;") in lines["duration.split"].reason


def test_what_was_measured_since_takes_the_place_of_what_was_open():
    say = CATALOGUE["en"].say
    before = {line.id: line for line in checklist(GUARDED, NOTHING, say)}
    assert before["guardrails"].status is Status.NOT_JUDGED
    assert "sample_ratio" not in before
    newest_first = readings(
        ("sample_ratio", "split", False),
        ("sample_ratio", "split", True),
        ("lcp_seconds", "svd", True),
        ("lcp_seconds", "popularity", False),
        ("clicks", "svd", True),
    )
    after = {line.id: line for line in checklist(GUARDED, newest_first, say)}
    assert after["sample_ratio"].status is Status.PASSED
    assert after["guardrails"].status is Status.FAILED
    assert "lcp_seconds" in after["guardrails"].reason
    assert "clicks" not in after["guardrails"].reason
    assert after["page_speed"].status is Status.FAILED
    calm = {line.id: line for line in checklist(GUARDED, newest_first[3:4], say)}
    assert calm["guardrails"].status is Status.PASSED
