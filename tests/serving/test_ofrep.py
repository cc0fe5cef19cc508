import json
from typing import Any

import pytest
import requests
from live_server import LiveServer

FLAG = "/ofrep/v1/evaluate/flags/movielens"
FLAGS = "/ofrep/v1/evaluate/flags"


def post(server: LiveServer, path: str, body: object, **headers: str) -> requests.Response:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"Content-Type": "application/json", **headers}
    return requests.post(server.url + path, data=data, headers=headers, timeout=10)


def context(user: str, **more: object) -> dict[str, Any]:
    return {"context": {"targetingKey": user, **more}}


def change(server: LiveServer, action: str, experiment: str = "movielens", **more: str) -> None:
    answer = post(server, f"/api/experiments/{experiment}/{action}", {"reason": "a test", **more})
    assert answer.status_code == 200, answer.text


def test_flag_has_everything_that_providers_read(server: LiveServer) -> None:
    answer = post(server, FLAG, context("anna", device="mobile"))
    flag = answer.json()
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert flag["key"] == "movielens"
    assert flag["reason"] == "SPLIT"
    assert flag["value"] == flag["variant"]
    assert set(flag["metadata"]) == {"decision_id", "propensity", "recorded", "state", "strategy"}
    assert all(isinstance(value, str | bool | int | float) for value in flag["metadata"].values())
    reward = {"user_id": "anna", "decision_id": flag["metadata"]["decision_id"], "reward": 1}
    assert post(server, "/update", reward).json() == {"ok": True, "duplicate": False}


def test_evaluated_flag_is_a_recorded_decision_with_its_context(server: LiveServer) -> None:
    before = server.rows("decisions")
    flag = post(server, FLAG, context("berta", device="mobile")).json()
    reward = {"user_id": "berta", "decision_id": flag["metadata"]["decision_id"], "reward": 0}
    post(server, "/update", reward)  # its answer waits for the commit
    found = server.query("SELECT context, arm_id FROM decisions ORDER BY ts")[before:]
    assert found == [('{"device":"mobile"}', flag["value"])]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "TARGETING_KEY_MISSING"),
        ({"context": {}}, "TARGETING_KEY_MISSING"),
        ({"context": {"targetingKey": ""}}, "TARGETING_KEY_MISSING"),
        ({"context": {"targetingKey": None}}, "TARGETING_KEY_MISSING"),
        ({"context": {"targetingKey": 7}}, "INVALID_CONTEXT"),
        (context("x" * 129), "INVALID_CONTEXT"),
        ({"context": []}, "INVALID_CONTEXT"),
        ([], "INVALID_CONTEXT"),
        (context("anna", note="x" * 2100), "INVALID_CONTEXT"),
        (context("anna", note="\0"), "INVALID_CONTEXT"),
        (b"", "INVALID_CONTEXT"),
        (b'{"context":', "PARSE_ERROR"),
        (b'{"context":{"targetingKey":"\xff"}}', "PARSE_ERROR"),
        (b"[" * 5000 + b"]" * 5000, "PARSE_ERROR"),
    ],
)
def test_bad_contexts_have_their_code(server: LiveServer, body: object, code: str) -> None:
    for path, key in ((FLAG, {"key": "movielens"}), (FLAGS, {})):
        answer = post(server, path, body)
        found = answer.json()
        assert (answer.status_code, found["errorCode"]) == (400, code)
        assert found["errorDetails"]
        assert found == {**key, "errorCode": code, "errorDetails": found["errorDetails"]}


def test_unknown_flag_is_not_found(server: LiveServer) -> None:
    answer = post(server, "/ofrep/v1/evaluate/flags/no%20such%20flag", context("anna"))
    assert answer.status_code == 404
    assert answer.json()["errorCode"] == "FLAG_NOT_FOUND"
    assert answer.json()["key"] == "no such flag"


def test_all_flags_are_assigned_but_not_recorded(server: LiveServer) -> None:
    decisions = server.rows("decisions")
    answer = post(server, FLAGS, context("carla"))
    (flag,) = answer.json()["flags"]
    assert flag["metadata"]["recorded"] is False
    assert post(server, FLAGS, context("carla")).json()["flags"][0]["value"] == flag["value"]
    assert server.rows("decisions") == decisions

    token = flag["metadata"]["decision_id"]
    event = {"event_type": "impression", "user_id": "carla", "decision_id": token}
    assert post(server, "/events", event).json()["accepted"] == 1
    assert server.rows("decisions") == decisions + 1
    assert post(server, "/events", event).json()["duplicates"] == 1
    assert post(server, "/update", {"user_id": "carla", "decision_id": token, "reward": 1}).ok
    assert server.rows("decisions") == decisions + 1


def test_etag_is_the_users_and_says_that_nothing_changed(server: LiveServer) -> None:
    tag = post(server, FLAGS, context("dora")).headers["ETag"]
    assert post(server, FLAGS, context("dora", page=2)).headers["ETag"] == tag
    same = post(server, FLAGS, context("dora"), **{"If-None-Match": f'"another", W/{tag}'})
    assert (same.status_code, same.content, same.headers["ETag"]) == (304, b"", tag)
    assert post(server, FLAGS, context("emma"), **{"If-None-Match": tag}).status_code == 200


def test_a_change_of_the_experiment_changes_flag_and_etag(server: LiveServer) -> None:
    tag = post(server, FLAGS, context("fritz")).headers["ETag"]
    change(server, "pause")
    paused = post(server, FLAG, context("fritz")).json()
    assert (paused["value"], paused["reason"]) == ("popularity", "STATIC")
    assert paused["metadata"] == {"propensity": 1.0, "recorded": False, "state": "hold"}
    assert post(server, FLAGS, context("fritz"), **{"If-None-Match": tag}).status_code == 200
    change(server, "resume")
    assert post(server, FLAGS, context("fritz"), **{"If-None-Match": tag}).status_code == 304


def test_who_is_outside_of_the_audience_gets_control(server: LiveServer) -> None:
    brief = json.loads(server.query("SELECT brief FROM experiments")[0][0])
    brief |= {"id": "phones", "audience": {"device": ["mobile"]}}
    assert post(server, "/api/experiments", {"brief": brief, "reason": "a test"}).status_code == 201
    change(server, "start", "phones")
    path = "/ofrep/v1/evaluate/flags/phones"
    inside = post(server, path, context("hans", device="mobile")).json()
    outside = post(server, path, context("hans", device="desktop")).json()
    assert inside["reason"] == "SPLIT"
    assert (outside["value"], outside["reason"]) == ("popularity", "TARGETING_MATCH")
    assert "decision_id" not in outside["metadata"]
    change(server, "complete", "phones")
    change(server, "archive", "phones")


def test_completed_flags_are_the_winner_and_archived_ones_are_gone(server: LiveServer) -> None:
    """The last one: nothing is running afterwards."""
    draft = json.loads(server.query("SELECT brief FROM experiments")[0][0]) | {"id": "draft"}
    assert post(server, "/api/experiments", {"brief": draft, "reason": "a test"}).status_code == 201
    assert post(server, "/ofrep/v1/evaluate/flags/draft", context("gerda")).status_code == 404
    change(server, "force", arm="svd")
    won = post(server, FLAG, context("gerda")).json()
    assert (won["value"], won["reason"], won["metadata"]["state"]) == ("svd", "STATIC", "completed")
    change(server, "archive")
    assert post(server, FLAG, context("gerda")).status_code == 404
    assert post(server, FLAGS, context("gerda")).json() == {"flags": []}
