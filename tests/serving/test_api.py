"""The router's rules as a client meets them, on both stores."""

import io
import json
import time

import pytest
import yaml
from patience import until
from sqlalchemy.exc import DBAPIError

from armlift.experiments.brief import Brief
from armlift.serving.router import REFRESH_SECONDS
from armlift.storage.schema import counters, decisions, events

from .api_client import BRIEFS, api

ARMS = ["popularity", "random", "logistic_regression", "lightgbm", "svd"]


@pytest.fixture
def client(tmp_path, database_url):
    with api(tmp_path, DATABASE_URL=database_url) as client:
        yield client


@pytest.fixture
def quick(tmp_path):
    """On SQLite alone, for what the kind of store has no part in."""
    with api(tmp_path) as client:
        yield client


@pytest.fixture(scope="module")
def refusing(tmp_path_factory):
    """One for many tests, for what is refused."""
    with api(tmp_path_factory.mktemp("refusing")) as client:
        yield client


def rows(client, table):
    client.router.log.flush()
    with client.router.database.read() as connection:
        return [row._mapping for row in connection.execute(table.select())]


def total(client, column):
    return sum(row[column] for row in rows(client, counters))


def new_brief(client, **changes):
    brief = {**yaml.safe_load((BRIEFS / "movielens.yml").read_text()), **changes}
    assert client.post("/api/experiments", {"brief": brief}).status_code == 201
    assert client.post(f"/api/experiments/{brief['id']}/start", {"reason": "test"}).status_code == 200
    return Brief(**brief)


def test_a_decision_is_answered_with_its_items_and_recorded(client):
    answer = client.choose("42", session_id="s1", context=json.dumps({"device": "mobile"}))
    assert answer["arm"] in ARMS
    assert (answer["experiment"], answer["state"], answer["recorded"]) == ("movielens", "running", True)
    assert len(answer["items"]) == 10
    assert set(answer["items"][0]) == {"item_id", "title", "year", "genres"}
    (row,) = rows(client, decisions)
    assert (row["arm_id"], row["propensity"], row["strategy_id"]) == (
        answer["arm"],
        answer["propensity"],
        answer["strategy"],
    )
    assert (row["session_id"], row["context"], row["bot_flag"]) == ("s1", '{"device":"mobile"}', False)
    assert row["user_key"] == client.router.secrets.user_key("42") != "42"


def test_the_same_question_in_a_body(client):
    answer = client.post("/choose", {"user_id": 42, "context": {"device": "mobile"}})
    assert answer.status_code == 200
    assert answer.json()["arm"] == client.choose("42")["arm"]
    assert answer.headers["cache-control"] == "no-store"


def test_a_user_keeps_the_arm_and_its_propensity(client):
    first = {user: client.choose(str(user)) for user in range(40)}
    for user, answer in first.items():
        if user % 2:
            client.update(str(user), answer)
    client.router.refresh()
    for user, answer in first.items():
        again = client.choose(str(user))
        assert (again["arm"], again["propensity"]) == (answer["arm"], answer["propensity"])


def test_a_user_keeps_the_arm_after_a_restart(tmp_path, database_url):
    with api(tmp_path, DATABASE_URL=database_url) as before:
        first = {user: before.choose(str(user)) for user in range(20)}
    with api(tmp_path, DATABASE_URL=database_url) as after:
        for user, answer in first.items():
            again = after.choose(str(user))
            assert (again["strategy"], again["arm"], again["propensity"]) == (
                answer["strategy"],
                answer["arm"],
                answer["propensity"],
            )
        assert after.update("7", first[7]).json() == {"ok": True, "duplicate": False}


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_two_routers_on_one_store_agree_on_every_user(tmp_path, database_url):
    with api(tmp_path, DATABASE_URL=database_url) as one, api(tmp_path, DATABASE_URL=database_url) as two:
        for user in range(30):
            first, second = (one, two) if user % 2 else (two, one)
            answer = first.choose(str(user))
            assert second.choose(str(user))["arm"] == answer["arm"]
            assert second.update(str(user), answer).json() == {"ok": True, "duplicate": False}
            assert first.update(str(user), answer).json() == {"ok": True, "duplicate": True}
        one.post("/api/experiments/movielens/pause", {"reason": "test"})
        assert until(lambda: two.choose("31")["state"] == "hold")
        assert total(one, "rewards") == 30


