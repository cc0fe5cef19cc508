import json

import pytest
from click.testing import CliRunner
from fake_router import FakeRouter
from live_log import NOON, decision, event, reward, write
from sqlalchemy import select

from armlift.__main__ import main
from armlift.experiments.signing import load_secrets
from armlift.storage import AssignmentRow, ExperimentStore, open_database
from armlift.storage.audit import audit_rows
from armlift.storage.migrations import migrate
from armlift.storage.schema import decisions, events


@pytest.fixture
def store(tmp_path, monkeypatch):
    """The store of the current folder, with two decisions of ada and one of bob; nobody holds it."""
    monkeypatch.chdir(tmp_path)
    for name in ("DATABASE_URL", "API_BASE_URL", "ARMLIFT_API_KEY", "MODE", "HOST", "ARMLIFT_USER_SECRET"):
        monkeypatch.delenv(name, raising=False)
    user_key = load_secrets(tmp_path, "development").user_key
    with open_database(f"sqlite:///{tmp_path / 'data/live/armlift.db'}", exclusive=False) as database:
        migrate(database)
        for number, user in enumerate(("ada", "ada", "bob")):
            made = decision(number, user=user_key(user))
            write(database, event(made), reward(made))
        write(database, AssignmentRow("films", user_key("ada"), "bandit", "svd", 0.5, 1, NOON))
        yield database


def run(*arguments, code=0):
    result = CliRunner().invoke(main, ["forget", *arguments])
    assert result.exit_code == code, result.output
    return result.output


def test_a_user_is_forgotten_and_the_counters_stay(store, tmp_path):
    before = ExperimentStore(store).counters()
    output = run("ada", "--why", "asked for it")
    assert output.startswith("Without the person now: 2 decisions, 4 events. Deleted: 1 assignments, ")
    key = load_secrets(tmp_path, "development").user_key("ada")
    with store.read() as connection:
        for table in (decisions, events):
            keys = connection.scalars(select(table.c.user_key)).all()
            assert keys
            assert key not in keys
    assert ExperimentStore(store).counters() == before
    (row,) = audit_rows(store, "")
    assert (row.action, row.why) == ("forget", "asked for it")
    assert key not in row.details
    assert "Nothing was stored of this user" in run("ada", "--why", "asked again")


def test_the_answer_can_be_json(store):
    found = json.loads(run("bob", "--why", "asked for it", "--json"))
    assert (found["decisions"], found["events"], found["assignments"]) == (1, 2, 0)


def test_a_reason_is_needed(store):
    assert "Missing option '--why'" in run("ada", code=2)
    assert "a reason" in run("ada", "--why", " ", code=1)


def test_a_router_that_holds_the_store_does_it(store, tmp_path, monkeypatch):
    url = f"sqlite:///{tmp_path / 'data/live/armlift.db'}"
    with open_database(url, exclusive=True), FakeRouter().serving() as router:
        monkeypatch.setenv("API_BASE_URL", router.url)
        monkeypatch.setenv("ARMLIFT_API_KEY", "al_key")
        router.answer = 200, {"decisions": 2, "events": 4, "assignments": 1, "users": 1}
        output = run("ada b/c?", "--why", "asked for it")
    assert output.startswith("Without the person now: 2 decisions")
    body = {"user_id": "ada b/c?", "reason": "asked for it", "who": "command line"}
    assert router.asked == [("POST", "/api/forget", body, "Bearer al_key")]
