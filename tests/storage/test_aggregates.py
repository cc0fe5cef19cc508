import json
import random
import threading
from collections import Counter
from uuid import uuid4

import pytest
from sqlalchemy import insert, select

from armlift.experiments.live_window import LiveRun, LiveSums
from armlift.experiments.log_rows import Decision, Event, Reward
from armlift.storage import ledger
from armlift.storage.aggregates import LiveAggregates, session_batch
from armlift.storage.database import open_database
from armlift.storage.schema import counters, day_counters, experiments, exports, metadata

SECOND = 1_000_000
DAY = 86_400 * SECOND
NOON = 20_000 * DAY + DAY // 2
RUN = LiveRun("movies", "thompson", "2024-10-04", "live")


@pytest.fixture
def live(database):
    return LiveAggregates(database)


def decision(ts=NOON, arm="svd", strategy="thompson", **more):
    return Decision(uuid4().hex, ts, "movies", strategy, arm, 0.5, 1, "a user's key", **more)


def event(kind="click_detail", ts=NOON, arm="svd", strategy="thompson", **more):
    fields = (uuid4().hex, "d", ts, ts, "movies", strategy, arm, 0.5, 1, "a user's key", "s", "i", 0, kind)
    return Event(*fields, **more)


def commit(store, *entries):
    with store.begin() as connection:
        ledger.commit(connection, entries)


def decide(store, number=1, **fields):
    commit(store, *(decision(**fields) for _ in range(number)))


def summed(windows):
    """Changes of windows added up, by run and arm."""
    total = {}
    for window in windows:
        for arm, change in window.change.items():
            before = total.get((window.run, arm), LiveSums())
            total[window.run, arm] = LiveSums(*map(sum, zip(before, change, strict=True)))
    return total


def stored(store):
    with store.read() as connection:
        rows = connection.execute(select(day_counters)).all()
    return {(LiveRun(*row[:4]), row[4]): LiveSums(*row[5:]) for row in rows}


def test_the_sums_are_those_of_the_counters_by_day():
    names = [column.name for column in counters.columns if not column.primary_key]
    assert (*names, "propensity_total") == LiveSums._fields
    assert tuple(day_counters.columns.keys()) == (*LiveRun._fields, "arm_id", *LiveSums._fields)


def test_a_window_holds_what_came_since_the_last_one(database, live):
    made = decision()
    commit(database, Reward(made, event("reward", reward=0.5)), event("impression"))
    assert live.cut(NOON) == 1
    commit(database, decision(arm="top"), event())
    assert live.cut(NOON + SECOND) == 1
    first, second = live.windows(10)
    assert first.run == second.run == RUN
    assert (first.ts, second.ts) == (NOON, NOON + SECOND)
    expected = LiveSums(1, 1, 0.5, 0.25, impressions=1, propensity_total=0.5)
    assert first.change == first.total == {"svd": expected}
    assert second.change == {"svd": LiveSums(clicks=1), "top": LiveSums(1, propensity_total=0.5)}
    assert second.total["svd"] == expected._replace(clicks=1)


def test_where_nothing_came_no_window_is_cut(database, live):
    assert live.cut(NOON) == 0
    decide(database)
    decide(database, strategy="fixed")
    assert live.cut(NOON) == 2
    decide(database)
    commit(database, event("reward"))  # which is counted by no strategy
    assert live.cut(NOON) == 1
    assert live.cut(NOON) == 0


def test_runs_are_split_by_day_of_arrival_strategy_and_session_batch(database, live):
    midnight = 20_001 * DAY
    batch = {"simulated": True, "context": '{"session_batch": "b-7"}'}
    commit(
        database,
        decision(ts=midnight - 1),
        decision(ts=midnight),
        event(ts=NOON)._replace(ts_server=midnight),
        decision(**batch),
        decision(strategy="fixed"),
    )
    live.cut(midnight)
    assert {window.run: sum(window.change["svd"]) for window in live.windows(10)} == {
        RUN: 1.5,
        RUN._replace(day="2024-10-05"): 2.5,
        RUN._replace(session_batch="b-7"): 1.5,
        RUN._replace(strategy_id="fixed"): 1.5,
    }


