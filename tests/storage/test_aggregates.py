import json
import random
import threading
from collections import Counter

import pytest
from sqlalchemy import insert, select

from armlift.experiments.live_window import LiveRun, LiveSums
from armlift.experiments.log_rows import Decision, Event
from armlift.storage import aggregates
from armlift.storage.aggregates import DayTally, LiveAggregates, day_counters, session_batch
from armlift.storage.database import open_database
from armlift.storage.schema import counters, exports, metadata

SECOND = 1_000_000
DAY = 86_400 * SECOND
NOON = 20_000 * DAY + DAY // 2
RUN = LiveRun("movies", "thompson", "2024-10-04", "live")


@pytest.fixture
def store(database):
    with database.begin() as connection:
        aggregates.metadata.create_all(connection)
    return database


@pytest.fixture
def live(store):
    return LiveAggregates(store)


def decision(ts=NOON, arm="svd", strategy="thompson", **more):
    return Decision("d", ts, "movies", strategy, arm, 0.5, 1, "a user's key", **more)


def event(kind="click_detail", ts=NOON, arm="svd", strategy="thompson", **more):
    fields = ("e", "d", ts, ts, "movies", strategy, arm, 0.5, 1, "a user's key", "s", "i", 0, kind)
    return Event(*fields, **more)


def add(connection, *rows):
    tally = DayTally()
    for row, changes in rows:
        tally.add(row, changes)
    tally.write(connection)


def commit(store, *rows):
    with store.begin() as connection:
        add(connection, *rows)


def decide(store, number=1, **fields):
    commit(store, *[(decision(**fields), {"decisions": 1})] * number)


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


def test_every_sum_of_the_counters_is_kept_by_day():
    sums = {column.name for column in counters.columns if not column.primary_key}
    assert sums | {"propensity_total"} == set(LiveSums._fields)


def test_a_window_holds_what_came_since_the_last_one(store, live):
    reward = (event("reward", reward=0.5), {"rewards": 1, "reward_total": 0.5, "reward_squares": 0.25})
    commit(store, (decision(), {"decisions": 1}), (event("impression"), {"impressions": 1}), reward)
    assert live.cut(NOON) == 1
    commit(store, (decision(arm="top"), {"decisions": 1}), (event(), {"clicks": 1}))
    assert live.cut(NOON + SECOND) == 1
    first, second = live.windows(10)
    assert first.run == second.run == RUN
    assert (first.ts, second.ts) == (NOON, NOON + SECOND)
    assert (
        first.change == first.total == {"svd": LiveSums(1, 1, 0.5, 0.25, impressions=1, propensity_total=0.5)}
    )
    assert second.change == {"svd": LiveSums(clicks=1), "top": LiveSums(1, propensity_total=0.5)}
    assert second.total["svd"] == LiveSums(1, 1, 0.5, 0.25, 1, 1, propensity_total=0.5)


def test_where_nothing_came_no_window_is_cut(store, live):
    assert live.cut(NOON) == 0
    decide(store)
    decide(store, strategy="fixed")
    assert live.cut(NOON) == 2
    decide(store)
    commit(store, (event("reward"), {}))  # one that came too late and counts for nothing
    assert live.cut(NOON) == 1
    assert live.cut(NOON) == 0


