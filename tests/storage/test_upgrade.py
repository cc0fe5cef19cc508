"""A store of an earlier armlift, with its rows, becomes one of this."""

from alembic.migration import MigrationContext
from alembic.operations import Operations
from live_log import DAY, NOON, decision, reward, write
from sqlalchemy import delete, inspect, text

from armlift.storage.audit import AuditRow, record
from armlift.storage.experiments import ExperimentStore
from armlift.storage.interval_marks import read_marks
from armlift.storage.interval_sums import refresh
from armlift.storage.migrations import migrate
from armlift.storage.migrations.versions import r0001_all_tables
from armlift.storage.readings import Readings
from armlift.storage.schema import decisions, events
from armlift.storage.times import moment_of


def first_tables(database):
    """Create the tables as the first version did."""
    with database.begin() as connection:
        context = MigrationContext.configure(connection)
        with Operations.context(context):
            r0001_all_tables.upgrade()
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"))
        connection.execute(text("INSERT INTO alembic_version VALUES ('0001')"))


def test_rows_stay_and_sums_by_time_are_made_of_them(open_empty):
    database = open_empty()
    first_tables(database)
    assert "interval_sums" not in inspect(database.engine).get_table_names()
    write(database, *(reward(decision(number, ts=NOON - number * DAY)) for number in range(5)))
    counted = ExperimentStore(database).counters()
    assert migrate(database)
    assert ExperimentStore(database).counters() == counted
    refresh(database, now=moment_of(NOON + DAY))
    series = Readings(database).series("films")
    assert (series["decisions"].sum(), series["rewards"].sum()) == (5, 5)
    assert series["bucket_at"].nunique() >= 5


def test_what_retention_took_before_is_known_by_day(open_empty):
    database = open_empty()
    first_tables(database)
    write(database, *(reward(decision(number, ts=NOON - number * DAY)) for number in range(5)))
    before = NOON - DAY - DAY // 4
    with database.begin() as connection:
        connection.execute(delete(decisions).where(decisions.c.ts < before))
        connection.execute(delete(events).where(events.c.ts_server < before))
        for mark in (before - DAY, before):
            details = f'{{"before":{mark},"decisions":3,"events":3}}'
            record(connection, AuditRow(NOON, "", "expire", "", "", "retention", "old", details=details))
    migrate(database)
    with database.read() as connection:
        assert read_marks(connection).deleted == before
    refresh(database, now=moment_of(NOON + DAY))
    series = Readings(database).series("films")
    assert (series["decisions"].sum(), series["rewards"].sum()) == (5, 5)
    gone = series[series["bucket_at"] < moment_of(NOON - DAY - DAY // 2)]
    assert set(gone["bucket_at"].dt.hour) == {0}
