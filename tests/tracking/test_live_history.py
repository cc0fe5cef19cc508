"""Live runs, read back from MLflow."""

from datetime import UTC, datetime, timedelta

import mlflow
import pandas as pd
import pytest
from tracking.test_live_runs import DAY, NOON, RUN, SECOND, Source

from armlift.errors import TrackingError
from armlift.experiments.live_window import LiveSums
from armlift.tracking.live_history import LiveHistory, check_reachable
from armlift.tracking.live_runs import export_live

FIXED = RUN._replace(strategy_id="fixed")
CLICKED = LiveSums(
    decisions=4, rewards=3, reward_total=2.0, impressions=5, clicks=2, purchases=1, revenue=7.5
)


@pytest.fixture
def source():
    return Source()


@pytest.fixture
def export(source, store, tmp_path):
    return lambda now=NOON: export_live(source, "me", now, root=tmp_path)


@pytest.fixture
def history(store):
    return LiveHistory(store.tracking_uri)


def read(history, **since):
    return history.read("abtest_movielens", "movies", **since)


def test_what_was_exported_is_read_back(source, export, history):
    source.add(svd=CLICKED, top=LiveSums(decisions=1))
    source.add(FIXED, ts=NOON + 60 * SECOND, svd=LiveSums(decisions=2, excluded=3))
    export()
    points, runs = read(history)
    assert points["at"].tolist() == [pd.Timestamp("2024-10-04T12:00Z")] * 2 + [
        pd.Timestamp("2024-10-04T12:01Z")
    ]
    assert points["strategy_id"].tolist() == ["thompson", "thompson", "fixed"]
    assert points["arm_id"].tolist() == ["svd", "top", "svd"]
    svd = points.iloc[0]
    sums = ("decisions", "rewards", "reward_total", "impressions", "clicks", "purchases", "revenue")
    assert [svd[name] for name in sums] == [4, 3, 2.0, 5, 2, 1, 7.5]
    assert points["excluded"].tolist() == [0, 0, 3]
    assert [(run.strategy_id, run.day, run.ended) for run in runs] == [
        ("thompson", "2024-10-04", False),
        ("fixed", "2024-10-04", False),
    ]


def test_later_reads_add_what_is_new_and_nothing_twice(source, export, history):
    for window in range(5):
        source.add(ts=NOON + window * 60 * SECOND, svd=LiveSums(decisions=1))
        export()
        assert read(history).points["decisions"].tolist() == [1.0] * (window + 1)
    assert read(history).points.equals(LiveHistory(history.uri).read("abtest_movielens", "movies").points)


def test_a_window_that_was_on_its_way_is_completed(source, export, history, store):
    """The newest window may be there in part; the next read has all of it."""
    source.add(svd=LiveSums(decisions=1))
    export()
    run_id, at = source.ids[RUN], NOON // 1000 + 60_000
    store.log_metric(run_id, "exported_until_ms", float(at), timestamp=at, step=43_260)
    store.log_metric(run_id, "decisions/svd", 2.0, timestamp=at, step=43_260)
    assert read(history).points["decisions"].sum() == 3
    store.log_metric(run_id, "decisions/top", 5.0, timestamp=at, step=43_260)
    assert read(history).points["decisions"].sum() == 8


def test_runs_that_ended_are_not_asked_again(source, export, history, store, monkeypatch):
    source.add(svd=LiveSums(decisions=1))
    export()
    store.set_terminated(source.ids[RUN], "FINISHED")
    assert len(read(history).points) == 1
    monkeypatch.setattr("armlift.tracking.live_history._new_points", lambda *_: pytest.fail("asked again"))
    assert len(read(history).points) == 1


def test_a_server_is_asked_metric_by_metric(source, export, history, monkeypatch):
    source.add(svd=CLICKED, top=LiveSums(decisions=1))
    export()
    by_query = read(history).points
    monkeypatch.setattr("armlift.tracking.live_history._sessions", lambda uri: None)
    assert LiveHistory(history.uri).read("abtest_movielens", "movies").points.equals(by_query)


def test_since_leaves_out_earlier_days_and_points(source, export, history):
    source.add(ts=NOON)
    source.add(RUN._replace(day="2024-10-05"), ts=NOON + DAY)
    export(NOON + DAY)
    assert len(read(history).points) == 2
    late = read(history, since=datetime(2024, 10, 4, 18, tzinfo=UTC))
    assert late.points["at"].tolist() == [pd.Timestamp("2024-10-05T12:00Z")]
    assert read(history, since=datetime(2024, 10, 5, 18, tzinfo=UTC)).points.empty


def test_other_experiments_in_the_same_place_are_left_out(source, export, history):
    source.add()
    source.add(RUN._replace(experiment_id="films"))
    export()
    assert [run.experiment_id for run in read(history).runs] == ["movies"]


def test_nothing_yet(history):
    points, runs = read(history)
    assert points.empty
    assert runs == ()
    assert "clicks" in points


def test_a_store_that_is_away_is_said_quickly(tmp_path):
    with pytest.raises(TrackingError, match="there is no MLflow store yet"):
        LiveHistory(f"sqlite:///{tmp_path / 'mlflow.db'}").read("abtest_movielens", "movies")
    assert not (tmp_path / "mlflow.db").exists()
    with pytest.raises(TrackingError, match="does not answer"):
        check_reachable("http://127.0.0.1:9")


def test_a_file_that_is_no_database_is_said(tmp_path):
    broken = tmp_path / "broken.db"
    broken.write_bytes(b"no database at all, but long enough to be looked at" * 40)
    with pytest.raises(TrackingError, match="no usable MLflow database"):
        LiveHistory(f"sqlite:///{broken}").read("abtest_movielens", "movies")


@pytest.mark.slow
def test_a_hundred_thousand_points_come_back_whole(store, history):
    """Thirty days of two strategies and five arms, a window every 13 minutes."""
    from mlflow.entities import Metric

    experiment = store.create_experiment("abtest_movielens")
    start, arms, windows = datetime(2026, 3, 1, tzinfo=UTC), "abcde", 111
    for day in range(30):
        for strategy in ("fixed", "thompson"):
            date = (start + timedelta(days=day)).date().isoformat()
            tags = {"armlift.live_run": f"movies/{strategy}/{date}/live", "experiment_id": "movies"}
            tags |= {"strategy_id": strategy, "day": date, "session_batch": "live"}
            run_id = store.create_run(experiment, tags=tags).info.run_id
            midnight = round((start + timedelta(days=day)).timestamp() * 1000)
            ends = [midnight + (window + 1) * 780_000 for window in range(windows)]
            points = [Metric("exported_until_ms", end, end, 0) for end in ends]
            points += [
                Metric(f"{name}/{arm}", 1.0, end, 0)
                for end in ends
                for arm in arms
                for name in ("decisions", "clicks", "rewards")
            ]
            for at in range(0, len(points), 1000):
                store.log_batch(run_id, metrics=points[at : at + 1000])
            store.set_terminated(run_id, "FINISHED")
    found = read(history).points
    assert len(found) == 30 * 2 * windows * 5
    assert found["clicks"].sum() == len(found)
    assert mlflow.active_run() is None
