"""What a chart of the dashboard shows, in words that a language fills in: a message and its values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Finding(NamedTuple):
    """One sentence, in no language yet.

    Attributes:
        key: Key of the message, without `dash.`.
        words: What is filled in, by name: numbers as they are written, names, or findings themselves.
    """

    key: str
    words: Mapping[str, object] = {}
