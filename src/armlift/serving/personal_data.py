"""What clients write freely and the log keeps, without the person it is about.

A user's id goes no further than the edge. Where a context or a label repeats it, or names somebody by another
address, the keyed hash of that is kept in its place: equal ones stay equal, and none can be traced back.

| replaced | where |
|---|---|
| the user's id as a word, of 3 characters or more; as a number, of 7 or more | in every text and number |
| e-mail addresses, IP addresses | in every text |
| whatever is called `user_id`, `email`, `phone`, `ip`, `user_agent` and the like | in contexts |

Shorter ids cannot be told from other words and numbers; by themselves they name nobody.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any
from urllib.parse import quote

import msgspec

from armlift.errors import ParameterError
from armlift.experiments.signing import LONGEST_CONTEXT

UserKey = Callable[[str], str]

_SHORTEST_WORD, _SHORTEST_NUMBER = 3, 7
_MAIL = re.compile(r"[^\s@<>\"'(),:;/?&=]{1,64}(?:@|%40)[\w-]{1,63}(?:\.[\w-]{1,63})+")
_V4 = r"(?:\d{1,3}\.){3}\d{1,3}"
_V6 = rf"(?:[0-9A-Fa-f]{{0,4}}:){{2,7}}(?:{_V4}|[0-9A-Fa-f]{{1,4}})?"
_ADDRESS = re.compile(rf"(?<![\w.:])(?:{_V4}(?!\w|\.\d)|{_V6}(?![\w:]))")
_PERSONAL = frozenset(
    (
        *(
            "user",
            "userid",
            "uid",
            "username",
            "login",
            "targetingkey",
            "customerid",
            "accountid",
            "visitorid",
        ),
        *("email", "emailaddress", "mail", "phone", "phonenumber", "firstname", "lastname", "fullname"),
        *("ip", "ipaddress", "clientip", "remoteaddress", "address", "useragent"),
    )
)


def context_json(context: dict[str, Any], user_id: str, user_key: UserKey) -> str:
    """Give a context as JSON text.

    Args:
        context: What the client sent.
        user_id: The user's id.
        user_key: Gives the keyed hash of an id.

    Raises:
        ParameterError: It is too long or too deep, or cannot be stored.
    """
    if not context:
        return "{}"
    try:
        text = msgspec.json.encode(context)
        if len(text) > LONGEST_CONTEXT:
            raise _unfit(f"{len(text)} bytes")
        return msgspec.json.encode(_without_person(context, user_id, user_key)).decode()
    except RecursionError:
        raise _unfit("a deep object") from None


def label(name: str, text: str, user_id: str, user_key: UserKey) -> str:
    """Give a short text, such as a session's name.

    Args:
        name: Name of the field.
        text: What the client sent.
        user_id: The user's id.
        user_key: Gives the keyed hash of an id.

    Raises:
        ParameterError: It cannot be stored.
    """
    return _words(text, user_id, user_key, name) if text else text


def _without_person(value: Any, user_id: str, user_key: UserKey) -> Any:
    if isinstance(value, str):
        return _words(value, user_id, user_key)
    if isinstance(value, dict):
        return {
            _words(name, user_id, user_key): user_key(_plain(member))
            if _is_personal(name) and member is not None
            else _without_person(member, user_id, user_key)
            for name, member in value.items()
        }
    if isinstance(value, list):
        return [_without_person(member, user_id, user_key) for member in value]
    if type(value) is int and len(user_id) >= _SHORTEST_NUMBER and str(value) == user_id:
        return user_key(user_id)
    return value


def _words(text: str, user_id: str, user_key: UserKey, name: str = "context") -> str:
    if "\x00" in text:
        raise ParameterError(name, text[:60], "a text without NUL characters", "Leave them out.")
    for spelling in (user_id, quote(user_id, safe="")) if "%" in text else (user_id,):
        if spelling in text and len(user_id) >= (_SHORTEST_NUMBER if user_id.isdecimal() else _SHORTEST_WORD):
            text = re.sub(rf"(?<!\w){re.escape(spelling)}(?!\w)", user_key(user_id), text)
    if "@" in text or "%40" in text:
        text = _MAIL.sub(lambda found: user_key(found[0].replace("%40", "@")), text)
    if "." in text or ":" in text:
        text = _ADDRESS.sub(lambda found: _if_address(found[0], user_key), text)
    return text


def _if_address(text: str, user_key: UserKey) -> str:
    """The hash of an address; what only looks like one, such as a time of day, stays."""
    try:
        return user_key(str(ip_address(text)))
    except ValueError:
        return text


def _is_personal(name: str) -> bool:
    return name.replace("_", "").replace("-", "").lower() in _PERSONAL


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _unfit(value: str) -> ParameterError:
    bound = f"a JSON object of at most {LONGEST_CONTEXT} bytes"
    return ParameterError("context", value, bound, "Send what the policies need.")
