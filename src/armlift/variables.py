"""How environment variables are read: each checked, with a remedy for what it may not be."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from math import isfinite
from typing import TypeVar
from urllib.parse import urlsplit

from armlift.errors import ParameterError

_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?|[0-9A-Fa-f]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*")
_Number = TypeVar("_Number", int, float)
_Choice = TypeVar("_Choice", bound=str)


class Variables:
    """Variables of an environment, each checked as it is read; an empty one counts as absent.

    Args:
        environ: The environment.

    Raises:
        ParameterError: By every method, for a value that is not of its kind.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def text(self, name: str) -> str:
        """Any text."""
        return self._environ.get(name, "").strip()

    def list(self, name: str) -> tuple[str, ...]:
        """Texts, comma-separated."""
        return tuple(filter(None, map(str.strip, self.text(name).split(","))))

    def choice(self, name: str, choices: tuple[_Choice, ...], default: _Choice) -> _Choice:
        """One of some words."""
        text = self.text(name) or default
        for each in choices:
            if text == each:
                return each
        raise ParameterError(name, text, f"one of {', '.join(choices)}", "Choose one, or leave it out.")

    def switch(self, name: str, *, may_be_off: bool) -> bool:
        """On or off; on by default unless it may be off."""
        text = self.text(name).lower()
        if text not in ("", "on", "off"):
            raise ParameterError(name, text, "on or off", "Choose one, or leave it out.")
        if text == "off" and not may_be_off:
            raise ParameterError(
                name,
                text,
                "on, except in MODE=development on a loopback HOST",
                "Leave it out, or set it to on.",
            )
        return text == "on" or (text == "" and not may_be_off)

    def number(
        self,
        name: str,
        kind: Callable[[str], _Number],
        default: _Number,
        *,
        at_least: _Number,
        at_most: _Number | None = None,
    ) -> _Number:
        """A number within bounds."""
        text = self.text(name)
        if not text:
            return default
        try:
            value = kind(text)
        except ValueError:
            value = None
        if (
            value is not None
            and isfinite(value)
            and value >= at_least
            and (at_most is None or value <= at_most)
        ):
            return value
        bound = f"{at_least:g} or more" if at_most is None else f"{at_least:g} to {at_most:g}"
        words = "a whole number" if kind is int else "a number"
        raise ParameterError(name, text, f"{words}, {bound}", f"Leave it out for {default:g}.")

    def host(self, name: str, default: str) -> str:
        """A host name or an address."""
        text = self.text(name) or default
        if not _HOST.fullmatch(text):
            raise ParameterError(name, text, "a host name or an address", "Leave out scheme and port.")
        return text

    def hosts(self, name: str, default: tuple[str, ...]) -> tuple[str, ...]:
        """Host names, or `*` for any; IPv6 addresses in brackets."""
        hosts = [host.strip("[]").lower() for host in self.list(name) or default]
        for host in hosts:
            if host != "*" and not _HOST.fullmatch(host):
                raise ParameterError(name, host, "host names or *", "Leave out scheme and port.")
        return tuple(dict.fromkeys(f"[{host}]" if ":" in host else host for host in hosts))

    def url(self, name: str, default: str) -> str:
        """An address of the web, without the slash at its end."""
        text = (self.text(name) or default).rstrip("/")
        if not _is_web_address(text):
            shown = text.rpartition("@")[2]  # not what stands before it
            raise ParameterError(
                name, shown, "an address such as https://router.example", "Write it in full."
            )
        return text

    def origins(self, name: str) -> tuple[str, ...]:
        """Origins, comma-separated."""
        origins = self.list(name)
        for origin in origins:
            if not _is_web_address(origin) or urlsplit(origin).path:
                bound = "origins such as https://shop.example, without a path"
                raise ParameterError(name, origin, bound, "Name each one; * is not allowed.")
        return origins


def _is_web_address(text: str) -> bool:
    """Whether it is http(s) with a host, without credentials, query or fragment."""
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return False
    plain = not (parts.query or parts.fragment or "@" in parts.netloc)
    return parts.scheme in ("http", "https") and plain and _HOST.fullmatch(host) is not None
