"""Reads the store beside the router, in plain SQL and one snapshot."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol

import psycopg
from chaos.ledger import Stored, StoredReward, Sums


class Store(Protocol):
    """A store that routers share and that can be looked into."""

    url: str

    def read(self, since: int) -> Stored:
        """Read it; the log from this time on, microseconds UTC."""
        ...


class SQLiteStore:
    def __init__(self, file: Path) -> None:
        self.file, self.url = file, f"sqlite:///{file}"

    def read(self, since: int) -> Stored:
        with closing(sqlite3.connect(self.file, isolation_level=None, timeout=30)) as connection:
            connection.execute("BEGIN")
            return _read(connection.cursor(), since)


class PostgreSQLStore:
    """A schema of its own in a database."""

    def __init__(self, database: str, schema: str) -> None:
        self._database, self._schema = database, schema
        self.url = f"{database}?options=-csearch_path%3D{schema}"

    def create(self) -> None:
        self._run(f"CREATE SCHEMA {self._schema}")

    def drop(self) -> None:
        self._run(f"DROP SCHEMA IF EXISTS {self._schema} CASCADE")

    def read(self, since: int) -> Stored:
        with psycopg.connect(self.url) as connection:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            return _read(connection.cursor(), since)

    def _run(self, statement: str) -> None:
        with psycopg.connect(self._database, autocommit=True) as connection:
            connection.execute(statement.encode())


def _read(cursor: Any, since: int) -> Stored:
    def rows(statement: str) -> list[Any]:
        cursor.execute(statement)
        return list(cursor.fetchall())

    arm = "experiment_id, strategy_id, arm_id"
    counted = "not bot_flag and flag_reasons = ''"
    counters = rows(f"select {arm}, rewards, reward_total, reward_squares, decisions from counters")
    sums = (
        f"count(*), sum(reward), sum(reward * reward) from events where event_type = 'reward' and {counted}"
    )
    rewards = f"from events where event_type = 'reward' and ts_server >= {since}"
    orphaned = "not exists (select 1 from decisions where decisions.decision_id = events.decision_id)"
    return Stored(
        rewards=[
            StoredReward(row[0], tuple(row[1:4]), row[4])
            for row in rows(f"select decision_id, {arm}, reward {rewards}")
        ],
        decisions={
            row[0]: (tuple(row[1:4]), row[4])
            for row in rows(f"select decision_id, {arm}, propensity from decisions where ts >= {since}")
        },
        orphans=[row[0] for row in rows(f"select decision_id {rewards} and {orphaned}")],
        counters={tuple(row[:3]): Sums(*row[3:6]) for row in counters},
        events={tuple(row[:3]): Sums(*row[3:]) for row in rows(f"select {arm}, {sums} group by {arm}")},
        decisions_counted={tuple(row[:3]): row[6] for row in counters},
        decisions_logged={
            tuple(row[:3]): row[3]
            for row in rows(f"select {arm}, count(*) from decisions where {counted} group by {arm}")
        },
    )
