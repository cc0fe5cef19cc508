"""The schema, and its drawing."""

import re
from pathlib import Path

from sqlalchemy import Column, inspect

from armlift.experiments.live_window import LiveRun, LiveSums
from armlift.experiments.log_rows import Decision, Event
from armlift.storage.database import Database
from armlift.storage.ledger import AssignmentRow
from armlift.storage.schema import (
    assignments,
    counters,
    day_counters,
    decisions,
    events,
    live_runs,
    live_windows,
    metadata,
)

DRAWING = Path(__file__).parents[2] / "docs" / "schema.md"


def names(columns: object) -> tuple[str, ...]:
    return tuple(columns.keys())  # type: ignore[attr-defined]


def test_tables_have_the_columns_of_their_rows_in_order():
    assert names(decisions.columns) == Decision._fields
    assert names(events.columns) == Event._fields
    assert names(assignments.columns) == AssignmentRow._fields
    assert names(counters.columns)[3:] == LiveSums._fields[:-1]
    assert names(day_counters.columns) == (*LiveRun._fields, "arm_id", *LiveSums._fields)
    assert names(live_runs.columns)[:4] == names(live_windows.columns)[1:5] == LiveRun._fields


def test_both_stores_have_every_table(database: Database):
    tables = set(inspect(database.engine).get_table_names())
    assert tables == {*metadata.tables, "alembic_version"}


def in_mermaid() -> str:
    """The schema as a diagram of entities and their relations."""

    def line(column: Column[object]) -> str:
        kind = type(column.type).__name__.lower()
        keys = (["PK"] if column.primary_key else []) + (["FK"] if column.foreign_keys else [])
        optional = ' "optional"' if column.nullable else ""
        return f"        {kind} {column.name}{' ' + ', '.join(keys) if keys else ''}{optional}"

    parts = ["erDiagram"]
    for table in sorted(metadata.tables.values(), key=lambda table: table.name):
        for key in sorted(table.foreign_key_constraints, key=lambda key: key.referred_table.name):
            on = ", ".join(column.name for column in key.columns)
            parts.append(f'    {key.referred_table.name} ||--o{{ {table.name} : "{on}"')
        parts += [f"    {table.name} {{", *map(line, table.columns), "    }"]
    return "\n".join(parts)


def test_the_drawing_shows_every_table_and_column():
    drawn = re.search(r"```mermaid\n(.*?)\n```", DRAWING.read_text("utf-8"), re.DOTALL)
    assert drawn is not None
    assert drawn.group(1) == in_mermaid(), f"the diagram in {DRAWING.name} should be:\n{in_mermaid()}"


def test_the_page_names_every_table():
    page = DRAWING.read_text("utf-8")
    assert [name for name in metadata.tables if f"`{name}`" not in page] == []
