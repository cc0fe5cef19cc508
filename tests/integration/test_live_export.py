"""From the store of live traffic to MLflow: every window once, whatever dies on the way."""

import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import mlflow
import pytest
from patience import until
from sqlalchemy import func, select

from armlift.commands.exporter_process import ExporterProcess
from armlift.experiments.log_rows import Decision, Event, Reward
from armlift.storage import ledger
from armlift.storage.aggregates import LiveAggregates
from armlift.storage.database import open_database
from armlift.storage.schema import day_counters, exports, metadata
from armlift.tracking import (
    ensure_store,
    export_live,
    keep_exporting,
    live_runs,
)

NOON = 20_000 * 86_400_000_000 + 43_200_000_000
SECOND = 1_000_000
SUMS = ("decisions", "clicks", "rewards", "reward_total")

# The export process as a command would start it.
EXPORT = """
import sys
from pathlib import Path
from armlift.storage.aggregates import LiveAggregates
from armlift.storage.database import open_database
from armlift.tracking import export_live, export_until_orphaned

root = Path(sys.argv[1])
source = LiveAggregates(open_database(f"sqlite:///{root}/live.db", exclusive=False))
"""
FOREVER = EXPORT + "export_until_orphaned(source, root=root, seconds=0.4)"
# Stops for good where MLflow has the windows and the store has not forgotten them.
HALTED = (
    EXPORT
    + """
import time
def halt(windows):
    print("logged", flush=True)
    time.sleep(60)
source.exported = halt
export_live(source, "killed", int(sys.argv[2]), root=root)
"""
)


