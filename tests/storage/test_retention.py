import threading
from collections import Counter

import pytest
from live_log import DAY, NOON, SECOND, brief, decision, event, reward, write
from sqlalchemy import func, insert, select

from armlift.errors import ParameterError
from armlift.experiments.log_rows import EVENT_TYPES
from armlift.storage import retention
from armlift.storage.audit import audit_rows
from armlift.storage.experiments import ExperimentStore
from armlift.storage.ledger import AssignmentRow
from armlift.storage.retention import Expired, Forgotten, expire, forget
from armlift.storage.schema import (
    assignments,
    decisions,
    events,
    features,
    metadata,
    ratings,
    users,
)

ADA, BOB = "a" * 32, "b" * 32


def number_of(database, table):
    with database.read() as connection:
        return connection.scalar(select(func.count()).select_from(table))


def texts_of(database):
    """Every text in the store."""
    with database.read() as connection:
        rows = [row for table in metadata.sorted_tables for row in connection.execute(select(table))]
    return Counter(value for row in rows for value in row if isinstance(value, str))


def summed_events(database):
    """Counters as the events give them: decisions aside, since those are rows of their own."""
    with database.read() as connection:
        kinds = Counter(connection.scalars(select(events.c.event_type)))
        total = connection.scalar(select(func.sum(events.c.reward)))
    return kinds["reward"], total, kinds["impression"]


def counted(database):
    rows = ExperimentStore(database).counters("films")
    return tuple(
        sum(getattr(row, name) for row in rows) for name in ("rewards", "reward_total", "impressions")
    )


@pytest.fixture
def log(database):
    """Two people with decisions, rewards, impressions, assignments, ratings and features."""
    for number in range(12):
        user = (ADA, BOB)[number % 2]
        fields = {"session_id": f"session of {user}", "context": f'{{"by":"{user}"}}'}
        made = decision(number, user=user, **fields)
        seen = event(made, device=f"device of {user}", channel="search", context=f'{{"at":"{user}"}}')
        write(database, made, seen, reward(made, number % 3 / 2))
    for user in (ADA, BOB):
        write(database, AssignmentRow("films", user, "bandit", "svd", 0.5, 1, NOON))
        with database.begin() as connection:
            connection.execute(insert(ratings).values(user_key=user, item_id="318", rating=5.0, ts=NOON))
            connection.execute(
                insert(features).values(entity="user", entity_id=user, name="mean", value="4", ts=NOON)
            )
    return database


def test_nothing_of_a_forgotten_person_is_left(log, monkeypatch):
    monkeypatch.setattr(retention, "_BATCH", 4)
    before = texts_of(log)
    assert any(ADA in text for text in before)
    forgotten = forget(log, ADA, who="ada's lawyer", why="asked for it")
    assert forgotten[:3] == Forgotten(6, 6 * 2, 1, 0)[:3]
    assert forgotten.users >= 2
    after = texts_of(log)
    assert not any(ADA in text for text in after)
    assert all(after[text] == number for text, number in before.items() if BOB in text)
    (row,) = audit_rows(log, "")
    assert (row.action, row.who, row.why) == ("forget", "ada's lawyer", "asked for it")


def test_counters_stay_and_equal_the_events(log):
    before = counted(log)
    assert before == summed_events(log) == (12, 6.0, 12)
    forget(log, ADA, who="x", why="asked for it")
    assert counted(log) == summed_events(log) == before
    with log.read() as connection:
        keys = set(connection.scalars(select(decisions.c.user_key)))
    assert len(keys) == 2, "units of analysis are as many as before"


def test_a_reward_that_is_sent_again_is_still_a_duplicate(log):
    again = reward(decision(0, user=ADA), 0.0)
    forget(log, ADA, who="x", why="asked for it")
    (outcome,) = write(log, again)
    assert (outcome.status, outcome.previous) == ("duplicate", 0.0)
    assert counted(log) == (12, 6.0, 12)


def test_forgetting_again_finds_nothing(log):
    forget(log, ADA, who="x", why="asked for it")
    assert forget(log, ADA, who="x", why="once more") == (0, 0, 0, 0)
    assert forget(log, "c" * 32, who="x", why="a stranger") == (0, 0, 0, 0)


def test_forgetting_needs_a_reason(log):
    with pytest.raises(ParameterError, match="a reason"):
        forget(log, ADA, who="x", why=" ")
    assert number_of(log, assignments) == 2


def test_forgetting_while_others_write(log):
    failures, stop = [], threading.Event()

    def writing():
        number = 100
        try:
            while not stop.is_set():
                write(log, reward(decision(number, user=BOB)))
                number += 1
        except Exception as error:
            failures.append(error)

    thread = threading.Thread(target=writing)
    thread.start()
    forget(log, ADA, who="x", why="asked for it")
    stop.set()
    thread.join()
    assert failures == []
    assert counted(log) == summed_events(log)
    assert not any(ADA in text for text in texts_of(log))


def test_what_is_older_than_the_retention_goes(log, monkeypatch):
    monkeypatch.setattr(retention, "_BATCH", 3)
    before = counted(log)
    now = NOON + 100 * DAY + int(5.5 * SECOND)
    assert expire(log, 100, now=now)[:3] == Expired(6, 2 * 5, 0, 0)[:3]
    with log.read() as connection:
        left = connection.scalars(select(decisions.c.ts).order_by(decisions.c.ts)).all()
        assert left == [NOON + number * SECOND for number in range(6, 12)]
        types = set(connection.scalars(select(events.c.event_type)))
    assert types <= set(EVENT_TYPES)
    assert number_of(log, assignments) == 2, "their experiment goes on"
    assert counted(log) == before
    (row,) = audit_rows(log, "")
    assert (row.action, row.who, row.why) == ("expire", "retention", "older than 100 days")
    assert f'"before":{NOON + int(5.5 * SECOND)},"decisions":6,"events":10' in row.details
    assert expire(log, 100, now=now) == (0, 0, 0, 0)
    assert len(audit_rows(log, "")) == 1, "nothing gone, nothing to say"


def test_assignments_and_users_go_when_their_experiment_has_ended(log):
    store = ExperimentStore(log)
    store.create(brief(), who="x")
    store.change("films", "start", who="x")
    later = NOON + 1000 * DAY
    with log.begin() as connection:
        known = set(connection.scalars(select(users.c.user_key)))
        connection.execute(
            insert(users),
            [{"user_key": user, "first_ts": NOON} for user in (ADA, BOB, "d" * 32) if user not in known],
        )
    found = expire(log, 100, now=later)
    assert (found.decisions, found.assignments, found.users) == (12, 0, 1)
    store.change("films", "complete", who="x")
    assert expire(log, 100, now=later) == (0, 0, 2, 2)
    assert number_of(log, users) == number_of(log, assignments) == 0


def test_a_retention_below_the_reward_window_is_refused(log):
    store = ExperimentStore(log)
    with pytest.raises(ParameterError, match=r"ARMLIFT_RETENTION_DAYS = 0.5: must satisfy days >= 1\."):
        expire(log, 0.5)
    store.create(brief(reward_window_minutes=7 * 24 * 60), who="x")
    with pytest.raises(ParameterError, match=r"days >= 7\.04"):
        expire(log, 7)
    store.change("films", "archive", who="x")
    expire(log, 7, now=NOON)
