"""The words of a product page for what armlift calls otherwise.

| product page | armlift |
|---|---|
| `click` | `click_detail` |
| `conversion` | `purchase` |
| `type` | `event_type` |
| `product_id` | `item_id` |
| `experiment` | `experiment_id` |
| `arm`, `variant`, `variant_id` | `arm_id` |
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, cast

from armlift.errors import ParameterError
from armlift.experiments.log_rows import EVENT_TYPES, EventType

EVENT_WORDS: Mapping[str, EventType] = {"click": "click_detail", "conversion": "purchase"}
FIELD_WORDS: Mapping[str, str] = {
    "type": "event_type",
    "product_id": "item_id",
    "experiment": "experiment_id",
    "arm": "arm_id",
    "variant": "arm_id",
    "variant_id": "arm_id",
}

_WORDS: Mapping[str, EventType] = {**{each: cast(EventType, each) for each in EVENT_TYPES}, **EVENT_WORDS}


def event_type(word: object) -> EventType:
    """Give the event type that a word means.

    Args:
        word: The word, as it came.

    Raises:
        ParameterError: It means none.

    Example:
        >>> event_type("conversion"), event_type("purchase")
        ('purchase', 'purchase')
    """
    if not isinstance(word, str) or word not in _WORDS:
        raise ParameterError("event_type", word, f"one of {', '.join(_WORDS)}", "Choose one of them.")
    return _WORDS[word]


def revenue(
    kind: str, stated: float | None = None, price: float | None = None, quantity: int | None = None
) -> float | None:
    """Give the revenue of an event: as stated, or for a purchase its price times its quantity.

    Args:
        kind: Event type.
        stated: Revenue that the event states, currency.
        price: Of one item, currency.
        quantity: Items bought; one if a purchase does not say.

    Returns:
        The revenue in currency; None if it is not known.

    Example:
        >>> revenue("purchase", price=12.5, quantity=2)
        25.0
    """
    if stated is not None or kind != "purchase" or price is None:
        return stated
    return price * (1 if quantity is None else quantity)


def in_our_words(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Translate the fields of an event, whichever of the two vocabularies they are in.

    Values are whatever a client sent: those of a wrong type are kept as they are, for a schema to refuse.

    Args:
        fields: Fields by name; those of other names are kept.

    Returns:
        The same fields under armlift's names, with the revenue of a purchase if it follows from them.

    Raises:
        ParameterError: The event type is not known, or two words for one field are there and differ.

    Example:
        >>> in_our_words({"event_type": "click", "variant_id": "svd"})
        {'event_type': 'click_detail', 'arm_id': 'svd'}
    """
    ours: dict[str, Any] = {}
    for name, value in fields.items():
        word = FIELD_WORDS.get(name, name)
        if ours.setdefault(word, value) != value:
            raise ParameterError(name, value, f"{word} = {ours[word]!r}", f"Send {word} alone.")
    if "event_type" in ours:
        ours["event_type"] = event_type(ours["event_type"])
    price, quantity = ours.get("price"), ours.get("quantity")
    earns = ours.get("event_type") == "purchase" and ours.get("revenue") is None
    if earns and isinstance(price, float | int) and isinstance(quantity, int | None):
        with suppress(OverflowError):  # numbers that no schema lets pass
            ours["revenue"] = revenue("purchase", None, price, quantity)
    return ours