def test_a_reward_counts_once(client):
    answer = client.choose()
    results = client.gather(
        *(("/update", {"user_id": "7", "reward": 1, "decision_id": answer["decision_id"]}) for _ in range(20))
    )
    assert sorted(result.json()["duplicate"] for result in results) == [False] + [True] * 19
    assert (total(client, "rewards"), total(client, "reward_total")) == (1, 1.0)
    other = client.update("7", answer, 0.0)
    assert (other.status_code, other.json()["code"]) == (409, "reward_conflict")
    assert total(client, "rewards") == 1


def test_an_allocation_follows_the_rewards(client):
    users = [str(user) for user in range(60)]
    answers = [(user, client.choose(user)) for user in users]
    bandit = [(user, answer) for user, answer in answers if answer["strategy"] == "thompson"]
    for user, answer in bandit:
        client.update(user, answer, float(answer["arm"] == "svd"))

    def standings():
        return client.get("/api/experiments").json()[0]["strategies"]

    assert REFRESH_SECONDS < 0.25
    assert until(lambda: sum(arm["n"] for arm in standings()[1]["arms"]) == len(bandit))
    strategies = standings()
    arms = {arm["id"]: arm for arm in strategies[1]["arms"]}
    assert arms["svd"]["allocation"] == max(arm["allocation"] for arm in arms.values()) > 0.3
    assert strategies[0]["arms"][0]["allocation"] == 0.2


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"decision_id": "d1.20000.abc.def"}, 403, "forged_decision"),
        ({"user_id": "8"}, 422, "mismatched_decision"),
        ({"arm": "nothing"}, 422, "mismatched_decision"),
        ({"reward": 1.5}, 422, "out_of_bounds"),
        ({"ts": "yesterday"}, 422, "out_of_bounds"),
        ({"ts": 12}, 422, "out_of_bounds"),
        ({"unknown": 1}, 400, "invalid_request"),
        ({"reward": "much"}, 400, "invalid_request"),
    ],
)
def test_bad_rewards_are_refused_by_name_and_nothing_is_counted(refusing, changes, status, code):
    answer = refusing.choose()
    body = {"user_id": "7", "reward": 1, "decision_id": answer["decision_id"], **changes}
    refused = refusing.post("/update", body)
    assert (refused.status_code, refused.json()["code"]) == (status, code)
    assert refused.headers["content-type"] == "application/problem+json"
    assert total(refusing, "rewards") == 0


def test_late_rewards_are_kept_and_not_counted(quick):
    new_brief(quick, id="short", reward_window_minutes=0.001, reward_event=None, default_reward=None)
    answer = quick.choose(experiment="short")
    time.sleep(0.1)
    late = quick.update("7", answer)
    assert (late.status_code, late.json()["code"]) == (410, "expired_decision")
    (row,) = [row for row in rows(quick, events) if row["event_type"] == "reward"]
    assert (row["reward"], row["flag_reasons"]) == (1.0, "late")
    assert total(quick, "rewards") == 0


def test_the_default_reward_comes_once_after_the_window(client, monkeypatch):
    monkeypatch.setattr("armlift.serving.router.SETTLING_GRACE_US", 0)
    new_brief(client, id="short", reward_window_minutes=0.03, default_reward=0.0)
    rewarded, silent = client.choose("1", experiment="short"), client.choose("2", experiment="short")
    assert client.update("1", rewarded).status_code == 200
    client.router.log.flush()
    time.sleep(2.0)
    for _ in range(3):
        client.router._upkeep()
    assert (total(client, "rewards"), total(client, "reward_total")) == (2, 1.0)
    assert client.update("2", silent).status_code == 410


def test_without_an_id_the_last_decision_for_the_arm_is_meant(client):
    answer = client.choose("9")
    client.router.log.flush()
    body = {
        "user_id": "9",
        "arm": answer["arm"],
        "item_id": 318,
        "reward": 1,
        "ts": "2026-11-21T12:00:00Z",
        "meta": {},
    }
    assert client.post("/update", body).json() == {"ok": True, "duplicate": False}
    assert client.post("/update", body).json() == {"ok": True, "duplicate": True}
    nobody = client.post("/update", {**body, "user_id": "10"})
    assert (nobody.status_code, nobody.json()["code"]) == (422, "out_of_bounds")


