"""Migrations give the tables that the schema draws."""

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from armlift.errors import DataError
from armlift.storage import migrations
from armlift.storage.database import Database
from armlift.storage.migrations import HEAD, migrate
from armlift.storage.schema import metadata


def test_migrated_tables_are_those_of_the_schema(open_empty: Callable[[], Database]):
    store = open_empty()
    assert migrate(store)
    with store.read() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, metadata) == []


def test_sqlite_keys_its_tables_as_drawn(
    sqlite_url: str, tmp_path: Path, open_url: Callable[[str], Database]
):
    """Autogeneration does not compare `WITHOUT ROWID`."""
    migrated, drawn = open_url(sqlite_url), open_url(f"sqlite:///{tmp_path / 'drawn.db'}")
    migrate(migrated)
    with drawn.begin() as connection:
        metadata.create_all(connection)
    query = text("SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE '%WITHOUT ROWID%'")
    with migrated.read() as one, drawn.read() as other:
        assert set(one.scalars(query)) == set(other.scalars(query)) > {"decisions", "events"}


def test_a_second_time_changes_nothing_and_loads_no_alembic(
    sqlite_url: str, open_url: Callable[[str], Database]
):
    assert migrate(open_url(sqlite_url))
    program = (
        "import sys\nfrom armlift.storage.database import open_database\n"
        "from armlift.storage.migrations import migrate\n"
        f"with open_database({sqlite_url!r}, exclusive=False) as store: print(migrate(store))\n"
        "print('alembic' in sys.modules)"
    )
    answer = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert answer.stdout.split() == ["False", "False"]


def test_those_that_start_at_once_do_not_collide(open_empty: Callable[[], Database]):
    stores = [open_empty() for _ in range(4)]
    barrier = Barrier(len(stores))

    def start(store: Database) -> bool:
        barrier.wait()
        return migrate(store)

    with ThreadPoolExecutor(len(stores)) as threads:
        assert sorted(threads.map(start, stores)) == [False, False, False, True]
    assert set(metadata.tables) < set(inspect(stores[0].engine).get_table_names())


def test_tables_of_a_newer_armlift_are_refused(open_empty: Callable[[], Database]):
    store = open_empty()
    migrate(store)
    with store.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(DataError, match="9999"):
        migrate(store)


def test_a_failed_migration_leaves_nothing(
    open_empty: Callable[[], Database], monkeypatch: pytest.MonkeyPatch
):
    store = open_empty()

    def fail_after(connection: object) -> None:
        upgrade(connection)  # type: ignore[arg-type]
        raise RuntimeError

    upgrade = migrations._upgrade
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "_upgrade", fail_after)
        with pytest.raises(RuntimeError):
            migrate(store)
    assert inspect(store.engine).get_table_names() == []
    assert migrate(store)


def test_the_newest_revision_is_the_head():
    folder = Path(migrations.__file__).parent
    scripts = ScriptDirectory(folder, version_locations=[folder / "versions"])
    assert scripts.get_heads() == [HEAD]
