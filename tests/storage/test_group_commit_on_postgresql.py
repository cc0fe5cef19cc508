"""The writer on PostgreSQL: connections are lost, servers go away, and other processes are in its way."""

import asyncio
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from conftest import POSTGRESQL
from patience import until
from sqlalchemy import event
from storage.live_rows import decision, reward, rows_of, running_experiment, sums
from storage.outage import Outage

from armlift.errors import StoreUnavailable
from armlift.storage.database import Database
from armlift.storage.group_commit import GroupCommit
from armlift.storage.ledger import Outcome
from armlift.storage.migrations import migrate
from armlift.storage.schema import decisions, events


@pytest.fixture
def postgresql(postgresql_url: str, open_url: Callable[[str], Database]) -> Database:
    store = open_url(postgresql_url)
    migrate(store)
    running_experiment(store)
    return store


class Killer:
    """Ends the writer's connection on the server, as an administrator would."""

    def __init__(self, store: Database) -> None:
        self._store, self._pids = store, []
        event.listen(store.engine, "begin", self._note)

    def _note(self, connection: Any) -> None:
        self._pids.append(connection.connection.dbapi_connection.info.backend_pid)

    def kill(self) -> None:
        with psycopg.connect(POSTGRESQL, autocommit=True) as server:
            for pid in set(self._pids):
                server.execute("SELECT pg_terminate_backend(%s)", (pid,))
        self._pids.clear()


def test_a_lost_connection_is_replaced_and_nothing_is_counted_twice(postgresql: Database):
    killer = Killer(postgresql)
    log = GroupCommit(postgresql)
    log.start()

    async def send(number: int) -> list[Outcome]:
        return await log.submit([reward(decision(number), 1.0)])

    for number in (1, 3, 5):
        assert asyncio.run(send(number)) == [Outcome("accepted")]
        killer.kill()
    assert asyncio.run(send(5)) == [Outcome("duplicate", 1.0)]
    assert log.healthy
    log.close()
    assert sums(postgresql)["rewards"] == rows_of(postgresql, events) == 3


def test_a_connection_lost_during_the_commit_counts_once(postgresql: Database):
    killer = Killer(postgresql)
    is_on = True

    def commit_and_die(connection: Any) -> None:
        nonlocal is_on
        if is_on:
            is_on = False
            connection.connection.dbapi_connection.commit()  # it is on disk, and nobody will say so
            killer.kill()
            raise psycopg.OperationalError("server closed the connection unexpectedly")

    event.listen(postgresql.engine, "commit", commit_and_die)
    log = GroupCommit(postgresql)
    log.start()

    async def send() -> list[Outcome]:
        return await log.submit([reward(decision(1), 1.0)])

    assert asyncio.run(send()) == [Outcome("duplicate", 1.0)]
    log.close()
    assert sums(postgresql)["rewards"] == 1


def test_a_server_that_is_away_is_told_and_survived(postgresql: Database):
    killer, outage = Killer(postgresql), Outage(postgresql, "do_connect")
    log = GroupCommit(postgresql)
    log.start()

    async def send(number: int) -> list[Outcome]:
        return await log.submit([reward(decision(number), 1.0)])

    asyncio.run(send(1))
    outage.is_on = True
    killer.kill()
    postgresql.engine.dispose()
    with pytest.raises(StoreUnavailable):
        asyncio.run(send(3))
    log.record(decision(5))
    assert not log.healthy
    outage.is_on = False
    assert until(lambda: log.healthy and rows_of(postgresql, decisions) == 2)
    assert sums(postgresql)["rewards"] == 1
    assert asyncio.run(send(3)) == [Outcome("accepted")]
    log.close()


@pytest.mark.parametrize("code", ["40001", "40P01"])
def test_what_another_process_stood_in_the_way_of_is_tried_again(postgresql: Database, code: str):
    failures = 3

    def stand_in_the_way(_connection: object) -> None:
        nonlocal failures
        if failures:
            failures -= 1
            raise psycopg.errors.lookup(code)("not now")

    event.listen(postgresql.engine, "commit", stand_in_the_way)
    log = GroupCommit(postgresql)
    log.start()

    async def send() -> list[Outcome]:
        return await log.submit([reward(decision(1), 1.0)])

    assert asyncio.run(send()) == [Outcome("accepted")]
    assert log.healthy
    log.close()
    assert sums(postgresql)["rewards"] == 1