def test_an_id_can_be_required(tmp_path):
    with api(tmp_path, ARMLIFT_REQUIRE_DECISION_ID="on") as client:
        answer = client.choose("9")
        refused = client.post("/update", {"user_id": "9", "arm": answer["arm"], "reward": 1})
        assert (refused.status_code, refused.json()["code"]) == (422, "out_of_bounds")


def test_events_are_answered_one_by_one_and_move_no_posterior(client):
    new_brief(client, id="clicks", reward_event=None)
    answer = client.choose(experiment="clicks")
    token = answer["decision_id"]
    sent = [
        {"event_type": "impression", "user_id": "7", "decision_id": token},
        {"type": "click", "user_id": "7", "decision_id": token, "product_id": 318, "position": 2},
        {"type": "conversion", "user_id": "7", "decision_id": token, "price": 12.5, "quantity": 2},
        {"event_type": "like", "user_id": "8", "decision_id": token},
        {"event_type": "reward", "user_id": "7", "decision_id": token},
        {"event_type": "like"},
    ]
    first = client.post("/events", sent).json()
    assert (first["accepted"], first["duplicates"], first["rejected"]) == (3, 0, 3)
    assert [item["status"] for item in first["items"]] == ["accepted"] * 3 + ["rejected"] * 3
    again = client.post("/events", sent).json()
    assert (again["accepted"], again["duplicates"]) == (0, 3)
    assert [total(client, name) for name in ("impressions", "clicks", "purchases", "revenue")] == [
        1,
        1,
        1,
        25.0,
    ]
    assert total(client, "rewards") == 0


def test_an_event_can_be_the_reward_once(client):
    answer = client.choose()
    click = {"event_type": "click_detail", "user_id": "7", "decision_id": answer["decision_id"], "item_id": 1}
    client.post("/events", [click, {**click, "item_id": 2}])
    assert client.update("7", answer).json()["duplicate"]
    assert (total(client, "clicks"), total(client, "rewards"), total(client, "reward_total")) == (2, 1, 1.0)


def test_events_of_simulated_decisions_belong_to_their_session_batch(quick):
    answer = quick.choose(
        "7", simulated="true", context=json.dumps({"session_batch": "b1", "device": "mobile"})
    )
    quick.post("/events", {"event_type": "impression", "user_id": "7", "decision_id": answer["decision_id"]})
    (row,) = rows(quick, events)
    assert (row["simulated"], json.loads(row["context"])) == (True, {"session_batch": "b1"})


def test_bots_are_served_kept_and_not_counted(client):
    bot = {"user-agent": "Googlebot/2.1 (+http://www.google.com/bot.html)"}
    answer = client.get("/choose", params={"user_id": "7"}, headers=bot).json()
    assert len(answer["items"]) == 10
    assert client.post(
        "/update", {"user_id": "7", "reward": 1, "decision_id": answer["decision_id"]}, headers=bot
    ).json() == {"ok": True, "duplicate": False}
    (row,) = rows(client, decisions)
    assert (row["bot_flag"], row["flag_reasons"]) == (True, "crawler")
    assert (total(client, "decisions"), total(client, "rewards")) == (0, 0)
    assert total(client, "excluded") == 2


def test_hold_and_completed_show_one_arm_and_record_nothing(client):
    client.post("/api/experiments/movielens/pause", {"reason": "stock is out"})
    held = client.choose()
    assert (held["state"], held["arm"], held["propensity"], held["decision_id"], held["recorded"]) == (
        "hold",
        "popularity",
        1.0,
        None,
        False,
    )
    client.post("/api/experiments/movielens/force", {"reason": "campaign", "arm": "svd"})
    won = client.choose()
    assert (won["state"], won["arm"], won["decision_id"]) == ("completed", "svd", None)
    assert not rows(client, decisions)
    refused = client.post("/api/experiments/movielens/resume", {"reason": "again"})
    assert (refused.status_code, refused.json()["code"]) == (409, "state_forbids")
    details = client.get("/api/experiments/movielens").json()
    assert [entry["action"] for entry in details["audit"]] == ["create", "start", "pause", "force"]
    assert details["audit"][-1]["why"] == "campaign"
    assert details["experiment"]["winner"] == "svd"