def test_runs_are_split_by_day_of_arrival_strategy_and_session_batch(store, live):
    midnight = 20_001 * DAY
    batch = {"simulated": True, "context": '{"session_batch": "b-7"}'}
    commit(
        store,
        (decision(ts=midnight - 1), {"decisions": 1}),
        (decision(ts=midnight), {"decisions": 1}),
        (event(ts=NOON)._replace(ts_server=midnight), {"clicks": 1}),
        (decision(**batch), {"decisions": 1}),
        (decision(strategy="fixed"), {"decisions": 1}),
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


def test_an_event_belongs_to_the_session_batch_of_its_decision(store, live):
    made = decision(simulated=True, context='{"session_batch": "b-7"}')
    tally = DayTally()
    tally.add(event(simulated=True), {"clicks": 1}, made)
    with store.begin() as connection:
        tally.write(connection)
    live.cut(NOON)
    assert live.windows(1)[0].run.session_batch == "b-7"


def test_a_window_that_waits_does_not_change(store, live):
    decide(store)
    live.cut(NOON)
    before = live.windows(10)
    decide(store, 5)
    live.cut(NOON + SECOND)
    assert list(live.windows(1)) == list(before)
    live.exported(before)
    assert [window.change["svd"].decisions for window in live.windows(10)] == [5]
    assert live.waiting() == 1


def test_times_of_cuts_ascend_though_the_clock_does_not(store, live):
    for now in (NOON, NOON, NOON - DAY):
        decide(store)
        live.cut(now)
    milliseconds = [window.ts // 1000 for window in live.windows(10)]
    assert milliseconds == [NOON // 1000, NOON // 1000 + 1, NOON // 1000 + 2]


def test_what_is_committed_late_is_in_a_later_window(postgresql_url):

    with open_database(postgresql_url, exclusive=False) as store:
        with store.begin() as connection:
            metadata.create_all(connection)
            aggregates.metadata.create_all(connection)
        live = LiveAggregates(store)
        with store.begin() as slow:
            add(slow, (decision(arm="top"), {"decisions": 1}))  # began first, commits last
            decide(store, 2)
            assert live.cut(NOON) == 1
        assert live.cut(NOON + SECOND) == 1
        first, second = live.windows(10)
        assert {arm: change.decisions for arm, change in first.change.items()} == {"svd": 2}
        assert {arm: change.decisions for arm, change in second.change.items()} == {"svd": 0, "top": 1}


def test_windows_add_up_whoever_writes_and_cuts_at_once(store, open_store):
    rng = random.Random(5)
    plans = [[(rng.choice(["svd", "top"]), rng.randint(1, 4)) for _ in range(30)] for _ in range(3)]
    errors, done = [], threading.Event()

    def write(plan):
        own = open_store()
        for arm, number in plan:
            rows = [(decision(arm=arm), {"decisions": 1}), (event(arm=arm), {"clicks": 1})] * number
            commit(own, *rows)

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
    live = LiveAggregates(store)
    live.cut(NOON)
    windows = live.windows(10_000)
    wanted = Counter()
    for arm, number in (step for plan in plans for step in plan):
        wanted[arm] += number
    assert not errors
    assert len(windows) > 1
    assert summed(windows) == stored(store)
    assert {arm: sums.decisions for (_, arm), sums in stored(store).items()} == wanted
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


def test_other_exports_are_left_alone(store, live):
    with store.begin() as connection:
        connection.execute(insert(exports), {"name": "archive", "watermark": 7})
    decide(store)
    live.lease("a", 60, NOON)
    live.cut(NOON)
    live.release("a")
    with store.read() as connection:
        rows = connection.execute(select(exports.c.name, exports.c.watermark)).all()
    assert dict(rows) == {"archive": 7, "mlflow": NOON}


def test_the_first_id_of_a_run_stands(store, live):
    decide(store)
    live.cut(NOON)
    assert live.run_id(RUN) is None
    assert live.keep_run_id(RUN, "first") == "first"
    assert live.keep_run_id(RUN, "second") == "first"
    assert live.keep_run_id(RUN, "third", instead_of="second") == "first"
    assert live.keep_run_id(RUN, "fourth", instead_of="first") == "fourth"
    decide(store)
    live.cut(NOON)
    assert live.run_id(RUN) == "fourth"


def test_a_run_is_over_when_its_day_is_and_nothing_waits(store, live):
    decide(store)
    live.cut(NOON)
    live.keep_run_id(RUN, "abc")
    assert live.open_runs(NOON + DAY) == {}
    live.exported(live.windows(1))
    assert live.open_runs(NOON) == {}
    assert live.open_runs(NOON + DAY) == {RUN: "abc"}
    live.close_run(RUN)
    assert live.open_runs(NOON + DAY) == {}
    decide(store)  # written again by a reward that came the day after
    live.cut(NOON + DAY)
    live.exported(live.windows(1))
    assert live.open_runs(NOON + DAY) == {RUN: "abc"}


def test_the_design_comes_from_the_brief(store, live):
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
    with store.begin() as connection:
        connection.execute(insert(aggregates.experiments), row)
    name, parameters = live.design(RUN)
    assert name == "abtest_movielens"
    shared = {"brief_hash": "f00", "arms": "top,svd", "day": "2024-10-04", "session_batch": "live"}
    assert parameters.items() >= (shared | {"allocation": "thompson", "floor": 0.05, "share": 0.75}).items()
    fixed = live.design(RUN._replace(strategy_id="fixed")).parameters
    assert fixed.items() >= {"weights.top": 0.9, "weights.svd": 0.1, "allocation": "fixed"}.items()
    assert "floor" not in fixed
    assert live.design(RUN._replace(experiment_id="gone")).tracking_experiment == "gone"


def test_nothing_about_a_person_gets_into_a_window(store, live):
    told = {"context": '{"email": "anna@example.org"}', "session_id": "session-77"}
    commit(store, (decision(**told), {"decisions": 1}), (event(device="a phone"), {"clicks": 1}))
    live.cut(NOON)
    text = repr(live.windows(10))
    for secret in ("a user's key", "anna", "session-77", "a phone"):
        assert secret not in text
