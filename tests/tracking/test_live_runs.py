import logging
import os
import socket
import sqlite3
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count

import mlflow
import pytest

from armlift.errors import TrackingError
from armlift.experiments.live_window import LiveDesign, LiveRun, LiveSums, LiveWindow
from armlift.tracking import live_runs
from armlift.tracking.live_runs import PROGRESS_METRIC, RUN_TAG, export_live, window_metrics

SECOND = 1_000_000
DAY = 86_400 * SECOND
MIDNIGHT = 20_000 * DAY
NOON = MIDNIGHT + DAY // 2
RUN = LiveRun("movies", "thompson", "2024-10-04", "live")
TAG = "movies/thompson/2024-10-04/live"


class Source:
    """A store of live traffic in memory."""

    def __init__(self):
        self.kept, self.ids, self.open, self.closed, self.held = [], {}, {}, [], None
        self.parameters = {"floor": 0.05, "arms": "top,svd"}
        self.numbers = count(1)

    def add(self, run=RUN, ts=NOON, **arms):
        sums = arms or {"svd": LiveSums(decisions=2)}
        self.kept.append(LiveWindow(next(self.numbers), run, ts, sums, sums))

    def lease(self, holder, seconds, now):
        if self.held not in (None, holder):
            return False
        self.held = holder
        return True

    def release(self, holder):
        self.held = None

    def cut(self, now):
        return 0

    def windows(self, limit):
        return self.kept[:limit]

    def waiting(self):
        return len(self.kept)

    def exported(self, windows):
        self.kept = [window for window in self.kept if window not in windows]

    def run_id(self, run):
        return self.ids.get(run)

    def keep_run_id(self, run, run_id, instead_of=None):
        if self.ids.get(run) == instead_of:
            self.ids[run] = run_id
        return self.ids[run]

    def design(self, run):
        return LiveDesign("abtest_movielens", self.parameters)

    def open_runs(self, now):
        return self.open

    def close_run(self, run):
        self.closed.append(run)


@pytest.fixture
def source():
    return Source()


@pytest.fixture
def export(source, store, tmp_path):
    def export(now=NOON, **settings):
        return export_live(source, "me", now, root=tmp_path, **settings)

    return export


def runs(store):
    found = store.get_experiment_by_name("abtest_movielens")
    return [] if found is None else list(store.search_runs([found.experiment_id]))


def points(store, run_id, metric):
    return [(p.step, p.timestamp, p.value) for p in store.get_metric_history(run_id, metric)]


def all_points(store):
    """Everything that MLflow keeps of metrics, from its own table."""
    database = store.tracking_uri.removeprefix("sqlite:///")
    with sqlite3.connect(database) as connection:
        return sorted(connection.execute("SELECT run_uuid, key, step, timestamp, value FROM metrics"))


