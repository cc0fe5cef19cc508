import re

import pytest

from armlift.errors import ParameterError
from armlift.experiments.event_words import event_type, in_our_words, revenue
from armlift.experiments.log_rows import EVENT_TYPES, Event


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [("click", "click_detail"), ("conversion", "purchase"), *((each, each) for each in EVENT_TYPES)],
)
def test_event_types(theirs, ours):
    assert event_type(theirs) == ours


@pytest.mark.parametrize("word", ["", "Click", "view", None, 3, [], {}])
def test_an_unknown_event_type_lists_the_known_ones(word):
    with pytest.raises(
        ParameterError, match=rf"event_type = {re.escape(repr(word))}.*impression.*conversion"
    ):
        event_type(word)
    with pytest.raises(ParameterError, match="event_type"):
        in_our_words({"type": word})


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (("purchase", None, 10.0, 3), 30.0),
        (("purchase", None, 10.0, None), 10.0),
        (("purchase", 25.0, 10.0, 3), 25.0),
        (("purchase", 0.0, 10.0, 3), 0.0),
        (("purchase", None, None, 3), None),
        (("purchase", None, 10.0, 0), 0.0),
        (("click_detail", None, 10.0, 3), None),
        (("add_to_cart", 2.0, 10.0, 3), 2.0),
    ],
)
def test_revenue(given, expected):
    assert revenue(*given) == expected


def test_a_product_page_speaks_its_own_words():
    theirs = {
        "event_type": "conversion",
        "product_id": "p1",
        "variant_id": "benefit_first",
        "price": 2.5,
        "quantity": 2,
        "device": "mobile",
    }
    ours = in_our_words(theirs)
    assert ours == {
        "event_type": "purchase",
        "item_id": "p1",
        "arm_id": "benefit_first",
        "price": 2.5,
        "quantity": 2,
        "device": "mobile",
        "revenue": 5.0,
    }
    assert set(ours) <= set(Event._fields)
    assert in_our_words(ours) == ours


@pytest.mark.parametrize(
    "theirs",
    [
        {"price": "12", "quantity": 2},
        {"price": [1], "quantity": 2},
        {"price": 1.5, "quantity": 10**400},
        {"price": 1.5, "quantity": "2"},
        {"price": 1.5, "quantity": 2.5},
        {"quantity": 2},
    ],
)
def test_what_is_no_price_or_quantity_is_left_to_the_schema(theirs):
    assert in_our_words({"event_type": "purchase"} | theirs) == {"event_type": "purchase"} | theirs


@pytest.mark.parametrize("word", ["arm", "variant", "variant_id", "arm_id"])
def test_every_word_for_the_arm(word):
    assert in_our_words({"type": "click", "experiment": "films", word: "svd", "unknown": [1]}) == {
        "event_type": "click_detail",
        "experiment_id": "films",
        "arm_id": "svd",
        "unknown": [1],
    }


def test_both_words_must_agree():
    assert in_our_words({"item_id": "p1", "product_id": "p1"}) == {"item_id": "p1"}
    with pytest.raises(ParameterError, match="product_id = 'p2': must satisfy item_id = 'p1'"):
        in_our_words({"item_id": "p1", "product_id": "p2"})
