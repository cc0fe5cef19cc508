"""Opening the store: which URLs, who may write, and what is promised about the disk."""

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import text

from armlift.errors import ParameterError, StoreLocked
from armlift.storage.database import Database, open_database


def ask(database: Database, query: str) -> object:
    with database.read() as connection:
        return connection.execute(text(query)).scalar()


def test_sqlite_promises_that_a_commit_is_on_disk(sqlite_url: str, open_url: Callable[[str], Database]):
    store = open_url(sqlite_url)
    assert ask(store, "PRAGMA journal_mode") == "wal"
    assert ask(store, "PRAGMA synchronous") == 2
    assert ask(store, "PRAGMA foreign_keys") == 1
    assert store.file is not None
    assert store.file.is_file()


def test_postgresql_promises_it_even_where_the_server_does_not(
    postgresql_url: str, open_url: Callable[[str], Database]
):
    assert ask(open_url(f"{postgresql_url}%20-csynchronous_commit%3Doff"), "SHOW synchronous_commit") == "on"
    assert (
        ask(open_url(f"{postgresql_url}%20-csynchronous_commit%3Dlocal"), "SHOW synchronous_commit")
        == "local"
    )


def test_a_second_router_on_one_file_is_refused(sqlite_url: str):
    with open_database(sqlite_url, exclusive=True) as first:
        with pytest.raises(StoreLocked, match=r"armlift\.db .*process \d+.*DATABASE_URL"):
            open_database(sqlite_url, exclusive=True)
        with open_database(sqlite_url, exclusive=False) as reader:
            assert ask(reader, "SELECT 1") == 1
        assert first.file is not None
    open_database(sqlite_url, exclusive=True).close()


def test_the_lock_ends_with_the_process(sqlite_url: str):
    program = (
        "from armlift.storage.database import open_database\n"
        f"store = open_database({sqlite_url!r}, exclusive=True)\nprint('open', flush=True)\ninput()"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with other:
        assert other.stdout is not None
        assert other.stdout.readline() == "open\n"
        with pytest.raises(StoreLocked, match=f"process {other.pid}"):
            open_database(sqlite_url, exclusive=True)
        other.kill()
        other.wait()
    open_database(sqlite_url, exclusive=True).close()


def test_many_routers_share_postgresql(postgresql_url: str):
    with open_database(postgresql_url, exclusive=True), open_database(postgresql_url, exclusive=True):
        pass


@pytest.mark.parametrize(
    "url",
    [
        "",
        "nonsense",
        "sqlite://",
        "sqlite:///:memory:",
        "mysql://root:hidden@host/db",
        "postgresql+asyncpg://h/d",
    ],
)
def test_other_urls_are_refused_without_their_password(url: str):
    with pytest.raises(ParameterError, match="DATABASE_URL") as caught:
        open_database(url, exclusive=False)
    assert "hidden" not in str(caught.value)


def test_a_password_is_not_shown():
    with open_database("postgresql://me:hidden@127.0.0.1/test", exclusive=False) as store:
        assert store.name == "postgresql://me:***@127.0.0.1/test"
        assert "hidden" not in repr(store)


def test_a_relative_file_is_relative_to_the_current_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    with open_database("sqlite:///data/live/armlift.db", exclusive=True) as store:
        ask(store, "SELECT 1")
    assert (tmp_path / "data" / "live" / "armlift.db").is_file()


def test_a_failing_transaction_changes_nothing(open_empty: Callable[[], Database]):
    store = open_empty()
    with store.begin() as connection:
        connection.execute(text("CREATE TABLE numbers (number INTEGER)"))

    def fail() -> None:
        with store.begin() as connection:
            connection.execute(text("INSERT INTO numbers VALUES (1)"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert ask(store, "SELECT count(*) FROM numbers") == 0


def test_threads_write_in_turn_while_others_read(open_empty: Callable[[], Database]):
    store, other = open_empty(), open_empty()
    with store.begin() as connection:
        connection.execute(text("CREATE TABLE numbers (number INTEGER)"))
        connection.execute(text("INSERT INTO numbers VALUES (0)"))

    def add(database: Database) -> None:
        for _ in range(20):
            with database.begin() as connection:
                connection.execute(text("UPDATE numbers SET number = number + 1"))
            ask(database, "SELECT number FROM numbers")

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(add, [store, store, store, other]))
    assert ask(store, "SELECT number FROM numbers") == 80
