"""The writer: what is acknowledged is stored once, and what cannot be stored is not acknowledged."""

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from patience import until
from sqlalchemy import Connection, event
from storage.live_rows import NOW, decision, reward, rows_of, running_experiment, sums
from storage.outage import Outage

from armlift.errors import DataError, StoreUnavailable
from armlift.storage import group_commit
from armlift.storage.database import Database
from armlift.storage.group_commit import GroupCommit
from armlift.storage.ledger import AssignmentRow, Entry, Outcome
from armlift.storage.migrations import migrate
from armlift.storage.schema import assignments, counters, decisions, events


@pytest.fixture
def store(database: Database) -> Database:
    running_experiment(database)
    return database


@pytest.fixture
def log(store: Database) -> Iterator[GroupCommit]:
    log = GroupCommit(store)
    log.start()
    yield log
    log.close()


def test_what_is_submitted_is_on_disk_when_it_is_answered(store: Database, log: GroupCommit):
    async def send() -> list[list[Outcome]]:
        return await asyncio.gather(
            log.submit([reward(decision(1), 1.0)]),
            log.submit([reward(decision(1), 1.0), decision(3)]),
            log.submit([]),
        )

    assert asyncio.run(send()) == [
        [Outcome("accepted")],
        [Outcome("duplicate", 1.0), Outcome("accepted")],
        [],
    ]
    assert sums(store)["decisions"] == 2
    assert sums(store)["rewards"] == 1


def test_recorded_rows_are_committed_within_a_moment(store: Database, log: GroupCommit):
    log.record(decision(1))
    log.record(AssignmentRow("movies", "u", "bandit", "arm_1", 0.5, 1, NOW))
    assert until(lambda: rows_of(store, decisions) == rows_of(store, assignments) == 1, 5.0)
    for number in range(3, 1003, 2):
        log.record(decision(number))
    log.flush()
    assert rows_of(store, decisions) == 501
    assert (log.pending, log.dropped, log.healthy) == (0, 0, True)


def test_what_arrives_during_a_commit_is_one_transaction_and_one_call(
    store: Database, log: GroupCommit, monkeypatch: pytest.MonkeyPatch
):
    commits: list[object] = []
    have_arrived = threading.Event()

    def slow(connection: object) -> None:
        commits.append(connection)
        have_arrived.wait(20.0)

    event.listen(store.engine, "commit", slow)
    calls = []

    async def send() -> None:
        loop = asyncio.get_running_loop()
        call = loop.call_soon_threadsafe
        monkeypatch.setattr(loop, "call_soon_threadsafe", lambda *given: (calls.append(given), call(*given)))
        first = log.submit([decision(0)])
        while not commits:
            await asyncio.sleep(0.001)
        others = [log.submit([decision(number)]) for number in range(1, 50)]
        while log._submitted:  # not handed over yet
            await asyncio.sleep(0)
        have_arrived.set()
        await asyncio.gather(first, *others)

    asyncio.run(send())
    assert len(commits) == len([given for given in calls if given[0] == log._resolve]) == 2
    assert rows_of(store, decisions) == 50


def test_who_was_answered_together_is_waited_for_and_who_is_alone_waits_for_nobody(
    store: Database, log: GroupCommit, monkeypatch: pytest.MonkeyPatch
):
    groups: list[int] = []
    commit = group_commit.commit

    def counted(connection: Connection, entries: Sequence[Entry], recorded: Sequence[Any]) -> list[Outcome]:
        groups.append(len(entries))
        return commit(connection, entries, recorded)

    def wait(seconds: float) -> None:
        monkeypatch.setattr(group_commit, "_TOGETHER_SECONDS", seconds)

    monkeypatch.setattr(group_commit, "commit", counted)

    async def send() -> None:
        wait(60.0)
        await asyncio.gather(*(log.submit([decision(number)]) for number in range(3)))
        early = log.submit([decision(10)])
        while log._submitted:  # not handed over yet
            await asyncio.sleep(0)
        await asyncio.gather(early, log.submit([decision(11)]), log.submit([decision(12)]))
        wait(0.02)
        await log.submit([decision(13)])  # the other two do not come again
        wait(60.0)
        for number in range(20, 25):
            await log.submit([decision(number)])

    begun = time.monotonic()
    asyncio.run(send())
    assert time.monotonic() - begun < 60.0
    assert groups == [3, 3, 1, 1, 1, 1, 1, 1]


