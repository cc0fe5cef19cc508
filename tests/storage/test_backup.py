import shutil
import sqlite3
import stat
import threading
from pathlib import Path

import pytest
from conftest import do_without
from live_log import brief, decision, event, reward, write
from sqlalchemy import func, select, text

from armlift.errors import DataFileError, LiveError, StoreLocked
from armlift.storage.backup import backup, restore
from armlift.storage.database import open_database
from armlift.storage.experiments import ExperimentStore
from armlift.storage.schema import counters, decisions, events, metadata


@pytest.fixture
def log(database):
    """A store with an experiment and twenty rewards."""
    if database.dialect == "postgresql" and not (shutil.which("pg_dump") and shutil.which("pg_restore")):
        do_without("no pg_dump and pg_restore: on Debian, `apt install postgresql-client`")
    ExperimentStore(database).create(brief(), who="ada")
    ExperimentStore(database).change("films", "start", who="ada")
    write(database, *(reward(decision(number), number % 2) for number in range(20)))
    return database


def content(database):
    with database.read() as connection:
        return {
            table.name: sorted(map(tuple, connection.execute(select(table))), key=repr)
            for table in metadata.sorted_tables
        }


def counted_and_logged(database):
    """Decisions and rewards by the counters, and by the log."""
    with database.read() as connection:
        counted = connection.execute(
            select(
                func.sum(counters.c.decisions), func.sum(counters.c.rewards), func.sum(counters.c.impressions)
            )
        ).one()
        made = connection.scalar(select(func.count()).select_from(decisions))
        kinds = dict(
            connection.execute(select(events.c.event_type, func.count()).group_by(events.c.event_type)).all()
        )
    return tuple(map(int, counted)), (made, kinds["reward"], kinds["impression"])


def test_what_was_backed_up_comes_back(log, tmp_path):
    before = content(log)
    file = tmp_path / "backups" / "monday.backup"
    made = backup(log, file)
    assert made.name == str(file)
    assert made.rows["decisions"] == made.rows["events"] == 20
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    write(log, reward(decision(99)))
    ExperimentStore(log).change("films", "pause", who="ada", why="latency")
    restored = restore(file, log, force=True)
    assert restored.rows == made.rows
    assert content(log) == before
    write(log, reward(decision(99)))
    assert counted_and_logged_decisions(log) == 21


def counted_and_logged_decisions(database):
    with database.read() as connection:
        counted = connection.scalar(select(func.sum(counters.c.decisions)))
        assert counted == connection.scalar(select(func.count()).select_from(decisions))
    return counted


def test_identities_go_on_after_a_restore(log, tmp_path):
    file = tmp_path / "backup"
    backup(log, file)
    restore(file, log, force=True)
    ExperimentStore(log).change("films", "pause", who="ada", why="latency")
    assert [row.action for row in ExperimentStore(log).audit("films")] == ["create", "start", "pause"]


def test_a_store_that_holds_rows_is_not_overwritten(log, tmp_path):
    file = tmp_path / "backup"
    backup(log, file)
    before = content(log)
    with pytest.raises(LiveError, match=r"holds .*20 decisions.*--force"):
        restore(file, log)
    assert content(log) == before


def test_a_running_router_is_noticed(log, database_url, tmp_path):
    file = tmp_path / "backup"
    backup(log, file)

    def command():
        with open_database(database_url, exclusive=True) as target:
            return restore(file, target, force=True)

    with (
        open_database(database_url, exclusive=True) as router,
        router.read(),
        pytest.raises((LiveError, StoreLocked), match=r"[Ss]top"),
    ):
        command()
    with open_database(database_url, exclusive=False) as dashboard, dashboard.read():
        pass  # who only reads is in nobody's way
    assert command().rows["decisions"] == 20


def test_a_backup_under_writes_holds_one_moment(log, open_store, tmp_path):
    """Counters equal events in every copy, and each later copy holds what earlier ones do."""
    writer, failures, stop = open_store(), [], threading.Event()
    write(log, event(decision(0)))

    def writing():
        number = 1000
        try:
            while not stop.is_set():
                made = [decision(number + step) for step in range(7)]
                write(writer, *map(reward, made), *map(event, made))
                number += 7
        except Exception as error:
            failures.append(error)

    thread = threading.Thread(target=writing)
    thread.start()
    try:
        files = [tmp_path / f"{number}.backup" for number in range(2)]
        sizes = [backup(log, file).rows["decisions"] for file in files]
    finally:
        stop.set()
        thread.join()
    assert failures == []
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[-1], "nothing was written meanwhile"
    for file, size in zip(files, sizes, strict=True):
        restore(file, log, force=True)
        counted, logged = counted_and_logged(log)
        assert counted == logged
        assert counted[0] == size