@pytest.mark.parametrize(
    ("simulated", "context", "batch"),
    [
        (False, "{}", "live"),
        (False, '{"session_batch": "b-7"}', "live"),
        (True, '{"session_batch": "2024-10-04T12:00"}', "2024-10-04T12:00"),
        (True, "{}", "simulated"),
        (True, '["session_batch"]', "simulated"),
        (True, '{"session_batch": "live"}', "simulated"),
        (True, '{"session_batch": 7}', "simulated"),
        (True, '{"session_batch": "anna@example.org"}', "simulated"),
        (True, '{"session_batch": "x\' or 1=1"}', "simulated"),
        (True, json.dumps({"session_batch": "b" * 65}), "simulated"),
    ],
)
def test_the_session_batch_is_a_short_word_of_simulated_users(simulated, context, batch):
    assert session_batch(decision(simulated=simulated, context=context)) == batch


def test_a_reward_belongs_to_the_session_batch_of_its_decision(database, live):
    made = decision(simulated=True, context='{"session_batch": "b-7"}')
    commit(database, Reward(made, event("reward", reward=1.0)))
    live.cut(NOON)
    assert {window.run.session_batch for window in live.windows(9)} == {"b-7"}


def test_a_window_that_waits_does_not_change(database, live):
    decide(database)
    live.cut(NOON)
    before = live.windows(10)
    decide(database, 5)
    live.cut(NOON + SECOND)
    assert list(live.windows(1)) == list(before)
    live.exported(before)
    assert [window.change["svd"].decisions for window in live.windows(10)] == [5]
    assert live.waiting() == 1