def test_nobody_waits_for_recorded_rows_to_gather(store: Database, log: GroupCommit):
    async def send() -> float:
        await log.submit([decision(0)])
        took = []
        for number in range(1, 21):
            begun = time.monotonic()
            log.record(decision(100 + number))
            await log.submit([decision(number)])
            took.append(time.monotonic() - begun)
        return min(took)

    assert asyncio.run(send()) < group_commit.GATHER_SECONDS
    assert rows_of(store, decisions) == 41


def test_nobody_waits_for_a_backlog(store: Database, log: GroupCommit, monkeypatch: pytest.MonkeyPatch):
    written: list[tuple[int, int]] = []
    is_submitted, commit = threading.Event(), group_commit.commit

    def slow(connection: Connection, entries: Sequence[Entry], recorded: Sequence[Any]) -> list[Outcome]:
        written.append((len(entries), len(recorded)))
        is_submitted.wait(60.0)
        return commit(connection, entries, recorded)

    monkeypatch.setattr(group_commit, "commit", slow)
    log.record(decision(0))
    assert until(lambda: bool(written))
    for number in range(1, 3501):
        log.record(decision(number))

    async def send() -> list[Outcome]:
        answer = log.submit([decision(9999)])
        while log._submitted:  # not handed over yet
            await asyncio.sleep(0)
        is_submitted.set()
        return await answer

    assert asyncio.run(send()) == [Outcome("accepted")]
    assert until(lambda: rows_of(store, decisions) == 3502)
    assert written == [(0, 1), (1, 1000), (0, 2500)]


def test_who_records_too_much_is_held_up_until_it_is_written(
    store: Database, log: GroupCommit, monkeypatch: pytest.MonkeyPatch
):
    is_open, commit = threading.Event(), group_commit.commit
    monkeypatch.setattr(group_commit, "commit", lambda *given: is_open.wait(60.0) and commit(*given))
    log.record(decision(0))
    assert until(lambda: not log.pending)
    assert all(log.record(decision(number)) for number in range(1, group_commit.BACKLOG + 1))
    assert log.is_behind

    async def record_more() -> bool:
        asyncio.get_running_loop().call_later(0.1, is_open.set)
        await log.catch_up()
        return is_open.is_set() and not log.is_behind

    assert asyncio.run(record_more())
    assert until(lambda: rows_of(store, decisions) == group_commit.BACKLOG + 1)


def test_nobody_is_held_up_while_the_store_is_away(store: Database, log: GroupCommit):
    outage = Outage(store, "commit")
    outage.is_on = True
    log.record(decision(0))
    assert until(lambda: not log.healthy)
    for number in range(1, group_commit.BACKLOG + 2):
        log.record(decision(number))
    assert not log.is_behind
    outage.is_on = False


def test_a_failing_commit_is_told_and_counts_nothing(store: Database, log: GroupCommit):
    outage = Outage(store, "commit")

    async def send(number: int) -> list[Outcome]:
        return await log.submit([reward(decision(number), 1.0)])

    asyncio.run(send(1))
    outage.is_on = True
    log.record(decision(5))
    with pytest.raises(StoreUnavailable, match=r"disk I/O error\. Nothing"):
        asyncio.run(send(3))
    assert not log.healthy
    with pytest.raises(StoreUnavailable):
        asyncio.run(send(3))
    log.record(decision(7))
    time.sleep(0.2)
    assert not log.healthy
    assert sums(store)["rewards"] == rows_of(store, events) == rows_of(store, decisions) == 1
    outage.is_on = False
    assert until(lambda: log.healthy)
    log.flush()
    assert asyncio.run(send(3)) == [Outcome("accepted")]
    assert sums(store)["rewards"] == rows_of(store, events) == 2
    assert rows_of(store, decisions) == sums(store)["decisions"] == 4
    assert log.dropped == 0