@pytest.mark.parametrize("damage", ["cut", "text", "missing", "empty"])
def test_what_is_no_backup_is_refused_and_the_store_left_alone(log, tmp_path, damage):
    file = tmp_path / "backup"
    backup(log, file)
    whole = file.read_bytes()
    if damage == "cut":
        file.write_bytes(whole[: len(whole) // 2])
    elif damage == "text":
        file.write_text("not a database, but long enough to look at" * 100)
    elif damage == "empty":
        file.write_bytes(b"")
    else:
        file.unlink()
    before = content(log)
    with pytest.raises(DataFileError, match="backup"):
        restore(file, log, force=True)
    assert content(log) == before


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_another_database_is_no_backup(log, tmp_path):
    other = tmp_path / "other.db"
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE songs (title TEXT)")
    connection.close()
    with pytest.raises(DataFileError, match="no backup of armlift"):
        restore(other, log, force=True)


def test_a_failed_backup_leaves_the_one_before_and_no_litter(log, tmp_path, monkeypatch):
    file = tmp_path / "to" / "backup"
    backup(log, file)
    before = file.read_bytes()

    def full(*_, **__):
        raise LiveError("the disk is full")

    monkeypatch.setattr("armlift.storage.backup._copy_sqlite", full)
    monkeypatch.setattr("armlift.storage.backup._tool", full)
    with pytest.raises(LiveError, match="disk is full"):
        backup(log, file)
    assert file.read_bytes() == before
    assert list(file.parent.iterdir()) == [file]


def test_a_place_that_cannot_be_written_is_named(log, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DataFileError, match="cannot be written"):
        backup(log, tmp_path / "file" / "backup")


def test_a_new_sqlite_store_is_made_from_a_backup(sqlite_url, tmp_path):
    file = tmp_path / "backup"
    with open_database(sqlite_url, exclusive=False) as first:
        with first.begin() as connection:
            metadata.create_all(connection)
        ExperimentStore(first).create(brief(), who="ada")
        backup(first, file)
        before = content(first)
    with open_database(f"sqlite:///{tmp_path / 'new' / 'armlift.db'}", exclusive=True) as new:
        restore(file, new)
        assert content(new) == before
        with new.read() as connection:
            assert connection.scalar(text("PRAGMA journal_mode")) == "wal"
    assert sorted(path.name for path in tmp_path.glob("backup*")) == ["backup"]


def test_a_damaged_sqlite_store_can_be_replaced(sqlite_url, tmp_path):
    file = tmp_path / "backup"
    with open_database(sqlite_url, exclusive=False) as database:
        with database.begin() as connection:
            metadata.create_all(connection)
        ExperimentStore(database).create(brief(), who="ada")
        backup(database, file)
        store = database.file
        before = content(database)
    with store.open("r+b") as damaged:
        damaged.seek(4096)
        damaged.write(b"\xff" * 8192)
    with open_database(sqlite_url, exclusive=True) as database:
        restore(file, database, force=True)
        assert content(database) == before


def test_missing_tools_of_postgresql_are_named(postgresql_url, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with open_database(postgresql_url, exclusive=False) as database:
        with database.begin() as connection:
            metadata.create_all(connection)
        with pytest.raises(LiveError, match=r"pg_dump is not on the PATH.*postgresql-client"):
            backup(database, tmp_path / "backup")


def test_the_password_is_not_on_the_command_line(postgresql_url, tmp_path, monkeypatch):
    called = []

    def popen(command, *, env, **options):
        called.append((command, env))
        raise OSError("stop here")

    monkeypatch.setattr("subprocess.Popen", popen)
    url = postgresql_url.replace("postgres@", "postgres:s%20ecret@")
    with open_database(url, exclusive=False) as database:
        with database.begin() as connection:
            metadata.create_all(connection)
        with pytest.raises(OSError, match="stop here"):
            backup(database, tmp_path / "backup")
    ((command, environment),) = called
    assert not any("ecret" in argument for argument in command)
    assert environment["PGPASSWORD"] == "s ecret"
    assert any("search_path" in argument for argument in command)
    assert list(Path(tmp_path).glob(".backup*")) == []


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_dump_of_another_schema_is_refused_with_the_remedy(log, tmp_path):
    file = tmp_path / "backup"
    backup(log, file)
    with log.read() as connection:
        schema = connection.scalar(select(func.current_schema()))
    url = log.engine.url.set(query={}).render_as_string(hide_password=False)
    with (
        open_database(url, exclusive=False) as other,
        pytest.raises(DataFileError, match=f"holds the schema {schema}.*search_path%3D{schema}"),
    ):
        restore(file, other, force=True)