def test_a_reward_for_a_decision_made_before_the_hold_counts(client):
    answer = client.choose()
    client.post("/api/experiments/movielens/pause", {"reason": "stock is out"})
    assert client.update("7", answer).json() == {"ok": True, "duplicate": False}
    assert total(client, "rewards") == 1


def test_a_bad_brief_is_refused_with_every_fault(refusing):
    refused = refusing.post("/api/experiments", {"brief": {"id": "x", "alpha": 2}})
    assert (refused.status_code, refused.json()["code"]) == (422, "brief_faults")
    assert {"alpha", "objective", "strategies"} <= {fault["field"] for fault in refused.json()["faults"]}


def test_unknown_things_are_404_and_say_what_there_is(refusing):
    answer = refusing.get("/choose", params={"user_id": "7", "experiment": "unheard"})
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_experiment")
    assert "movielens" in answer.json()["detail"]
    assert refusing.get("/nowhere").json()["code"] == "not_found"
    assert refusing.post("/api/experiments/movielens/explode", {"reason": "x"}).status_code == 404


def test_a_durable_decision_is_on_disk_when_it_is_answered(client):
    new_brief(client, id="careful", durable_decisions=True)
    client.choose(experiment="careful")
    with client.router.database.read() as connection:
        assert connection.execute(decisions.select()).first() is not None


def test_health_and_metrics(quick):
    quick.choose()
    assert quick.get("/health/live").json() == {"status": "live"}
    ready = quick.get("/health/ready")
    assert (ready.status_code, ready.json()["status"]) == (200, "ready")
    text = quick.get("/metrics").text
    assert 'armlift_decisions_total{arm="' in text
    assert 'path="/choose",status="2xx"' in text


def test_while_the_store_is_away_decisions_go_on_and_rewards_are_told(quick, monkeypatch):
    answer = quick.choose()
    quick.router.log.flush()

    def fail(*_):
        raise OSError("disk is full")

    monkeypatch.setattr("armlift.storage.group_commit.commit", fail)
    refused = quick.update("7", answer)
    assert (refused.status_code, refused.json()["code"]) == (503, "store_unavailable")
    assert int(refused.headers["retry-after"]) >= 1
    assert quick.choose("8")["recorded"] is False
    assert quick.get("/health/ready").status_code == 503
    monkeypatch.undo()
    assert until(lambda: quick.update("7", answer).status_code == 200)
    assert total(quick, "rewards") == 1
    assert quick.choose("8")["recorded"] is True


def test_a_user_whom_only_the_store_knows_is_served_while_it_is_away(quick, monkeypatch):
    new_brief(quick, id="bandit", strategies=[{"id": "bandit", "allocation": "thompson"}])
    quick.router.engine.memory.leave_out()

    def away(*_):
        raise DBAPIError("SELECT", {}, OSError("connection lost"))

    monkeypatch.setattr("armlift.serving.router.find_assignment", away)
    assert quick.choose("77", experiment="bandit")["arm"] in ARMS
    assert quick.router.engine.memory.find("bandit", quick.router.secrets.user_key("77")) is None
    monkeypatch.undo()
    quick.choose("77", experiment="bandit")
    assert quick.router.engine.memory.find("bandit", quick.router.secrets.user_key("77")) is not None


def test_a_decision_for_which_there_is_no_room_is_told(quick, monkeypatch):
    quick.choose("1")
    monkeypatch.setattr("armlift.storage.group_commit.LIMIT", 0)
    assert quick.choose("1")["recorded"] is False


def test_metrics_and_log_go_on_while_the_store_is_away(quick, monkeypatch):
    written = io.StringIO()
    monkeypatch.setattr(quick.router.access_log, "_stream", written)
    answer = quick.choose("1")
    quick.router.log.flush()

    def away(*_):
        raise OSError("connection lost")

    monkeypatch.setattr("armlift.storage.group_commit.commit", away)
    monkeypatch.setattr("armlift.serving.router.load_keys", away)
    assert quick.update("1", answer).status_code == 503
    with pytest.raises(OSError, match="connection lost"):
        quick.router._upkeep()
    assert "armlift_store_healthy 0.0" in quick.get("/metrics").text
    assert "GET /choose 200" in written.getvalue()
