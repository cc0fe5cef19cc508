"""Hostile requests over the wire: no fault of the server, and nothing grows that was not asked for."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from hostile_client import Answer, Hostile, HostileClient
from hostile_requests import HostileRequests
from live_server import LiveServer, live_server

MB = 1_000_000


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LiveServer]:
    with live_server(tmp_path) as server:
        yield server


def decisions_in(answer: Answer) -> int:
    """How many decisions an answer says were made, as JSON or as a page; all flags together are none yet."""
    return int(b'"d1.' in answer.body and b'"flags":' not in answer.body)


def rows_of_rewards(answer: Answer) -> int:
    return int(answer.body == b'{"ok":true,"duplicate":false}')


def attack(server: LiveServer, number: int) -> tuple[Counter[tuple[str, int]], int]:
    """Send hostile requests.

    Returns:
        Answers by kind and status, and by how many bytes the server grew after the first third.
    """
    users = [requests.post(f"{server.url}/choose", json={"user_id": "anna"}, timeout=30) for _ in range(20)]
    tokens = [answer.json()["decision_id"] for answer in users]
    client, hostile = HostileClient(server.url), HostileRequests(urlsplit(server.url).netloc, 7, tokens)
    answers: Counter[tuple[str, int]] = Counter()
    made = Counter(decisions=len(tokens))
    early = 0
    faults: list[tuple[Hostile, Answer]] = []
    for index in range(number):
        request = hostile.draw()
        answer = client.send(request)
        answers[request.kind, answer.status] += 1
        if answer.status >= 500:
            faults.append((request, answer))
        if answer.status == 200:
            made["decisions"] += decisions_in(answer)
            made["events"] += rows_of_rewards(answer)
            if answer.body.startswith(b'{"accepted":'):
                made["events"] += 2 * json.loads(answer.body)["accepted"]  # a click brings a reward, too
        if index == number // 3:
            early = server.resident_bytes()
    client.hang_up()
    client.close()
    assert not faults, f"{len(faults)} faults, first {faults[0]}\n{server.log[-3000:]}"
    grown = server.resident_bytes() - early

    # Nor does it blame itself for clients that hung up.
    assert 'status="5xx"' not in requests.get(f"{server.url}/metrics", timeout=30).text

    # It still works, and holds what it said it took, not more.
    sound = requests.post(f"{server.url}/choose", json={"user_id": "berta"}, timeout=30).json()
    reward = {"user_id": "berta", "decision_id": sound["decision_id"], "reward": 1}
    assert requests.post(f"{server.url}/update", json=reward, timeout=30).json()["ok"]
    assert server.rows("decisions") == made["decisions"] + 1
    assert server.rows("events") <= made["events"] + 1
    assert server.rows("assignments") <= made["decisions"] + 1 + 101 + answers["wrong value", 200]
    assert server.rows("experiments") == 1
    assert server.rows("audit") == 2
    return answers, grown


def check(answers: Counter[tuple[str, int]]) -> None:
    """Every kind was refused at least once, and none ended a connection without a word."""
    unanswered = {"truncated", "websocket"}
    for kind in {kind for kind, _ in answers} - unanswered:
        assert any(400 <= status < 500 for other, status in answers if other == kind), kind
    silent = {kind for kind, status in answers if status == 0}
    assert silent <= unanswered | {"odd length", "odd chunks"}, answers


def test_hostile_requests_are_refused_and_nothing_grows(server: LiveServer) -> None:
    answers, grown = attack(server, 3_000)
    check(answers)
    assert grown < 25 * MB


@pytest.mark.slow
def test_many_hostile_requests_are_refused_and_nothing_grows(server: LiveServer, at_length: bool) -> None:
    answers, grown = attack(server, 100_000 if at_length else 10_000)
    check(answers)
    assert grown < 40 * MB
