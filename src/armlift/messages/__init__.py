"""What people read in the card application and on the dashboard, in each language, from one file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

FALLBACK: Final = "en"

_FILE: Final = Path(__file__).parent / "messages.json"


@dataclass(frozen=True)
class Messages:
    """The messages of one language.

    Attributes:
        language: Its code, as in `lang="en"`.
        texts: Message by key; names in braces are filled in.

    Example:
        >>> CATALOGUE["en"].say("like", title="Heat")
        'Like Heat'
    """

    language: str
    texts: Mapping[str, str]

    def say(self, key: str, **values: object) -> str:
        """Give a message.

        Args:
            key: Which one.
            **values: What is filled in.
        """
        return self.texts[key].format(**values) if values else self.texts[key]

    def genre(self, name: str) -> str:
        """Give a genre's name; a genre without one keeps its own."""
        return self.texts.get(f"genre.{name}", name)


def _read() -> dict[str, Messages]:
    texts: dict[str, dict[str, str]] = json.loads(_FILE.read_text("utf-8"))
    return {language: Messages(language, messages) for language, messages in texts.items()}


CATALOGUE: Final = _read()
"""The messages by language, in the order in which the page offers them."""


def speak(*wishes: str | None, accepts: str = "") -> Messages:
    """Find the language to speak.

    Args:
        *wishes: Codes of languages asked for by name, the most pressing first; None where nobody asked.
        accepts: The browser's `Accept-Language`.

    Returns:
        The first one that is spoken here, or `FALLBACK`.

    Example:
        >>> speak(None, accepts="fr, ko-KR;q=0.8, en;q=0.5").language
        'ko'
    """
    for language in (*wishes, *_ranked(accepts)):
        if language in CATALOGUE:
            return CATALOGUE[language]
    return CATALOGUE[FALLBACK]


def _ranked(accepts: str) -> list[str]:
    """Primary codes of an `Accept-Language`, the most welcome first; what it refuses (`q=0`) is left out."""
    ranked = []
    for part in accepts.split(","):
        code, _, quality = part.strip().partition(";q=")
        try:
            weight = float(quality or 1)
        except ValueError:
            weight = 0.0
        if weight > 0:
            ranked.append((weight, code.strip().lower().partition("-")[0]))
    return [code for _, code in sorted(ranked, key=lambda entry: -entry[0])]