def test_a_window_becomes_points_of_its_run(store, source, export):
    source.add(svd=LiveSums(decisions=3, impressions=4, clicks=1), top=LiveSums(decisions=1))
    report = export()
    assert (report.leased, report.exported, report.waiting) == (True, 1, 0)
    (run,) = runs(store)
    assert run.info.run_name == "2024-10-04 live thompson"
    assert run.info.start_time == MIDNIGHT // 1000
    assert run.data.tags[RUN_TAG] == TAG
    assert run.data.params == {"floor": "0.05", "arms": "top,svd"}
    assert run.data.metrics.items() >= {"ctr/svd": 0.25, "share/svd": 0.75, "share/top": 0.25}.items()
    assert points(store, run.info.run_id, "decisions/svd") == [(43_200, NOON // 1000, 3.0)]
    assert report.metrics == len(all_points(store)) == len(run.data.metrics)


def test_metrics_of_a_window():
    change = {"svd": LiveSums(4, 2, 1.5, 1.25, 8, 2, propensity_total=1.0, revenue=9.0, excluded=1)}
    total = {"svd": LiveSums(40, 10, 5.0)}
    assert window_metrics(LiveWindow(1, RUN, NOON, change, total)) == {
        "decisions/svd": 4,
        "rewards/svd": 2,
        "reward_total/svd": 1.5,
        "impressions/svd": 8,
        "clicks/svd": 2,
        "add_to_carts/svd": 0,
        "purchases/svd": 0,
        "likes/svd": 0,
        "dislikes/svd": 0,
        "revenue/svd": 9.0,
        "excluded/svd": 1,
        "ctr/svd": 0.25,
        "share/svd": 1.0,
        "propensity/svd": 0.25,
        "day_decisions/svd": 40,
        "day_rewards/svd": 10,
        "day_reward_total/svd": 5.0,
        "day_reward_mean/svd": 0.5,
    }


def test_without_decisions_nothing_is_divided():
    still = {"svd": LiveSums(clicks=1)}
    names = {name.partition("/")[0] for name in window_metrics(LiveWindow(1, RUN, NOON, still, still))}
    assert names.isdisjoint({"ctr", "share", "propensity", "day_reward_mean"})


def test_equal_windows_are_points_each(store, source, export):
    for second in range(3):
        source.add(ts=NOON + second * 10 * SECOND)
    export()
    assert [step for step, *_ in points(store, source.ids[RUN], "decisions/svd")] == [43200, 43210, 43220]


def test_what_is_logged_again_is_there_once(store, source, export):
    for second in range(0, 50, 10):
        source.add(ts=NOON + second * SECOND, svd=LiveSums(2, 1, 0.1 * second), top=LiveSums(1))
    first_two, waiting = source.kept[:2], list(source.kept)
    source.kept = first_two
    export()
    before = all_points(store)
    source.kept = waiting  # as if the process had died before the windows were forgotten
    report = export()
    after = all_points(store)
    assert report.metrics == len(after) * 4 // 5  # MLflow is spared what it must have
    assert len(after) == len(set(after)) == len(before) * 5 // 2
    assert set(before) < set(after)
    assert len(runs(store)) == 1


def test_a_window_that_is_there_in_part_is_completed(store, source, export, monkeypatch):
    source.add(svd=LiveSums(1), top=LiveSums(2))
    source.add(ts=NOON + SECOND, svd=LiveSums(3), top=LiveSums(4))
    waiting = list(source.kept)
    monkeypatch.setattr(live_runs, "_POINTS_AT_ONCE", 40)  # of 55
    assert (export(deadline=0.0).waiting, source.kept) == (2, waiting)
    assert len(all_points(store)) == 40
    export()
    assert len(all_points(store)) == len(set(all_points(store)))
    assert points(store, source.ids[RUN], "decisions/top")[1:] == [(43_201, NOON // 1000 + 1000, 4.0)]
    metrics = store.get_run(source.ids[RUN]).data.metrics
    assert metrics[PROGRESS_METRIC] == NOON / 1000 + 1000


def test_runs_of_strategies_days_and_session_batches(store, source, export):
    others = [
        RUN._replace(strategy_id="fixed"),
        RUN._replace(day="2024-10-05"),
        RUN._replace(session_batch="b"),
    ]
    for run in (RUN, *others, RUN):
        source.add(run, ts=NOON + DAY)
    export(NOON + DAY)
    assert len(runs(store)) == 4
    tags = ("strategy_id", "day", "session_batch")
    assert {tuple(run.data.tags[tag] for tag in tags) for run in runs(store)} == {
        ("thompson", "2024-10-04", "live"),
        ("fixed", "2024-10-04", "live"),
        ("thompson", "2024-10-05", "live"),
        ("thompson", "2024-10-04", "b"),
    }


def test_a_run_that_was_created_but_not_kept_is_found_again(store, source, export, monkeypatch):
    source.add()
    with monkeypatch.context() as patch:
        patch.setattr(source, "keep_run_id", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            export()
    assert source.held is None
    source.parameters["share"] = 0.5  # the death came before the last parameter
    export()
    (run,) = runs(store)
    assert source.ids == {RUN: run.info.run_id}
    assert run.data.params == {"floor": "0.05", "arms": "top,svd", "share": "0.5"}


def test_parameters_that_a_new_version_names_otherwise_do_no_harm(store, source, export):
    source.add()
    export()
    source.parameters = {"floor": 0.1}
    source.ids.clear()
    source.add(ts=NOON + SECOND)
    export()
    assert [run.data.params["floor"] for run in runs(store)] == ["0.05"]


def test_of_two_exporters_at_once_one_logs_to_the_others_run(store, source, export, monkeypatch):
    source.add()
    experiment = store.create_experiment("abtest_movielens")
    faster = store.create_run(experiment).info.run_id
    monkeypatch.setattr(source, "keep_run_id", lambda *_, **__: faster)
    export()
    assert {row[0] for row in all_points(store)} == {faster}


def test_without_the_lease_nothing_happens(source, store, export):
    source.add()
    source.held = "another"
    assert not export().leased
    assert (source.waiting(), runs(store)) == (1, [])
    assert source.held == "another"


def test_mlflow_is_not_touched_while_nothing_waits(export, monkeypatch):
    monkeypatch.setattr(live_runs, "use_store", lambda root: 1 / 0)
    assert export().exported == 0


def test_what_takes_too_long_is_left_for_the_next_time(store, source, export):
    source.add()
    source.add(RUN._replace(session_batch="b"))
    report = export(deadline=0.0)
    assert (report.exported, report.waiting) == (1, 1)
    assert export(deadline=0.0).waiting == 0


def test_a_run_that_somebody_deleted_stays_deleted(store, source, export, caplog):
    source.add()
    export()
    store.delete_run(source.ids[RUN])
    source.add(ts=NOON + SECOND)
    source.add(RUN._replace(strategy_id="fixed"))
    assert export().waiting == 0
    assert f"{TAG} was deleted in MLflow: 1 windows are not logged" in caplog.text
    assert [run.data.tags["strategy_id"] for run in runs(store)] == ["fixed"]
    source.open = {RUN: source.ids[RUN]}
    export(NOON + DAY)
    assert source.closed == [RUN]


def test_an_experiment_that_somebody_deleted_stays_deleted(store, source, export, caplog):
    store.delete_experiment(store.create_experiment("abtest_movielens"))
    source.add()
    assert export().waiting == 0
    assert "was deleted in MLflow" in caplog.text


def test_a_new_mlflow_store_gets_a_new_run(store, source, export):
    source.ids[RUN] = "0" * 32
    source.add()
    export()
    assert [run.info.run_id for run in runs(store)] == [source.ids[RUN]]


def test_a_run_of_an_earlier_day_ends_and_its_empty_doubles_go(store, source, export):
    source.add()
    export()
    (run,) = runs(store)
    store.create_run(run.info.experiment_id, tags={RUN_TAG: TAG})
    source.open = {RUN: run.info.run_id}
    export(NOON + DAY)
    (ended,) = runs(store)
    assert (ended.info.run_id, ended.info.status) == (run.info.run_id, "FINISHED")
    assert ended.info.end_time == (MIDNIGHT + DAY) // 1000
    assert source.closed == [RUN]
    source.add(ts=NOON + DAY)  # and what still comes is logged
    export(NOON + DAY)
    assert len(points(store, run.info.run_id, "decisions/svd")) == 2


def test_a_locked_store_is_given_up_soon_and_said_in_one_line(
    store, source, export, tmp_path, monkeypatch, caplog
):
    source.add()
    export()
    source.add(ts=NOON + SECOND)
    monkeypatch.setattr(live_runs, "_LOCK_SECONDS", 0.1)
    with sqlite3.connect(tmp_path / "mlflow.db", isolation_level=None) as other:
        other.execute("BEGIN EXCLUSIVE")
        start = time.monotonic()
        with pytest.raises(TrackingError, match="locked"):
            export()
        assert time.monotonic() - start < 10
        other.execute("ROLLBACK")
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert (source.waiting(), source.held) == (1, None)
    export()
    assert len(points(store, source.ids[RUN], "decisions/svd")) == 2


class Hanging(BaseHTTPRequestHandler):
    """Reads requests and answers none before the test is over."""

    def do_GET(self):
        self.server.asked.append(self.path)
        self.server.over.wait(30)

    do_POST = do_GET  # noqa: N815 - the name is that of http.server

    def log_message(self, *arguments):
        pass


@pytest.fixture
def hanging_server():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hanging)
    server.daemon_threads = True
    server.asked, server.over = [], threading.Event()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.over.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def server_settings(monkeypatch):
    def use(port):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}")
        monkeypatch.setitem(live_runs._LIMITS, "MLFLOW_HTTP_REQUEST_TIMEOUT", "1")

    yield use
    mlflow.set_tracking_uri(None)


def test_a_server_that_does_not_answer_is_asked_once(
    source, tmp_path, hanging_server, server_settings, caplog
):
    server_settings(hanging_server.server_address[1])
    source.add()
    start = time.monotonic()
    with pytest.raises(TrackingError, match="timed out"):
        export_live(source, "me", NOON, root=tmp_path)
    assert time.monotonic() - start < 10
    assert len([path for path in hanging_server.asked if "get-by-name" in path]) == 1
    assert (source.waiting(), source.held) == (1, None)
    assert not set(live_runs._LIMITS) & set(os.environ)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_a_server_that_is_away_is_given_up_at_once(source, tmp_path, server_settings):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        server_settings(free.getsockname()[1])
    source.add()
    start = time.monotonic()
    with pytest.raises(TrackingError, match="refused"):
        export_live(source, "me", NOON, root=tmp_path)
    assert time.monotonic() - start < 10
    assert source.waiting() == 1


def test_limits_of_the_environment_hold(monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "77")
    with live_runs._bounded():
        assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "77"
        assert os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == "0"
    assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "77"
