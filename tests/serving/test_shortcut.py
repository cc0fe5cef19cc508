"""The short way answers as the long way does, and leaves to it what is unusual."""

import json

import pytest

from armlift.serving import shortcut

from .api_client import api

USER = {"user_id": "7"}


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    with api(tmp_path_factory.mktemp("short")) as client:
        yield client


@pytest.fixture(scope="module")
def long_way(tmp_path_factory):
    """The same router's rules with every request on its route."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shortcut.Shortcut, "__init__", _without_ways(shortcut.Shortcut.__init__))
        with api(tmp_path_factory.mktemp("long")) as client:
            yield client


def _without_ways(original):
    def init(self, *args):
        original(self, *args)
        self._ways = {}

    return init


@pytest.mark.parametrize(
    "query",
    [
        "user_id=7",
        "user_id=7&experiment=movielens&session_id=s&simulated=true&context=%7B%22device%22%3A%22mobile%22%7D",
        "user_id=%E2%82%AC",
        "user_id=7&user_id=8",
        "user_id=7&unknown=1",
        "",
        "user_id=",
        f"user_id={'x' * 129}",
        "user_id=7&simulated=perhaps",
        "user_id=7&simulated=",
        "user_id=7&context=nonsense",
        "user_id=7&context=%5B1%5D",
        "user_id=7&experiment=unheard",
        "user_id=%FF",
        "user_id=7&context=%7B%22a%22%3A%22" + "x" * 3000 + "%22%7D",
    ],
)
def test_both_ways_answer_a_question_alike(client, long_way, query):
    short, long = (each.get(f"/choose?{query}") for each in (client, long_way))
    assert (short.status_code, short.headers["content-type"]) == (
        long.status_code,
        long.headers["content-type"],
    )
    assert short.headers["cache-control"] == long.headers["cache-control"] == "no-store"
    assert set(short.json()) == set(long.json())
    if short.status_code == 200:
        assert (short.json()["strategy"], len(short.json()["items"])) == (long.json()["strategy"], 10)
    else:
        assert short.json() == long.json()


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"reward": 2},
        {"reward": "much"},
        {"arm": "nothing"},
        {"user_id": "8"},
        {"unknown": 1},
        {"ts": "yesterday"},
        {"meta": {"page": 1}, "item_id": 318, "ts": 1_795_000_000},
    ],
)
def test_both_ways_answer_a_reward_alike(client, long_way, change):
    answers = []
    for each in (client, long_way):
        body = USER | {"reward": 1, "decision_id": each.choose()["decision_id"]} | change
        answers.append(each.post("/update", body))
    short, long = answers
    assert (short.status_code, short.headers["content-type"]) == (
        long.status_code,
        long.headers["content-type"],
    )
    said, told = ({**each.json(), "detail": ""} for each in answers)  # each tells of an arm of its own
    assert said == told


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"\xff", b"[" * 5000, b'{"user_id": "7"} trailing', b'{"user_id": NaN}']
)
def test_both_ways_refuse_a_body_alike(client, long_way, content):
    headers = {"content-type": "application/json"}
    short, long = (
        each.request("POST", "/update", content=content, headers=headers) for each in (client, long_way)
    )
    assert short.status_code == long.status_code == 400
    assert short.json()["code"] == long.json()["code"] == "invalid_request"


def test_a_body_in_pieces_is_put_together_on_the_short_way(client, monkeypatch):
    """As servers hand over even the shortest one: the body, and then its end."""
    taken = []
    answer = shortcut._answer

    async def noting(work, method, path, *rest):
        taken.append((method, path))
        await answer(work, method, path, *rest)

    monkeypatch.setattr(shortcut, "_answer", noting)
    body = json.dumps(USER | {"reward": 1, "decision_id": client.choose()["decision_id"]}).encode()

    async def pieces():
        yield body[:20]
        yield body[20:]

    answered = client.request(
        "POST", "/update", content=pieces(), headers={"content-type": "application/json"}
    )
    assert answered.json() == {"ok": True, "duplicate": False}
    assert taken == [("GET", "/choose"), ("POST", "/update")]


def test_a_long_body_in_pieces_is_refused(client):
    async def pieces():
        for _ in range(9):
            yield b" " * 8192

    answered = client.request(
        "POST", "/update", content=pieces(), headers={"content-type": "application/json"}
    )
    assert answered.status_code == 413


def test_a_fault_is_answered_and_logged(client, monkeypatch, caplog):
    async def fail(*_, **__):
        raise RuntimeError("boom")

    monkeypatch.setattr(client.router.decisions, "choose", fail)
    answer = client.get("/choose", params=USER)
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "boom" not in answer.text
    assert "GET /choose failed" in caplog.text


@pytest.mark.parametrize("path", ["/choose?user_id=7", "/update"])
def test_keys_are_asked_for_on_the_short_way_too(tmp_path, path):
    with api(tmp_path, ARMLIFT_API_KEYS="on") as client:
        body = USER | {"reward": 1, "decision_id": "d1.x.y.z"}
        answer = client.post(path, body) if path == "/update" else client.get(path)
        assert (answer.status_code, answer.json()["code"]) == (401, "key_required")
