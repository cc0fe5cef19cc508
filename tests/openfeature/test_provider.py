import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from time import sleep

import pytest
import requests
from live_server import LiveServer, free_port
from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import Reason
from openfeature.track import TrackingEventDetails

from armlift.openfeature import ArmliftProvider

ARMS = {"popularity", "random", "logistic_regression", "lightgbm", "svd"}


@pytest.fixture
def provider(server: LiveServer) -> Iterator[ArmliftProvider]:
    provider = ArmliftProvider(server.url, timeout=10.0)
    yield provider
    provider.shutdown()


@pytest.fixture
def client(provider: ArmliftProvider) -> Iterator[OpenFeatureClient]:
    api.set_provider(provider)
    yield api.get_client()
    api.clear_providers()


def rewards(server: LiveServer) -> list[tuple[object, ...]]:
    return server.query("SELECT reward, context FROM events WHERE event_type = 'reward' ORDER BY ts_server")


def test_flag_is_the_users_arm(server: LiveServer, client: OpenFeatureClient) -> None:
    user = EvaluationContext("anna", {"device": "mobile", "age": 41})
    first = client.get_string_details("movielens", "none", user)
    again = client.get_string_details("movielens", "none", user)
    assert first.error_code is None
    assert first.reason == Reason.SPLIT
    assert first.value in ARMS
    assert first.variant == first.value == again.value
    assert 0 < first.flag_metadata["propensity"] <= 1
    assert first.flag_metadata["recorded"] is True
    assert first.flag_metadata["decision_id"] != again.flag_metadata["decision_id"]
    chosen = requests.get(f"{server.url}/choose", params={"user_id": "anna"}, timeout=10).json()
    assert chosen["arm"] == first.value


@pytest.mark.parametrize(
    ("flag", "user", "code"),
    [
        ("no_such_flag", EvaluationContext("anna"), ErrorCode.FLAG_NOT_FOUND),
        ("movielens", EvaluationContext(), ErrorCode.TARGETING_KEY_MISSING),
        ("movielens", EvaluationContext("x" * 129), ErrorCode.INVALID_CONTEXT),
        ("movielens", EvaluationContext("anna", {"note": "x" * 3000}), ErrorCode.INVALID_CONTEXT),
    ],
)
def test_errors_give_the_default_and_their_code(
    client: OpenFeatureClient, flag: str, user: EvaluationContext, code: ErrorCode
) -> None:
    details = client.get_string_details(flag, "default", user)
    assert (details.value, details.reason, details.error_code) == ("default", Reason.ERROR, code)


def test_flag_of_another_type_gives_the_default(client: OpenFeatureClient) -> None:
    details = client.get_boolean_details("movielens", True, EvaluationContext("anna"))
    assert (details.value, details.error_code) == (True, ErrorCode.TYPE_MISMATCH)


def test_tracking_sends_the_reward_once(
    server: LiveServer, client: OpenFeatureClient, provider: ArmliftProvider
) -> None:
    user, before = EvaluationContext("berta"), len(rewards(server))
    client.get_string_value("movielens", "none", user)
    client.track("click", user, TrackingEventDetails(0.25, {"item": "318"}))
    client.track("click", user, TrackingEventDetails(0.25, {"item": "318"}))
    provider.shutdown()
    new = rewards(server)[before:]
    assert new == [(0.25, '{"tracking_event":"click","item":"318"}')]


def test_tracking_knows_flags_by_attribute_and_by_name(
    server: LiveServer, client: OpenFeatureClient, provider: ArmliftProvider
) -> None:
    before = len(rewards(server))
    for name, event, details in (
        ("carla", "movielens", None),
        ("dora", "bought", TrackingEventDetails(attributes={"flag_key": "movielens"})),
        ("emma", "bought", TrackingEventDetails(attributes={"flag_key": "another"})),
        ("fritz", "bought", None),
    ):
        user = EvaluationContext(name)
        if name != "fritz":
            client.get_string_value("movielens", "none", user)
        client.track(event, user, details)
    client.track("bought")
    provider.shutdown()
    assert [reward for reward, _ in rewards(server)[before:]] == [1.0, 1.0]


def test_refused_reward_is_a_line_in_the_log(
    client: OpenFeatureClient, provider: ArmliftProvider, caplog: pytest.LogCaptureFixture
) -> None:
    user = EvaluationContext("gerda")
    client.get_string_value("movielens", "none", user)
    client.track("click", user, TrackingEventDetails(2.0))
    provider.shutdown()
    assert "refused: 422" in caplog.text
    client.track("click", user)
    assert "after the shutdown" in caplog.text


def test_users_seen_longest_ago_are_forgotten(server: LiveServer) -> None:
    provider = ArmliftProvider(server.url, timeout=10.0, remembered_users=2)
    for name in ("hans", "ida", "hans", "jutta"):
        provider.resolve_string_details("movielens", "none", EvaluationContext(name))
    assert list(provider._seen) == ["hans", "jutta"]
    provider.shutdown()


def test_without_a_router_there_are_defaults_and_no_exceptions(caplog: pytest.LogCaptureFixture) -> None:
    provider = ArmliftProvider(f"http://127.0.0.1:{free_port()}")
    api.set_provider(provider)
    client, user = api.get_client(), EvaluationContext("klara")
    details = client.get_string_details("movielens", "popularity", user)
    assert (details.value, details.error_code) == ("popularity", ErrorCode.GENERAL)
    client.track("click", user)
    api.clear_providers()


def test_rewards_survive_a_pause_of_the_router_and_are_given_up_after(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Two answers 503, then it takes; the key is sent; then it is gone."""
    taken: list[tuple[str, int]] = []

    class Recovering(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            body = (
                b'{"key":"films","value":"a","variant":"a","reason":"SPLIT","metadata":{"decision_id":"d"}}'
            )
            is_flag = "/flags/" in self.path
            status = 200 if is_flag or len(taken) == 2 else 503
            if not is_flag:
                taken.append((self.headers["Authorization"], status))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Recovering) as stub:
        thread = threading.Thread(target=stub.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        provider = ArmliftProvider(
            f"http://127.0.0.1:{stub.server_port}/", api_key="the key", waiting_rewards=2
        )
        user = EvaluationContext("lena")
        assert provider.resolve_string_details("films", "b", user).value == "a"
        with caplog.at_level(logging.WARNING):
            for _ in range(3):
                provider.track("click", user)
            assert "too many rewards wait" in caplog.text
            while provider._places._value < 2:  # type: ignore[attr-defined]
                sleep(0.02)
            stub.shutdown()
            thread.join()
    provider.session.close()
    provider._rewards.close()
    with caplog.at_level(logging.WARNING):
        provider.track("click", user)
        provider.shutdown()
    assert taken[:3] == [("Bearer the key", 503), ("Bearer the key", 503), ("Bearer the key", 200)]
    assert "a reward was not sent: ConnectionError" in caplog.text
