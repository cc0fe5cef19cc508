"""The log of live traffic as Parquet by day: what reports and back-fills read, on any machine.

A day's files are made from the log whole or not at all, and made again they are the same.
"""

from __future__ import annotations

import os
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import Boolean, Column, Double, Integer, Table, func, select

from armlift.experiments.log_rows import Decision, Event
from armlift.storage.database import Database
from armlift.storage.schema import decisions, events

if TYPE_CHECKING:
    import pyarrow as pa
    from ibis.expr.types import Table as IbisTable

_ROWS_AT_ONCE = 20_000


class DayRows(NamedTuple):
    """Rows of a day.

    Attributes:
        decisions: Decisions that were made on it.
        events: Events that arrived on it.
    """

    decisions: int
    events: int


def write_day(database: Database, day: date, folder: Path) -> DayRows:
    """Write a day of the log: `decisions/DAY.parquet` and `events/DAY.parquet`.

    Args:
        database: The store.
        day: Day, UTC: of a decision's making, and of an event's arrival.
        folder: Where days are kept; a day without rows has no file, and a file with more rows than the log
            has still is kept.
    """
    return DayRows(
        _write(database, decisions, Decision._fields, decisions.c.ts, day, folder / "decisions"),
        _write(database, events, Event._fields, events.c.ts_server, day, folder / "events"),
    )


def first_day(database: Database) -> date | None:
    """Day of the oldest decision in the log; None while there is none."""
    with database.read() as connection:
        ts = connection.execute(select(func.min(decisions.c.ts))).scalar_one()
    return None if ts is None else datetime.fromtimestamp(ts / 1e6, UTC).date()


def open_days(folder: Path, kind: str, until: date) -> IbisTable | None:
    """Open the days of the log as one table, in DuckDB; times are timestamps in UTC.

    Args:
        folder: Where days are kept.
        kind: `decisions` or `events`.
        until: Last day.

    Returns:
        The table; None if there is no day.
    """
    import ibis

    files = [file for file in sorted((folder / kind).glob("*.parquet")) if file.stem <= str(until)]
    return ibis.duckdb.connect().read_parquet(files) if files else None


def _write(
    database: Database, table: Table, names: tuple[str, ...], at: Column[int], day: date, folder: Path
) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    start = datetime.combine(day, time(), UTC)
    first, last = (round(each.timestamp() * 1e6) for each in (start, start + timedelta(days=1)))
    query = select(*(table.c[name] for name in names)).where(at >= first, at < last)
    schema = pa.schema([(name, _type(table.c[name])) for name in names])
    place = folder / f"{day}.parquet"
    partial = folder / f".{day}.parquet.partial"
    folder.mkdir(parents=True, exist_ok=True)
    number = 0
    with pq.ParquetWriter(partial, schema) as writer, database.read() as connection:
        rows = connection.execution_options(yield_per=_ROWS_AT_ONCE).execute(
            query.order_by(at, table.c[names[0]])
        )
        for some in rows.partitions():
            columns = zip(*some, strict=True)
            arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
            writer.write_batch(pa.record_batch(arrays, schema=schema))
            number += len(some)
    if number >= max(rows_kept(place), 1):
        with partial.open("rb") as stream:
            os.fsync(stream.fileno())
        partial.replace(place)
    else:
        partial.unlink()
    return rows_kept(place)


def rows_kept(file: Path) -> int:
    """Rows of a day's file; 0 if there is none."""
    import pyarrow.parquet as pq

    return int(pq.read_metadata(file).num_rows) if file.is_file() else 0


def _type(column: Column[Any]) -> pa.DataType:
    import pyarrow as pa

    if column.name in ("ts", "ts_server"):
        return pa.timestamp("us", "UTC")
    if isinstance(column.type, Boolean):
        return pa.bool_()
    if isinstance(column.type, Double):
        return pa.float64()
    return pa.int64() if isinstance(column.type, Integer) else pa.string()
