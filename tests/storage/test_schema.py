"""The schema, and its drawing."""

from sqlalchemy import inspect

from armlift.experiments.log_rows import Decision, Event
from armlift.storage.database import Database
from armlift.storage.schema import decisions, events, metadata


def test_the_log_has_the_columns_of_its_rows_in_order():
    assert tuple(decisions.columns.keys()) == Decision._fields
    assert tuple(events.columns.keys()) == Event._fields


def test_both_stores_have_every_table(database: Database):
    assert set(inspect(database.engine).get_table_names()) == set(metadata.tables)
