"""Personal data planted in every request is in no file, no log, no metric and no run afterwards."""

import base64
import hashlib
import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests
from live_server import LiveServer, live_server
from patience import until

USERS = (
    "planted.person-4711@example.com",
    "planted-user-0815",
    "9431870264",
    "홍길동-planted",
    "plantedcookieidofuser0",
)
OTHERS = {
    "address": "203.0.113.77",
    "address of six": "2001:db8:77::4711",
    "agent": "Mozilla/5.0 (Planted; PlantedAgent/77.7)",
    "referrer": "planted-referrer-1234",
    "mail of somebody else": "planted.other@example.org",
    "key": "planted-key-98765",
}
HEADERS = {
    "User-Agent": OTHERS["agent"],
    "X-Forwarded-For": f"{OTHERS['address']}, {OTHERS['address of six']}",
    "Forwarded": f"for={OTHERS['address']}",
    "X-Real-IP": OTHERS["address"],
    "Referer": f"http://localhost/?who={OTHERS['referrer']}",
    "X-API-Key": OTHERS["key"],
}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LiveServer]:
    with live_server(tmp_path, ARMLIFT_EXPORT_SECONDS="1") as server:
        yield server


def too_much(user: str) -> dict[str, Any]:
    """A context that says who it is about, again and again, beside what is meant for it."""
    return {
        "user_id": user,
        "who": user,
        "nested": [{"about": f"seen by {user} from {OTHERS['address']}"}],
        "url": f"https://shop.example/users/{quote(user)}?mail={OTHERS['mail of somebody else']}",
        user: 1,
        "ip": OTHERS["address of six"],
        "user_agent": OTHERS["agent"],
        "number": int(user) if user.isdecimal() else 0,
        "device": "mobile",
    }


class Client:
    """A client that says too much, wherever it can."""

    def __init__(self, url: str) -> None:
        self._url, self._session = url, requests.Session()
        self._session.headers.update(HEADERS)

    def ask(self, method: str, path: str, body: object = None, **more: Any) -> requests.Response:
        answer = self._session.request(method, self._url + path, json=body, timeout=30, **more)
        assert answer.status_code < 500, answer.text
        return answer

    def visit(self, user: str) -> None:
        """Use every endpoint as one user."""
        everything = too_much(user)
        session = {"session_id": f"session of {user}"}
        by_url = {"user_id": user, "context": json.dumps(everything), **session}
        assert self.ask("GET", "/choose", params=by_url).ok
        choice = self.ask("POST", "/choose", {"user_id": user, "context": everything, **session}).json()
        decision = {"user_id": user, "decision_id": choice["decision_id"]}
        free = {"meta": everything, "item_id": user}
        assert self.ask("POST", "/update", {**decision, "reward": 1, **free}).ok
        assert self.ask("POST", "/update", {**decision, "reward": 0.5, **free}).status_code == 409
        self.ask("POST", "/update", {**decision, "user_id": OTHERS["key"], "reward": 1})
        kinds = ("impression", "click", "purchase")
        more = {"device": user[:64], "channel": OTHERS["address"], "event_id": user, **free, **session}
        events = [{**decision, "event_type": kind, **more, "event_id": f"{user} {kind}"} for kind in kinds]
        events += [{"user_id": user, "event_type": "like", **more}, {"user_id": user, "event_type": user}]
        answer = self.ask("POST", "/events", events).json()
        assert [item["status"] for item in answer["items"]] == ["accepted"] * 4 + ["rejected"], answer
        context = {"context": {"targetingKey": user, **everything}}
        assert self.ask("POST", "/ofrep/v1/evaluate/flags/movielens", context).ok
        assert self.ask("POST", "/ofrep/v1/evaluate/flags", context).ok
        self.ask("POST", f"/ofrep/v1/evaluate/flags/{quote(user)}", context)
        self.ask("GET", f"/api/experiments/{quote(user)}")
        self.ask("POST", f"/api/experiments/{quote(user)}/{quote(user)}", {"reason": "a test"})
        self.ask("GET", "/choose", params={"user_id": user, "experiment": user[:64]})
        self.ask("GET", f"/nowhere/{quote(user)}", params={"user_id": user})
        self.ask("PUT", "/choose", {"user_id": user})
        self.ask("POST", "/choose", {"user_id": user, "unknown": user})
        cookies = {"reel_visitor": USERS[-1], "reel_session": USERS[-1], "other": quote(user)}
        assert self.ask("GET", "/", cookies=cookies).ok
        # The page's user is the one of the cookie.
        card = {
            "meta": too_much(USERS[-1]),
            "event_id": f"{user} card",
            "event_type": "impression",
            "ts": 1.8e9,
        }
        assert self.ask("POST", "/cards/events", {"events": [card]}, cookies=cookies).json()["accepted"] == 1


def spellings(text: str) -> Iterator[bytes]:
    """The ways in which a text could stand in a file: also hashed, but without a key."""
    raw = text.encode()
    yield from (raw, quote(text, safe="").encode(), json.dumps(text)[1:-1].encode())
    yield from (text.upper().encode(), text.encode("utf-16-le"), base64.b64encode(raw).rstrip(b"="))
    for name in ("md5", "sha1", "sha256", "blake2b"):
        digest = hashlib.new(name, raw)
        yield from (digest.hexdigest().encode(), digest.digest())


def found(places: Mapping[str, bytes]) -> list[str]:
    """Which planted texts are where."""
    planted = {f"user {number}": user for number, user in enumerate(USERS)} | OTHERS
    return sorted(
        {
            f"{what} in {place}"
            for what, text in planted.items()
            for spelling in spellings(text)
            for place, content in places.items()
            if spelling in content
        }
    )


def files(root: Path) -> dict[str, bytes]:
    return {str(file.relative_to(root)): file.read_bytes() for file in root.rglob("*") if file.is_file()}


def runs_in_mlflow(root: Path) -> int:
    try:
        with closing(sqlite3.connect(f"file:{root / 'mlflow.db'}?mode=ro", uri=True)) as store:
            return int(store.execute("SELECT count(*) FROM metrics").fetchone()[0])
    except sqlite3.OperationalError:
        return 0


def test_planted_personal_data_is_found_nowhere(server: LiveServer) -> None:
    client = Client(server.url)
    for user in USERS:
        client.visit(user)
    assert until(lambda: bool(runs_in_mlflow(server.root)), 120), server.log[-2000:]

    rows = {table: server.rows(table) for table in ("decisions", "events", "users")}
    assert rows["decisions"] >= 4 * len(USERS)
    assert rows["events"] >= 6 * len(USERS)
    kept = [json.loads(str(context)) for (context,) in server.query("SELECT context FROM decisions")]
    assert any(context.get("device") == "mobile" for context in kept)  # what is not personal is kept

    answers = {
        path: client.ask("GET", path).content
        for path in ("/metrics", "/api/experiments", "/api/experiments/movielens", "/health/ready")
    }
    assert found(answers) == []
    running = files(server.root)
    assert "data/live/armlift.db-wal" in running
    assert found(running) == []
    forgotten = client.ask("POST", "/api/forget", {"user_id": USERS[1], "reason": f"{USERS[1]} asked for it"})
    assert forgotten.json()["events"] >= 5
    server.stop()
    assert found(files(server.root)) == []


def test_the_search_finds_what_is_there() -> None:
    places = {"log": b"GET /choose?user_id=planted.person-4711%40example.com", "db": b"\0planted-key-98765\0"}
    assert found(places) == ["key in db", "user 0 in log"]
    assert found({"hash": hashlib.sha256(USERS[2].encode()).hexdigest().encode()}) == ["user 2 in hash"]
