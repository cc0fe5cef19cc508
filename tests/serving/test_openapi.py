"""Schemathesis asks what the documentation allows, and what it does not; answers must be as documented."""

import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from live_server import LiveServer, live_server
from schemathesis.specs.openapi.checks import positive_data_acceptance

ACTIONS = ("pause", "resume", "complete", "force", "archive", "start", "no_such_action")


@pytest.fixture
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A router whose experiment may come to its end."""
    with live_server(tmp_path_factory.mktemp("router")) as server:
        yield server


def check_every_operation(server: LiveServer, examples: int) -> Counter[tuple[str, int]]:
    """Send examples of every operation, sound ones and unsound ones.

    Sound ones are not always accepted: a decision id must have been signed, a brief must make sense.

    Returns:
        How often each operation answered with each status.
    """
    schema = schemathesis.openapi.from_url(f"{server.url}/docs/openapi.json")
    operations = [found.ok() for found in schema.get_all_operations()]
    operations.sort(key=lambda operation: "{action}" in operation.path)  # they end the experiment
    statuses: Counter[tuple[str, int]] = Counter()
    rng = random.Random(1)

    def make_plausible(case: Any) -> None:
        """Name things that are there."""
        if "experiment_id" in case.path_parameters:
            case.path_parameters["experiment_id"] = "movielens"
        if "action" in case.path_parameters:
            case.path_parameters["action"] = rng.choice(ACTIONS)
        if "key" in case.path_parameters:
            case.path_parameters["key"] = "movielens"
        if case.path.startswith("/ofrep") and isinstance(case.body, dict):
            context = case.body.get("context")
            case.body["context"] = (context if isinstance(context, dict) else {}) | {"targetingKey": "anna"}
        if case.path in ("/update", "/events") and isinstance(case.body, dict):
            choice = requests.post(f"{server.url}/choose", json={"user_id": "anna"}, timeout=30).json()
            case.body |= {"user_id": "anna", "decision_id": choice["decision_id"]}
            case.body.pop("arm", None)
            case.body.setdefault("event_type" if case.path == "/events" else "reward", "click")

    def check(case: Any) -> None:
        if case.meta.generation.mode.is_positive and rng.random() < 0.5:
            make_plausible(case)
        answer = case.call(timeout=30)
        statuses[case.operation.label, answer.status_code] += 1
        case.validate_response(answer, excluded_checks=[positive_data_acceptance])

    for operation in operations:
        for mode in schemathesis.GenerationMode:
            if mode.is_negative and not (operation.body or operation.query):
                continue  # nothing in it can be unsound
            test = settings(
                max_examples=examples,
                deadline=None,
                derandomize=True,
                database=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )(given(case=operation.as_strategy(generation_mode=mode))(check))
            test()
    return statuses


def assert_all_is_covered(statuses: Counter[tuple[str, int]]) -> None:
    assert not [status for _, status in statuses if status >= 500]
    succeeded = {operation for operation, status in statuses if status < 300}
    everything = {operation for operation, _ in statuses}
    # No brief makes sense by chance, and few changes are possible at a time.
    assert everything - succeeded <= {
        "POST /api/experiments",
        "POST /api/experiments/{experiment_id}/{action}",
    }


def test_answers_are_as_documented(own_server: LiveServer) -> None:
    assert_all_is_covered(check_every_operation(own_server, 10))


@pytest.mark.slow
def test_many_answers_are_as_documented(own_server: LiveServer, at_length: bool) -> None:
    assert_all_is_covered(check_every_operation(own_server, 100 if at_length else 30))


def test_documentation_names_every_error_of_the_door(server: LiveServer) -> None:
    document = requests.get(f"{server.url}/docs/openapi.json", timeout=10).json()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            statuses = set(operation["responses"])
            assert {"400", "401", "403", "413", "429"} <= statuses, f"{method} {path}"
    assert document["components"]["securitySchemes"].keys() == {"bearer", "header"}