def test_times_of_cuts_ascend_though_the_clock_does_not(database, live):
    for now in (NOON, NOON, NOON - DAY):
        decide(database)
        live.cut(now)
    milliseconds = [window.ts // 1000 for window in live.windows(10)]
    assert milliseconds == [NOON // 1000, NOON // 1000 + 1, NOON // 1000 + 2]


def test_what_is_committed_late_is_in_a_later_window(postgresql_url):
    with open_database(postgresql_url, exclusive=False) as store:
        with store.begin() as connection:
            metadata.create_all(connection)
        live = LiveAggregates(store)
        with store.begin() as slow:
            ledger.commit(slow, [decision(arm="top")])  # began first, commits last
            decide(store, 2)
            assert live.cut(NOON) == 1
        assert live.cut(NOON + SECOND) == 1
        first, second = live.windows(10)
        assert {arm: change.decisions for arm, change in first.change.items()} == {"svd": 2}
        assert {arm: change.decisions for arm, change in second.change.items()} == {"svd": 0, "top": 1}


def test_windows_add_up_whoever_writes_and_cuts_at_once(database, open_store):
    rng = random.Random(5)
    plans = [[(rng.choice(["svd", "top"]), rng.randint(1, 4)) for _ in range(30)] for _ in range(3)]
    errors, done = [], threading.Event()

    def write(plan):
        own = open_store()
        for arm, number in plan:
            rows = [Reward(decision(arm=arm), event("reward", arm=arm, reward=0.5)) for _ in range(number)]
            commit(own, *rows, event("impression", arm=arm), decision(arm=arm, bot_flag=True))

    def cut(clock):
        own = LiveAggregates(open_store())
        while not done.is_set():
            own.cut(clock)

    def guarded(work, *arguments):
        try:
            work(*arguments)
        except Exception as error:
            errors.append(error)

    writers = [threading.Thread(target=guarded, args=(write, plan)) for plan in plans]
    cutters = [threading.Thread(target=guarded, args=(cut, NOON + shift)) for shift in (0, -DAY)]
    for thread in (*writers, *cutters):
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    for thread in cutters:
        thread.join()
    live = LiveAggregates(database)
    live.cut(NOON)
    windows = live.windows(10_000)
    wanted = Counter()
    for arm, number in (step for plan in plans for step in plan):
        wanted[arm] += number
    assert not errors
    assert len(windows) > 1
    assert summed(windows) == stored(database)
    assert {arm: sums.decisions for (_, arm), sums in stored(database).items()} == wanted
    with database.read() as connection:
        counted = {row.arm_id: row[3:] for row in connection.execute(select(counters))}
    assert {arm: sums[:-1] for (_, arm), sums in stored(database).items()} == counted
    assert len({window.ts // 1000 for window in windows}) == len(windows)


def test_one_exporter_at_a_time_has_the_lease(live):
    assert live.lease("a", 60, NOON)
    assert live.lease("a", 60, NOON + SECOND)
    assert not live.lease("b", 60, NOON + 60 * SECOND)
    assert live.lease("b", 60, NOON + 61 * SECOND)
    live.release("a")
    assert not live.lease("a", 60, NOON + 62 * SECOND)
    live.release("b")
    assert live.lease("a", 60, NOON + 62 * SECOND)


def test_other_exports_are_left_alone(database, live):
    with database.begin() as connection:
        connection.execute(insert(exports), {"name": "archive", "watermark": 7})
    decide(database)
    live.lease("a", 60, NOON)
    live.cut(NOON)
    live.release("a")
    with database.read() as connection:
        rows = connection.execute(select(exports.c.name, exports.c.watermark)).all()
    assert dict(rows) == {"archive": 7, "mlflow": NOON}


def test_the_first_id_of_a_run_stands(database, live):
    decide(database)
    live.cut(NOON)
    assert live.run_id(RUN) is None
    assert live.keep_run_id(RUN, "first") == "first"
    assert live.keep_run_id(RUN, "second") == "first"
    assert live.keep_run_id(RUN, "third", instead_of="second") == "first"
    assert live.keep_run_id(RUN, "fourth", instead_of="first") == "fourth"
    decide(database)
    live.cut(NOON)
    assert live.run_id(RUN) == "fourth"


def test_a_run_is_over_when_its_day_is_and_nothing_waits(database, live):
    decide(database)
    live.cut(NOON)
    live.keep_run_id(RUN, "abc")
    assert live.open_runs(NOON + DAY) == {}
    live.exported(live.windows(1))
    assert live.open_runs(NOON) == {}
    assert live.open_runs(NOON + DAY) == {RUN: "abc"}
    live.close_run(RUN)
    assert live.open_runs(NOON + DAY) == {}
    decide(database)  # written again by a reward that came the day after
    live.cut(NOON + DAY)
    live.exported(live.windows(1))
    assert live.open_runs(NOON + DAY) == {RUN: "abc"}


def test_the_design_comes_from_the_brief(database, live):
    brief = {
        "id": "movies",
        "tracking_experiment": "abtest_movielens",
        "variants": [{"id": "top"}, {"id": "svd"}],
        "control": "top",
        "strategies": [
            {"id": "fixed", "share": 0.25, "allocation": "fixed", "weights": {"top": 0.9, "svd": 0.1}},
            {"id": "thompson", "share": 0.75, "allocation": "thompson", "floor": 0.05},
        ],
        "primary_metric": {"id": "ctr"},
        "stopping_rule": "always_valid",
    }
    row = {
        "experiment_id": "movies",
        "brief": json.dumps(brief),
        "brief_hash": "f00",
        "state": "running",
        "created_ts": NOON,
    }
    with database.begin() as connection:
        connection.execute(insert(experiments), row)
    name, parameters = live.design(RUN)
    assert name == "abtest_movielens"
    shared = {"brief_hash": "f00", "arms": "top,svd", "day": "2024-10-04", "session_batch": "live"}
    assert parameters.items() >= (shared | {"allocation": "thompson", "floor": 0.05, "share": 0.75}).items()
    fixed = live.design(RUN._replace(strategy_id="fixed")).parameters
    assert fixed.items() >= {"weights.top": 0.9, "weights.svd": 0.1, "allocation": "fixed"}.items()
    assert "floor" not in fixed
    assert live.design(RUN._replace(experiment_id="gone")).tracking_experiment == "gone"


def test_nothing_about_a_person_gets_into_a_window(database, live):
    told = {"context": '{"email": "anna@example.org"}', "session_id": "session-77"}
    commit(database, decision(**told), event(device="a phone"))
    live.cut(NOON)
    text = repr(live.windows(10))
    for secret in ("a user's key", "anna", "session-77", "a phone"):
        assert secret not in text
