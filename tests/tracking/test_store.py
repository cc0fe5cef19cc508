import shutil
import signal
import sqlite3
import subprocess
import sys

import pytest

from armlift.errors import TrackingError
from armlift.tracking import ensure_store, store

# A process that ensures the store, with MLflow's slow part replaced by the given function body.
CREATOR = """
import pathlib, shutil, sys, time
from armlift.tracking import store

def build(file):
{body}

store._build = build
print(store.ensure_store(pathlib.Path(sys.argv[1])), flush=True)
"""
HALF_BUILT = """
    file.write_bytes(b"half a database")
    file.with_name(file.name + "-journal").write_bytes(b"half a journal")
    print("building", flush=True)
    time.sleep(60)
"""
SLOW_COPY = """
    with open(sys.argv[3], "a") as log:
        log.write("built\\n")
    time.sleep(0.5)
    shutil.copy(sys.argv[2], file)
"""


@pytest.fixture(autouse=True)
def _no_setting(monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


@pytest.fixture
def start(tmp_path):
    processes = []

    def start(body, *arguments):
        command = [sys.executable, "-c", CREATOR.format(body=body), str(tmp_path), *map(str, arguments)]
        processes.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_new_store_is_complete(template):
    assert names(template.parent) == ["mlflow.db", "mlflow.db.lock"]
    with sqlite3.connect(template) as connection:
        assert connection.execute("SELECT count(*) FROM experiments").fetchone() == (1,)


def test_a_process_killed_while_it_creates_the_store_does_no_harm(tmp_path, template, start, monkeypatch):
    process = start(HALF_BUILT)
    assert process.stdout.readline() == "building\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert "mlflow.db.partial" in names(tmp_path)
    assert not (tmp_path / "mlflow.db").exists()

    monkeypatch.setattr(store, "_build", lambda file: shutil.copy(template, file))
    ensure_store(tmp_path)
    assert names(tmp_path) == ["mlflow.db", "mlflow.db.lock"]
    assert (tmp_path / "mlflow.db").read_bytes() == template.read_bytes()


def test_of_two_processes_at_once_one_creates_the_store(tmp_path, template, start):
    log = tmp_path / "log"
    processes = [start(SLOW_COPY, template, log) for _ in range(2)]
    answers = {process.communicate(timeout=60)[0].strip() for process in processes}
    assert answers == {f"sqlite:///{tmp_path}/mlflow.db"}
    assert log.read_text() == "built\n"


@pytest.mark.slow
@pytest.mark.parametrize("delay", [0.5, 2.0])
def test_mlflow_itself_may_be_killed_at_any_moment(tmp_path, delay):
    code = "import pathlib, armlift.tracking; armlift.tracking.ensure_store(pathlib.Path())"
    process = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, stderr=subprocess.DEVNULL)
    while not (tmp_path / "mlflow.db.partial").exists() and process.poll() is None:
        pass
    try:
        process.wait(delay)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    ensure_store(tmp_path)
    assert names(tmp_path) == ["mlflow.db", "mlflow.db.lock"]


def test_an_existing_store_stays_as_it_is(tmp_path, template):
    shutil.copy(template, tmp_path / "mlflow.db")
    ensure_store(tmp_path)
    assert (tmp_path / "mlflow.db").read_bytes() == template.read_bytes()
    assert names(tmp_path) == ["mlflow.db"]


@pytest.mark.parametrize("uri", ["http://mlflow:5000", "postgresql://user@database/mlflow"])
def test_a_foreign_store_is_left_alone(tmp_path, monkeypatch, uri):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    assert ensure_store(tmp_path) == uri
    assert names(tmp_path) == []


@pytest.mark.parametrize("uri", ["./mlruns", "file:///srv/mlruns"])
def test_a_store_of_files_is_refused(tmp_path, monkeypatch, uri):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    with pytest.raises(TrackingError, match=r"MLFLOW_TRACKING_URI = .*sqlite:///mlflow\.db"):
        ensure_store(tmp_path)


@pytest.mark.parametrize("content", [b"", b"half a database" * 100])
def test_an_incomplete_database_is_refused_and_kept(tmp_path, content):
    database = tmp_path / "mlflow.db"
    database.write_bytes(content)
    with pytest.raises(
        TrackingError, match=r"mlflow\.db: no usable MLflow database .* move a broken file away"
    ):
        ensure_store(tmp_path)
    assert database.read_bytes() == content


def test_a_database_without_its_schema_version_is_refused(tmp_path):
    with sqlite3.connect(tmp_path / "mlflow.db") as connection:
        connection.execute("CREATE TABLE alembic_version (version_num TEXT)")
    with pytest.raises(TrackingError, match="it has no schema version"):
        ensure_store(tmp_path)


def test_a_lock_that_is_never_released_ends_in_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "LOCK_TIMEOUT_SECONDS", 0.05)
    with store._exclusive(tmp_path / "mlflow.db.lock"), pytest.raises(TrackingError, match="locked"):
        ensure_store(tmp_path)
