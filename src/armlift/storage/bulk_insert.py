"""Inserts many rows with few statements and hardly any Python for each.

A row is a tuple in the order of its table's columns and goes to the driver as it is. On SQLite, whose module
lets go of the interpreter's lock at every step, rows travel as parameters of `VALUES` lists; on PostgreSQL
all of them are one JSON parameter.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Hashable, Iterator, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any, Generic, TypeVar

import msgspec
from sqlalchemy import Table
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine.interfaces import DBAPICursor

from armlift.storage.database import Dialect

Row = TypeVar("Row", bound=tuple[Any, ...])

_POSTGRESQL = postgresql.dialect()  # type: ignore[no-untyped-call]

_give_way: Callable[[], None] = getattr(os, "sched_yield", lambda: None)
# On SQLite. After every statement the lock of the interpreter must be got again from a thread that is busy,
# which takes longer than the statement; and a statement of each length would have to be kept prepared.
_MANY, _FEW = 256, 32


class BulkInsert:
    """An `INSERT` of any number of rows.

    Args:
        table: Where they go.
        dialect: Kind of store.
        tail: What follows the rows, such as `ON CONFLICT DO NOTHING`.
    """

    def __init__(self, table: Table, dialect: Dialect, tail: str) -> None:
        self._head = f"INSERT INTO {table.name} ({', '.join(table.columns.keys())})"
        self._tail = tail
        self._place = f"({', '.join('?' * len(table.columns))})"
        self._texts: dict[int, str] = {}
        types = [column.type.compile(_POSTGRESQL) for column in table.columns]
        fields = ", ".join(f"(r ->> {number})::{name}" for number, name in enumerate(types))
        self._from_json = f"{self._head} SELECT {fields} FROM jsonb_array_elements(%s::jsonb) AS r {tail}"
        self._by_json = dialect == "postgresql"

    def run(self, cursor: DBAPICursor, rows: Sequence[tuple[Any, ...]]) -> None:
        """Insert rows.

        Args:
            cursor: The driver's, in a transaction.
            rows: At least one, in the order in which they shall be locked.
        """
        if self._by_json:
            cursor.execute(self._from_json, (msgspec.json.encode(rows).decode(),))
            return
        for part in parts(rows):
            cursor.execute(self._text(len(part)), tuple(chain.from_iterable(part)))

    def _text(self, rows: int) -> str:
        if rows not in self._texts:
            self._texts[rows] = f"{self._head} VALUES {', '.join([self._place] * rows)} {self._tail}"
        return self._texts[rows]


def parts(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    """Cut rows into those of one statement on SQLite; in between whoever answers requests goes first."""
    start = 0
    while left := len(rows) - start:
        if start:
            _give_way()  # on one core too
        size = _MANY if left >= _MANY else min(left, _FEW)
        yield rows[start : start + size]
        start += size


class NewRows(Generic[Row]):
    """Inserts the rows of a table that are not there yet, and tells which they were.

    Args:
        table: Its primary key is its first column, or the first two.
        dialect: Kind of store.
    """

    def __init__(self, table: Table, dialect: Dialect) -> None:
        keys = tuple(column.name for column in table.primary_key)
        if keys != tuple(table.columns.keys())[: len(keys)] or len(keys) > 2:
            raise ValueError(f"{table.name}: the key {keys} must be the first column or the first two")
        self.key: itemgetter[Any] = itemgetter(*range(len(keys)))
        names = ", ".join(keys)
        # One writer at a time on SQLite, so what is not there now will not be there when it is inserted.
        looked_up, given = f"json_array({names})", "json_extract(value, '$[0]'), json_extract(value, '$[1]')"
        if len(keys) == 1:
            looked_up, given = names, "value"
        self._find = (
            f"SELECT json_group_array({looked_up}) FROM {table.name}"
            f" WHERE ({names}) IN (SELECT {given} FROM json_each(?))"
        )
        self._single = len(keys) == 1
        self._returns = dialect == "postgresql"
        self._insert = BulkInsert(
            table, dialect, f"ON CONFLICT DO NOTHING RETURNING {names}" if self._returns else ""
        )

    def insert(self, cursor: DBAPICursor, rows: Sequence[Row], *, hopeful: bool = True) -> Sequence[Row]:
        """Insert what is not there yet.

        Args:
            cursor: The driver's, in a transaction that, on SQLite, has the write lock.
            rows: No key twice, ascending by key, so that two processes never wait for each other.
            hopeful: Whether most likely all of them are new: then nothing is looked up before it must be, and
                those of a statement that failed alone.

        Returns:
            The rows that were inserted, in the same order.
        """
        if not rows:
            return rows
        if self._returns:
            self._insert.run(cursor, rows)
            if cursor.rowcount == len(rows):
                return rows
            returned = cursor.fetchall()
            new = {row[0] for row in returned} if self._single else set(returned)
            return [row for row in rows if self.key(row) in new]
        if not hopeful:
            return self._insert_missing(cursor, rows)
        inserted: list[Row] = []
        for part in parts(rows):
            try:
                self._insert.run(cursor, part)
                inserted += part
            except sqlite3.IntegrityError:  # which undoes this statement, and no other
                inserted += self._insert_missing(cursor, part)
        return inserted

    def _insert_missing(self, cursor: DBAPICursor, rows: Sequence[Row]) -> Sequence[Row]:
        if there := self._there(cursor, rows):
            rows = [row for row in rows if self.key(row) not in there]
        if rows:
            self._insert.run(cursor, rows)
        return rows

    def _there(self, cursor: DBAPICursor, rows: Sequence[Row]) -> set[Hashable]:
        cursor.execute(self._find, (msgspec.json.encode(list(map(self.key, rows))).decode(),))
        found = msgspec.json.decode(cursor.fetchall()[0][0])
        return set(found) if self._single else set(map(tuple, found))
