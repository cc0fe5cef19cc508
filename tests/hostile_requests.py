"""Requests that nobody should send, by a seed: bytes as they go over the wire."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote, quote_from_bytes

from hostile_client import Hostile

HUGE = 30_000
JSON = "application/json"

STRINGS = (
    *("", " ", "\0", "a\0b", "\r\nSet-Cookie: x=1", "%00", "%0d%0a", "../../../etc/passwd", "' OR 1=1 --"),
    *("{{7*7}}", "<script>alert(1)</script>", "\ufeff", "\ufffd\uffff", "\u202e\u200f", "e\u0301" * 40),
    *("\U0001f3ac" * 30, "null", "NaN", "-1", "d1.1.2.3", "movielens", "svd", "true", "A" * 129, "한글"),
)
LITERALS = (
    *(
        "NaN",
        "Infinity",
        "-Infinity",
        "1e999",
        "-1e999",
        "1e308",
        "-0.0",
        "9" * 400,
        "0x10",
        "01",
        "1.",
        "+1",
    ),
    *('"\\ud800"', '"\\udc00\\ud800"', '"\\u0000"', '"\\x41"', "'a'", "[1,]", '{"a":1,}', "undefined", "//"),
    *("9223372036854775808", "-9223372036854775809", "1e-400", "true", "null", "[]", "{}", '""', "4e9", "-1"),
)
EVENT_TYPES = ("impression", "click", "click_detail", "purchase", "conversion", "like", "reward", "other")


class HostileRequests:
    """Draws requests.

    Args:
        host: Host and port, for the header.
        seed: The same seed draws the same requests.
        tokens: Signed decision ids of the user `anna`, to be changed and misused.
    """

    def __init__(self, host: str, seed: int, tokens: Sequence[str]) -> None:
        self._host, self._rng, self._tokens = host, random.Random(seed), tokens
        self._kinds = (
            *(self.wrong_value, self.wrong_value, self.wrong_literal, self.random_bytes, self.deep_json),
            *(self.overlong, self.duplicate_keys, self.wrong_method, self.changed_token, self.odd_query),
            *(self.odd_path, self.odd_header, self.odd_type, self.odd_length, self.odd_chunks),
            *(self.truncated, self.websocket, self.card, self.batch),
        )

    def draw(self) -> Hostile:
        """Draw the next request."""
        return self._rng.choice(self._kinds)()

    def wrong_value(self) -> Hostile:
        """A sound body of which some members are something else, missing, or called otherwise."""
        path, body = self._sound()
        for name in self._rng.sample(sorted(body), min(len(body), self._rng.randint(1, 2))):
            if self._rng.random() < 0.15:
                body[self._string()] = body.pop(name)
            else:
                body[name] = self._value()
        return self._post("wrong value", path, _json(body))

    def wrong_literal(self) -> Hostile:
        """A sound body with a literal in it that is no JSON, or no number of ours."""
        path, body = self._sound()
        name = self._rng.choice(sorted(body))
        mark = "\ue000"
        text = json.dumps(body | {name: mark}, ensure_ascii=False).replace(
            f'"{mark}"', self._rng.choice(LITERALS)
        )
        return self._post("wrong literal", path, text.encode())

    def random_bytes(self) -> Hostile:
        """No text at all."""
        return self._post("random bytes", self._path(), self._rng.randbytes(self._rng.randint(0, 500)))

    def deep_json(self) -> Hostile:
        """Nested further than any reader wants to go."""
        depth = self._rng.choice((50, 300, 900, 1100, 5000, HUGE))
        open_, close = self._rng.choice(((b"[", b"]"), (b'{"a":', b"}")))
        deep = open_ * min(depth, HUGE // len(open_)) + b"1" + close * min(depth, HUGE // len(open_))
        if self._rng.random() < 0.5:
            deep = b'{"user_id":"anna","context":{"a":' + deep + b"}}"
        return self._post("deep JSON", self._path(), deep)

    def overlong(self) -> Hostile:
        """A text, a number, a list or an object that is too large."""
        path, body = self._sound()
        size = self._rng.choice((130, 256, 2_100, 20_000, 60_000, 70_000))
        large: Any = self._rng.choice(
            ("x" * size, "한" * (size // 3), 10 ** min(size, 4000), [0] * (size // 3))
        )
        where = self._rng.choice(sorted(body))
        body[where] = {"a": large} if self._rng.random() < 0.3 else large
        return self._post("overlong", path, _json(body))

    def duplicate_keys(self) -> Hostile:
        """A member twice."""
        path, body = self._sound()
        name = self._rng.choice(sorted(body))
        text = _json(body)[:-1] + b"," + _json({name: self._value()})[1:]
        return self._post("duplicate keys", path, text)

    def wrong_method(self) -> Hostile:
        """A method that the path does not have."""
        method = self._rng.choice(("PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "TRACE", "PROPFIND", "X-Y.Z"))
        paths = (
            "/choose",
            "/update",
            "/events",
            "/metrics",
            "/health/ready",
            "/",
            "/docs",
            "/api/experiments",
        )
        return self._request("wrong method", method, self._rng.choice(paths), b"{}")

    def changed_token(self) -> Hostile:
        """A decision id of somebody else, or changed in one place."""
        token = self._rng.choice(self._tokens)
        at = self._rng.randrange(len(token))
        changed = self._rng.choice(
            (
                token[:at] + self._rng.choice("AZaz09-_.~=%") + token[at + 1 :],
                token[:at],
                token + "=",
                token[:at] + "\0" + token[at:],
                token.swapcase(),
            )
        )
        body = {"decision_id": changed, "user_id": self._rng.choice(("anna", "berta")), "reward": 0.5}
        if changed == token:
            body["user_id"] = "berta"
        if self._rng.random() < 0.3:
            event = {name: value for name, value in body.items() if name != "reward"}
            return self._post("changed token", "/events", _json(event | {"event_type": "impression"}))
        return self._post("changed token", "/update", _json(body))

    def odd_query(self) -> Hostile:
        """A query that is no query, or says things twice."""
        names = ("user_id", "experiment", "context", "session_id", "simulated", "shown", "lang", "")
        pairs = []
        for _ in range(self._rng.randint(0, 5)):
            value = self._rng.choice(
                (quote(self._string()), quote_from_bytes(self._rng.randbytes(8)), "%zz%", "&=&")
            )
            pairs.append(f"{self._rng.choice(names)}={value}")
        path = self._rng.choice(
            ("/choose", "/choose?user_id=anna&context=%7B%7D", "/", "/cards/more", "/docs")
        )
        query = "&".join(pairs)[:8000]
        return self._request("odd query", "GET", path + ("&" if "?" in path else "?") + query)

    def odd_path(self) -> Hostile:
        """A path that leads elsewhere, or nowhere."""
        base = self._rng.choice(
            (
                *(
                    "/static/",
                    "/docs/assets/",
                    "/docs/start/",
                    "/api/experiments/",
                    "/cards/films/",
                    "/%2e%2e/",
                ),
                *("/ofrep/v1/evaluate/flags/", "/health/", "//", "/..;/", "/api/experiments/a/"),
            )
        )
        tail = self._rng.choice(
            (quote(self._string()), "%2e%2e/%2e%2e/etc/passwd", "%00", "%ff%fe", "a" * 5000)
        )
        return self._request("odd path", self._rng.choice(("GET", "POST")), base + tail, b"{}")

    def odd_header(self) -> Hostile:
        """Headers with what no header may hold, or that contradict each other."""
        extra = self._rng.choice(
            (
                *(
                    b"X-API-Key: \xff\xfe\x80",
                    b"Authorization: Bearer " + b"k" * 5000,
                    b"Authorization: Basic YTpi",
                ),
                *(
                    b"Host: evil.example",
                    b"Origin: https://evil.example",
                    b"Origin: null",
                    b"Origin: \xc3\xa9",
                ),
                *(b"X-A: a\r\n folded", b"X-A: a\0b", b"X A: b", b": empty", b"Cookie: " + b"a=b;" * 3000),
                *(b"User-Agent: " + b"Mozilla/5.0 " * 500, b"User-Agent: \x80\x81", b"Expect: 100-continue"),
                *(
                    b"If-None-Match: " + b'"a",' * 2000,
                    b"Accept: ;;;,,,",
                    b"Accept-Language: " + b"ko;q=x," * 500,
                ),
                *(b'Forwarded: for="_x"', b"X-Forwarded-For: ' OR 1=1", b"Range: bytes=9-1", b"TE: trailers"),
                *(
                    b"Content-Encoding: gzip",
                    b"Upgrade: h2c",
                    b"Connection: upgrade",
                    b"Sec-Fetch-Site: cross-site",
                ),
            )
        )
        path, body = self._sound()
        if self._rng.random() < 0.3:
            return self._request("odd header", "GET", "/choose?user_id=anna", None, extra)
        return self._request("odd header", "POST", path, _json(body), extra)

    def odd_type(self) -> Hostile:
        """Another content type than the body's."""
        path, body = self._sound()
        types = ("text/plain", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded", "")
        types += (
            "application/msgpack",
            "application/json; charset=utf-16",
            "multipart/form-data",
            "\x7f",
            "a/b/c",
        )
        return self._request("odd type", "POST", path, _json(body), content_type=self._rng.choice(types))

    def odd_length(self) -> Hostile:
        """A length that is none, or another than the body's."""
        length = self._rng.choice(
            ("-1", "1e3", "0x10", "9" * 30, "70000", "99999999", "5, 5", "٣", " ", "+5")
        )
        head = f"POST {self._path()} HTTP/1.1\r\nHost: {self._host}\r\nContent-Length: {length}\r\n\r\n"
        return Hostile(
            "odd length", head.encode(), waits=length in ("-1", "1e3", "0x10", "70000", "99999999")
        )

    def odd_chunks(self) -> Hostile:
        """Chunks that are too many, too long or broken."""
        head = f"POST {self._path()} HTTP/1.1\r\nHost: {self._host}\r\nContent-Type: {JSON}\r\n"
        head += "Transfer-Encoding: chunked\r\n\r\n"
        kind = self._rng.randrange(3)
        if kind == 0:
            body = b"ffff\r\n" + b"x" * 0xFFFF + b"\r\n" + b"1000\r\n" + b"y" * 0x1000 + b"\r\n0\r\n\r\n"
        elif kind == 1:
            body = b"".join(b"1\r\n[\r\n" for _ in range(300)) + b"0\r\n\r\n"
        else:
            return Hostile("odd chunks", head.encode() + b"zz\r\nabc\r\n0\r\n\r\n", waits=False)
        return Hostile("odd chunks", head.encode() + body)

    def truncated(self) -> Hostile:
        """The first part of a request, after which nothing comes."""
        path, body = self._sound()
        data = self._request("truncated", "POST", path, _json(body)).data
        return Hostile("truncated", data[: self._rng.randrange(1, len(data))], waits=False)

    def websocket(self) -> Hostile:
        """A handshake that goes wrong at some point."""
        path = "/ws/experiments/" + quote(self._string(), safe="")
        keys = (b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", b"Sec-WebSocket-Key: x", b"X-A: b")
        extra = (
            b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            + self._rng.choice(keys)
        )
        data = self._request("websocket", "GET", path, None, extra).data + self._rng.randbytes(20)
        return Hostile("websocket", data, waits=False)

    def card(self) -> Hostile:
        """What the page would never send."""
        cookie = self._rng.choice(
            (b"Cookie: reel_visitor=" + b"a" * 22, b"Cookie: reel_visitor=x; =;", b"X-A: b")
        )
        event = {"event_id": "e", "event_type": "impression", "ts": 1.0, "item_id": 1}
        event[self._rng.choice((*event, "decision_id", "meta", "position"))] = self._value()
        return self._request("card", "POST", "/cards/events", _json({"events": [event]}), cookie)

    def batch(self) -> Hostile:
        """Events of all sorts, or too many of them."""
        events: list[Any] = [self._value() for _ in range(self._rng.choice((0, 1, 5, 501)))]
        return self._post("batch", "/events", _json(events)[:60_000])

    def _sound(self) -> tuple[str, dict[str, Any]]:
        """A request that would be taken, if its user's arm were right."""
        user = f"user {self._rng.randrange(100)}"
        choice = {
            "user_id": user,
            "experiment": "movielens",
            "context": {"device": "mobile"},
            "session_id": "s",
        }
        reward = {"user_id": user, "arm": "svd", "reward": 1.0, "item_id": "1", "ts": "2026-01-01T00:00:00Z"}
        event = {"user_id": user, "event_type": self._rng.choice(EVENT_TYPES), "item_id": 1, "ts": 1.8e9}
        event |= {"price": 1.5, "quantity": 1, "position": 0, "meta": {}, "device": "mobile"}
        token = self._rng.choice(self._tokens)
        flag = {"context": {"targetingKey": user, "device": self._value()}}
        reason: dict[str, Any] = {"reason": "hostile", "who": "somebody"}
        bodies: tuple[tuple[str, dict[str, Any]], ...] = (
            ("/choose", choice),
            ("/update", reward),
            ("/update", {"user_id": "anna", "decision_id": token, "reward": 1.0, "meta": {}}),
            ("/events", event),
            ("/events", event | {"user_id": "anna", "decision_id": token}),
            ("/ofrep/v1/evaluate/flags/movielens", flag),
            ("/ofrep/v1/evaluate/flags", flag),
            ("/api/experiments", reason | {"brief": {"id": "x"}}),
            ("/api/experiments/nobody/pause", reason),
        )
        path, body = self._rng.choice(bodies)
        return path, dict(body)

    def _path(self) -> str:
        return self._sound()[0]

    def _string(self) -> str:
        return self._rng.choice(STRINGS)

    def _value(self, depth: int = 0) -> Any:
        kind = self._rng.randrange(8 if depth < 3 else 5)
        if kind == 0:
            return self._string()
        if kind == 1:
            return self._rng.choice((0, -1, 2**63, -(2**70), 10**30, 7))
        if kind == 2:
            return self._rng.choice((0.5, -0.0, 1e308, -1e300, 5e-324))
        if kind == 3:
            return self._rng.choice((None, True, False))
        if kind == 4:
            return self._rng.choice(self._tokens)
        if kind == 5:
            return [self._value(depth + 1) for _ in range(self._rng.randrange(4))]
        return {self._string(): self._value(depth + 1) for _ in range(self._rng.randrange(4))}

    def _post(self, kind: str, path: str, body: bytes) -> Hostile:
        return self._request(kind, "POST", path, body)

    def _request(
        self,
        kind: str,
        method: str,
        target: str,
        body: bytes | None = None,
        extra: bytes = b"",
        content_type: str = JSON,
    ) -> Hostile:
        head = f"{method} {target} HTTP/1.1\r\nHost: {self._host}\r\n".encode("latin-1")
        if body is not None:
            head += f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n".encode("latin-1")
        if extra:
            head += extra + b"\r\n"
        return Hostile(kind, head + b"\r\n" + (body or b""), method)


def _json(value: Any) -> bytes:
    """As JSON in UTF-8, or escaped where that cannot be."""
    try:
        return json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return json.dumps(value).encode()