def test_health_comes_back_although_nobody_sends_anything(store: Database, log: GroupCommit):
    outage = Outage(store, "commit")
    outage.is_on = True

    async def send() -> None:
        await log.submit([decision(1)])

    with pytest.raises(StoreUnavailable):
        asyncio.run(send())
    outage.is_on = False
    assert until(lambda: log.healthy)
    assert rows_of(store, decisions) == 0


def test_a_full_disk_is_told_and_survived(sqlite_url: str, open_url: Callable[[str], Database]):
    store = open_url(sqlite_url)
    migrate(store)
    running_experiment(store)
    store.engine.dispose()
    is_full = True

    @event.listens_for(store.engine, "connect")
    def fill(connection: sqlite3.Connection, _record: object) -> None:
        if is_full:
            pages = connection.execute("PRAGMA page_count").fetchone()[0]
            connection.execute(f"PRAGMA max_page_count = {pages + 2}")

    log = GroupCommit(store)
    log.start()
    large = "x" * 100_000

    async def send(context: str) -> list[Outcome]:
        return await log.submit([reward(decision(1, context=context), 1.0)])

    with pytest.raises(StoreUnavailable, match="full"):
        asyncio.run(send(large))
    assert not log.healthy
    log.record(decision(3, context=large))
    time.sleep(0.3)
    assert rows_of(store, events) == rows_of(store, decisions) == rows_of(store, counters) == 0
    is_full = False
    store.engine.dispose()
    assert until(lambda: log.healthy and rows_of(store, decisions) == 1)
    assert asyncio.run(send(large)) == [Outcome("accepted")]
    log.close()
    assert sums(store) == {"decisions": 2, "rewards": 1, "reward_total": 1.0, "reward_squares": 1.0}


@pytest.mark.parametrize("fields", [{"quantity": 2**70}, {"item_id": "\ud800"}])
def test_a_row_that_cannot_be_stored_hinders_no_other(
    store: Database, log: GroupCommit, fields: dict[str, object]
):
    async def send() -> list[Any]:
        good = [log.submit([reward(decision(number), 1.0)]) for number in range(1, 10, 2)]
        bad = log.submit([reward(decision(11), 1.0, **fields)])
        good += [log.submit([reward(decision(number), 1.0)]) for number in range(13, 20, 2)]
        return await asyncio.gather(*good, bad, return_exceptions=True)

    for number in range(21, 40, 2):
        log.record(decision(number))
    log.record(decision(41, context="\ud800"))
    *good, bad = asyncio.run(send())
    assert good == [[Outcome("accepted")]] * 9
    assert isinstance(bad, DataError)
    log.flush()
    assert log.healthy
    assert (log.dropped, rows_of(store, events), rows_of(store, decisions)) == (1, 9, 19)


def test_close_writes_what_is_left_and_refuses_the_rest(store: Database):
    log = GroupCommit(store)
    for number in range(100):
        log.record(decision(number))
    log.start()
    log.close()
    assert rows_of(store, decisions) == 100
    log.record(decision(100))
    assert log.dropped == 1

    async def send() -> None:
        await log.submit([decision(101)])

    with pytest.raises(StoreUnavailable, match="stop"):
        asyncio.run(send())
    with pytest.raises(StoreUnavailable, match="stop"):
        log.flush()


def test_what_cannot_be_written_at_the_end_is_counted_as_lost(store: Database, log: GroupCommit):
    outage = Outage(store, "commit")
    outage.is_on = True
    for number in range(10):
        log.record(decision(number))
    log.close()
    assert log.dropped == 10


def test_only_so_much_is_kept_while_the_store_is_away(
    store: Database, log: GroupCommit, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(group_commit, "LIMIT", 10)
    outage = Outage(store, "commit")
    outage.is_on = True
    log.record(decision(0))
    assert until(lambda: not log.healthy)
    for number in range(1, 15):
        log.record(decision(number))
    assert log.dropped >= 4
    lost = log.dropped
    outage.is_on = False
    assert until(lambda: rows_of(store, decisions) == 15 - lost)


def test_who_has_gone_is_not_waited_for(store: Database, log: GroupCommit):
    async def send() -> list[Outcome]:
        log.submit([decision(1)]).cancel()
        return await log.submit([decision(3)])

    assert asyncio.run(send()) == [Outcome("accepted")]
    assert rows_of(store, decisions) == 2