@pytest.fixture
def root(tmp_path, template, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    shutil.copy(template, tmp_path / "mlflow.db")
    yield tmp_path
    mlflow.set_tracking_uri(None)


@pytest.fixture
def store(root):
    with open_database(f"sqlite:///{root}/live.db", exclusive=False) as database:
        with database.begin() as connection:
            metadata.create_all(connection)
        yield database


@pytest.fixture
def live(store):
    return LiveAggregates(store)


@pytest.fixture
def commit(store):
    """Commit some decisions, each with a click and a reward."""

    def commit(number=1, arm="svd", ts=NOON):
        entries = []
        for _ in range(number):
            decision = Decision(uuid4().hex, ts, "movies", "thompson", arm, 0.5, 1, "key")
            common = (decision.decision_id, ts, ts, "movies", "thompson", arm, 0.5, 1, "key", "", "", None)
            entries.append(Event(uuid4().hex, *common, "click_detail"))
            entries.append(Reward(decision, Event(uuid4().hex, *common, "reward", 0.1)))
        with store.begin() as connection:
            ledger.commit(connection, entries)

    return commit


def in_mlflow(root):
    """Sums over all points that MLflow has, by metric and arm; and the number of points by metric."""
    with closing(sqlite3.connect(root / "mlflow.db", timeout=20)) as connection:
        rows = connection.execute("SELECT key, sum(value), count(*) FROM metrics GROUP BY key").fetchall()
    return {key: total for key, total, _ in rows}, {key: number for key, _, number in rows}


def in_store(store):
    sums = [func.sum(day_counters.c[name]) for name in SUMS]
    with store.read() as connection:
        rows = connection.execute(select(day_counters.c.arm_id, *sums).group_by(day_counters.c.arm_id))
        return {
            f"{name}/{arm}": value for arm, *values in rows for name, value in zip(SUMS, values, strict=True)
        }


def assert_complete(root, store):
    totals, numbers = in_mlflow(root)
    assert {name: totals[name] for name in in_store(store)} == pytest.approx(in_store(store))
    with closing(sqlite3.connect(root / "mlflow.db", timeout=20)) as connection:
        assert connection.execute("SELECT count(*) FROM runs").fetchone() == (1,)
    return numbers


@pytest.mark.slow
def test_thousands_of_windows_wait_for_mlflow_and_are_caught_up_with_at_once(root, store, live, commit):
    for number in range(2000):
        commit(number % 3 + 1, arm=("svd", "top")[number % 2])
        live.cut(NOON + number * SECOND)
    report = export_live(live, "me", NOON + 2000 * SECOND, root=root, deadline=600)
    assert (report.exported, report.waiting) == (2000, 0)
    assert assert_complete(root, store)["decisions/svd"] == 2000


def test_a_process_killed_between_mlflow_and_the_store_doubles_nothing(root, store, live, commit):
    for number in range(3):
        commit(number + 1)
        live.cut(NOON + number * SECOND)
    command = [sys.executable, "-c", HALTED, str(root), str(NOON)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "logged\n"
        process.send_signal(signal.SIGKILL)
    before = in_mlflow(root)
    assert before[1]["decisions/svd"] == live.waiting() == 3
    assert not export_live(live, "next", NOON + 59 * SECOND, root=root).leased
    commit(4)
    assert export_live(live, "next", NOON + 61 * SECOND, root=root).exported == 4
    assert assert_complete(root, store)["decisions/svd"] == 4


@pytest.mark.slow
def test_a_server_gets_every_window_once_too(root, store, live, commit, monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", ensure_store(root), *address]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "start_new_session": True}
    for number in range(40):
        commit(number % 2 + 1)
        live.cut(NOON + number * SECOND)
    waiting = live.windows(100)
    with subprocess.Popen(command, cwd=root, **quiet) as server:
        try:
            assert until(lambda: _answers(port), 120)
            monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}")
            monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "120")
            with monkeypatch.context() as patch:
                patch.setattr(live, "exported", lambda windows: 1 / 0)
                with pytest.raises(ZeroDivisionError):
                    export_live(live, "me", NOON, root=root, deadline=300)
            assert list(live.windows(100)) == list(waiting)
            monkeypatch.setattr(live_runs, "PROGRESS_METRIC", "unknown")  # the server has to recognise all
            assert export_live(live, "me", NOON, root=root, deadline=300).exported == 40
        finally:
            os.killpg(server.pid, signal.SIGKILL)
    assert assert_complete(root, store)["decisions/svd"] == 40


def _answers(port):
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.slow
def test_killed_at_any_moment_and_started_again_it_loses_and_doubles_nothing(root, store, live, commit):
    command = [sys.executable, "-c", FOREVER, str(root)]
    now = time.time_ns() // 1000
    for delay in (0.1, 0.4, 0.0, 0.7, 0.2):
        process = subprocess.Popen(command, stdin=subprocess.PIPE)
        exported = in_mlflow(root)[1].get("decisions/svd", 0)
        commit(3, ts=now)
        commit(2, ts=now, arm="top")
        assert until(lambda seen=exported: in_mlflow(root)[1].get("decisions/svd", 0) > seen)
        for _ in range(3):
            commit(1, ts=now)
            time.sleep(delay / 3)
        process.kill()
        process.communicate()
        # The next one need not wait until the lease of the dead one is over.
        live.release(_holder(store))
    export_live(live, "last", time.time_ns() // 1000, root=root)
    assert live.waiting() == 0
    assert_complete(root, store)


def _holder(store):
    with store.read() as connection:
        return connection.execute(select(exports.c.lease_holder)).scalar_one() or ""


def test_while_mlflow_is_locked_windows_are_cut_and_then_delivered_once(root, store, live, commit, caplog):
    stop = threading.Event()
    settings = {"root": root, "seconds": 0.4}
    thread = threading.Thread(target=keep_exporting, args=(live, stop), kwargs=settings)
    now = time.time_ns() // 1000
    with closing(sqlite3.connect(root / "mlflow.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        thread.start()
        for wanted in range(1, 5):
            commit(wanted, ts=now)
            assert until(lambda wanted=wanted: live.waiting() >= wanted)
        other.execute("ROLLBACK")
    assert until(lambda: live.waiting() == 0)
    stop.set()
    thread.join()
    lines = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert lines
    assert all("is not in MLflow yet" in line and "\n" not in line for line in lines)
    assert assert_complete(root, store)["decisions/svd"] == 4


def test_the_export_process_ends_with_the_router(root, commit):
    router = """
import subprocess, sys, time
from armlift.commands.exporter_process import ExporterProcess
exporter = ExporterProcess(sys.argv[1:])
exporter.start()
while exporter.pid is None:
    time.sleep(0.01)
print(exporter.pid, flush=True)
time.sleep(60)
"""
    command = [sys.executable, "-c", router, sys.executable, "-c", FOREVER, str(root)]
    commit(ts=time.time_ns() // 1000)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        exporter = int(process.stdout.readline())
        assert until(lambda: in_mlflow(root)[0])
        process.send_signal(signal.SIGKILL)
        # It holds the other end of no pipe of ours: communicate would wait for nobody.
    assert until(lambda: not _alive(exporter))


def _alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_the_export_process_is_started_again_and_stopped(root, commit, monkeypatch):
    exporter = ExporterProcess([sys.executable, "-c", FOREVER, str(root)], restart_seconds=0.1)
    exporter.start()
    commit(ts=time.time_ns() // 1000)
    assert until(lambda: in_mlflow(root)[0])
    first = exporter.pid
    assert os.getpriority(os.PRIO_PROCESS, first) == os.getpriority(os.PRIO_PROCESS, 0) + 10
    os.kill(first, signal.SIGKILL)
    assert until(lambda: exporter.pid not in (None, first))
    second = exporter.pid
    exporter.stop()
    assert exporter.pid is None
    assert not _alive(second)


def test_a_command_that_is_missing_is_said(caplog):
    exporter = ExporterProcess(["/nowhere/armlift"], restart_seconds=60)
    exporter.start()
    assert until(lambda: "cannot start" in caplog.text)
    exporter.stop()
