"""The thread that writes: everything that arrived while the last commit ran is the next transaction."""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import NamedTuple

from sqlalchemy import Connection, update
from sqlalchemy.exc import DBAPIError

from armlift.errors import DataError, StoreUnavailable
from armlift.experiments.log_rows import Decision
from armlift.storage.database import Database
from armlift.storage.ledger import AssignmentRow, Entry, Outcome, commit
from armlift.storage.schema import experiments

logger = logging.getLogger(__name__)

Answer = list[Outcome] | Exception

GATHER_SECONDS = 0.04
"""How long recorded rows wait for others, if nobody waits for a commit."""

LIMIT = 100_000
"""Rows that are kept, and entries that may wait, while the store is away."""

BACKLOG = 2_000
"""Recorded rows that wait before whoever records more is held up."""

_TOGETHER_SECONDS = 0.001  # how long those are waited for who were answered a moment ago
_LOOK_SECONDS = 0.00025  # how often it is looked whether they have come
_RECORDED_AT_ONCE = 10_000
_RECORDED_WHILE_WAITING = 1_000  # so that nobody waits for a backlog
_SUBMITTED_AT_ONCE = 64
_NICENESS = 5
_HELD_UP_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 1.0
_CONCURRENCY_ATTEMPTS = 10
_CONCURRENCY = ("40001", "40P01")  # SQLSTATE: serialization failure, deadlock
_STOPPING = "this process is about to stop"
_UNSTORABLE = ("22", "23")  # classes of SQLSTATE: a value that fits no column, a constraint


class _Waiting(NamedTuple):
    """Somebody who waits for a commit: on the event loop, or, with a `Future`, in a thread."""

    entries: Sequence[Entry]
    answer: asyncio.Future[list[Outcome]] | Future[list[Outcome]]


class _Stop:
    """Put into the queue by `close`."""


class GroupCommit:
    """Commits rows in groups, from one thread.

    If the store cannot commit, everybody who waits gets `StoreUnavailable`, and nothing of theirs is counted;
    recorded rows are kept and tried again.

    Args:
        database: The store.

    Attributes:
        healthy: Whether the last commit worked.
        dropped: Recorded rows that were lost: too many while the store was away, or not storable.
    """

    def __init__(self, database: Database) -> None:
        self.healthy, self.dropped = True, 0
        self._database = database
        self._connection: Connection | None = None
        self._queue: SimpleQueue[list[_Waiting] | _Stop | None] = SimpleQueue()
        self._submitted: deque[_Waiting] = deque()  # on the event loop, not yet handed over
        self._waiting = 0  # requests on the event loop without an answer; only the loop counts them
        self._expected = 0  # how many of them there were when the last ones were answered
        self._recorded: deque[Decision | AssignmentRow] = deque()
        self._is_called = False  # whether the thread knows of recorded rows
        self._closed = False
        self._pause, self._retry_at = 0.0, 0.0
        self._thread = threading.Thread(target=self._run, name="group-commit", daemon=True)

    @property
    def pending(self) -> int:
        """Rows and requests that wait for a commit, about."""
        return len(self._recorded) + self._waiting

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def close(self) -> None:
        """Write what is left, and stop. What arrives from now on is refused."""
        if self._closed:
            return
        self._closed = True
        self._hand_over()
        self._queue.put(_Stop())
        if self._thread.is_alive():
            self._thread.join()

    @property
    def is_behind(self) -> bool:
        """Whether more is recorded than is written, although the store commits."""
        return len(self._recorded) >= BACKLOG and self.healthy

    async def catch_up(self) -> None:
        """Hold the caller up while the writer is behind, for a second at most: slow answers lose no rows."""
        end = time.monotonic() + _HELD_UP_SECONDS
        while self.is_behind and time.monotonic() < end:
            await asyncio.sleep(0.01)

    def record(self, row: Decision | AssignmentRow) -> bool:
        """Have a row written within 100 ms, if the writer is not behind; nobody waits for it.

        Returns:
            Whether it will be; not if too many wait, or this has been closed.
        """
        if self._closed or len(self._recorded) >= LIMIT:
            self.dropped += 1
            return False
        self._recorded.append(row)
        self._call()
        return True

    def _call(self) -> None:
        """Let the thread know of recorded rows, unless it does."""
        if not self._is_called:
            self._is_called = True
            self._queue.put(None)

    def submit(self, entries: Sequence[Entry]) -> asyncio.Future[list[Outcome]]:
        """Have entries written now, in one transaction; to be called on the event loop.

        Args:
            entries: What was sent.

        Returns:
            One outcome for each entry, once they are on disk. It fails with `StoreUnavailable` if they are
            not, and with `DataError` if they cannot be.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[list[Outcome]] = loop.create_future()
        if self._closed:
            future.set_exception(StoreUnavailable(_STOPPING))
        elif self._waiting >= LIMIT:
            future.set_exception(StoreUnavailable(f"{LIMIT:,} requests are waiting for it"))
        else:
            self._waiting += 1
            self._submitted.append(_Waiting(entries, future))
            if len(self._submitted) == 1:
                loop.call_soon(self._hand_over_unless_more_come, loop, 1)
        return future

    def _hand_over_unless_more_come(self, loop: asyncio.AbstractEventLoop, known: int) -> None:
        """Let requests that the loop has read already join: a transaction costs more than its rows."""
        now = len(self._submitted)
        if known < now < _SUBMITTED_AT_ONCE and not self._closed:
            loop.call_soon(self._hand_over_unless_more_come, loop, now)
        elif not self._closed:
            self._hand_over()
        else:  # the thread has stopped, or is about to
            refused = self._take_submitted()
            self._answer(refused, [StoreUnavailable(_STOPPING)] * len(refused))

    def _hand_over(self) -> None:
        if waiting := self._take_submitted():
            self._queue.put(waiting)

    def _take_submitted(self) -> list[_Waiting]:
        taken = []
        with suppress(IndexError):  # `close` may be doing the same in another thread
            while True:
                taken.append(self._submitted.popleft())
        return taken

    def flush(self) -> None:
        """Wait until everything recorded before is on disk; not to be called on the event loop.

        Raises:
            StoreUnavailable: It is not.
        """
        for _ in range(len(self._recorded) // _RECORDED_WHILE_WAITING + 1):
            written: Future[list[Outcome]] = Future()
            if self._closed:
                raise StoreUnavailable(_STOPPING)
            self._queue.put([_Waiting((), written)])
            written.result()

    def _run(self) -> None:
        _step_back()
        is_stopping = False
        while not is_stopping:
            waiting, is_stopping = self._gather()
            if not self.healthy and time.monotonic() < self._retry_at and not is_stopping:
                self._answer(waiting, [StoreUnavailable("it failed a moment ago")] * len(waiting))
                continue
            self._is_called = False  # before the rows are taken: a row after them calls again
            limit = _RECORDED_WHILE_WAITING if waiting else _RECORDED_AT_ONCE
            recorded = self._take_recorded(limit)
            if waiting or recorded or not self.healthy:
                self._write(waiting, recorded)
            while self._recorded and self.healthy:
                if not is_stopping and (len(recorded) < limit or self._waiting):
                    self._call()
                    break
                limit = _RECORDED_AT_ONCE
                recorded = self._take_recorded(limit)
                self._write((), recorded)
        self._refuse_rest()
        if self._recorded:
            self.dropped += len(self._recorded)
            logger.error("%d decisions are lost: the store could not be written", len(self._recorded))
        self._disconnect()

    def _refuse_rest(self) -> None:
        with suppress(Empty):
            while True:
                item = self._queue.get_nowait()
                if isinstance(item, list):
                    self._answer(item, [StoreUnavailable(_STOPPING)] * len(item))

    def _gather(self) -> tuple[list[_Waiting], bool]:
        """Wait for work; give who waits, and whether to stop."""
        waiting: list[_Waiting] = []
        patience = None if self.healthy else max(self._retry_at - time.monotonic(), 0.0)
        with suppress(Empty):
            item = self._queue.get(timeout=patience)
            if item is None and self.healthy:
                item = self._queue.get(timeout=GATHER_SECONDS)
            end = time.monotonic() + _TOGETHER_SECONDS
            while True:
                if isinstance(item, _Stop):
                    return waiting, True
                if item is not None:
                    waiting += item
                item = self._next(len(waiting), end)
        return waiting, False

    def _next(self, gathered: int, end: float) -> list[_Waiting] | _Stop | None:
        """Take from the queue, and wait for who will ask again at once: a commit costs more than its rows.

        Raises:
            Empty: Nobody else has come, or is expected.
        """
        while True:
            try:
                return self._queue.get_nowait()
            except Empty:
                if not 0 < gathered < self._expected or time.monotonic() >= end:
                    raise
            time.sleep(_LOOK_SECONDS)

    def _take_recorded(self, limit: int) -> list[Decision | AssignmentRow]:
        return [self._recorded.popleft() for _ in range(min(len(self._recorded), limit))]

    def _write(self, waiting: Sequence[_Waiting], recorded: Sequence[Decision | AssignmentRow]) -> None:
        entries = [entry for each in waiting for entry in each.entries]
        try:
            outcomes = self._commit(entries, recorded)
        except Exception as error:  # whatever it is, others must not wait for ever
            cause = _cause(error)
            if not _is_unstorable(cause):
                self._fail(waiting, recorded, cause)
            elif len(waiting) + len(recorded) == 1:
                logger.error("a row cannot be stored: %s", cause)
                self.dropped += len(recorded)
                refusal = DataError(f"This cannot be stored: {_in_short(cause)}")
                self._answer(waiting, [refusal] * len(waiting))
            else:  # one of them cannot be stored, and must not hinder the others
                half, middle = len(waiting) // 2, len(recorded) // 2
                if waiting and recorded:
                    half, middle = len(waiting), 0
                self._write(waiting[:half], recorded[:middle])
                self._write(waiting[half:], recorded[middle:])
            return
        if not self.healthy:
            logger.warning("the store commits again; %d decisions were lost", self.dropped)
            self.healthy, self._pause = True, 0.0
        self._expected = self._waiting
        answers: list[Answer] = []
        first = 0
        for each in waiting:
            last = first + len(each.entries)
            answers.append(outcomes[first:last])
            first = last
        self._answer(waiting, answers)

    def _fail(
        self, waiting: Sequence[_Waiting], recorded: Sequence[Decision | AssignmentRow], cause: BaseException
    ) -> None:
        if self.healthy:
            logger.error("the store cannot commit: %s", _in_short(cause), exc_info=cause)
        self.healthy = False
        self._pause = min(max(2 * self._pause, 0.05), _LONGEST_PAUSE_SECONDS)
        self._retry_at = time.monotonic() + self._pause
        self._recorded.extendleft(reversed(recorded))
        self._answer(waiting, [StoreUnavailable(_in_short(cause))] * len(waiting))

    def _commit(
        self, entries: Sequence[Entry], recorded: Sequence[Decision | AssignmentRow]
    ) -> list[Outcome]:
        """Write a transaction; again, if another process was in its way or the connection was lost.

        That is safe even if the lost one was committed: ids make it a repetition.
        """
        attempt = 0
        while True:
            attempt += 1
            try:
                if self._connection is None:
                    self._connection = self._database.engine.connect()
                with self._database.begin(self._connection) as connection:
                    if not self.healthy and not entries and not recorded:
                        # A trial must really write: an empty transaction works on a full disk too.
                        connection.execute(update(experiments).values(settled_ts=experiments.c.settled_ts))
                    return commit(connection, entries, recorded)
            except Exception as error:
                cause = _cause(error)
                if _is_unstorable(cause):
                    raise
                had_connection = self._disconnect()  # whatever is left of the transaction goes with it
                if getattr(cause, "sqlstate", None) in _CONCURRENCY:
                    may_work = attempt < _CONCURRENCY_ATTEMPTS
                else:
                    may_work = attempt == 1 and had_connection and self._database.dialect == "postgresql"
                if not may_work:
                    raise

    def _disconnect(self) -> bool:
        """Let go of the connection; tell whether there was one."""
        connection, self._connection = self._connection, None
        if connection is None:
            return False
        with suppress(Exception):
            connection.invalidate()
        with suppress(Exception):
            connection.close()
        return True

    def _answer(self, waiting: Sequence[_Waiting], answers: Sequence[Answer]) -> None:
        """Answer all of them, those on the event loop with one call."""
        on_loop: list[tuple[asyncio.Future[list[Outcome]], Answer]] = []
        for each, answer in zip(waiting, answers, strict=True):
            if isinstance(each.answer, asyncio.Future):
                on_loop.append((each.answer, answer))
            elif isinstance(answer, Exception):
                each.answer.set_exception(answer)
            else:
                each.answer.set_result(answer)
        if on_loop:
            with suppress(RuntimeError):  # the loop was closed: nobody waits any more
                on_loop[0][0].get_loop().call_soon_threadsafe(self._resolve, on_loop)

    def _resolve(self, answers: Sequence[tuple[asyncio.Future[list[Outcome]], Answer]]) -> None:
        self._waiting -= len(answers)
        for future, answer in answers:
            if future.done():
                continue  # who waited has gone
            if isinstance(answer, Exception):
                future.set_exception(answer)
            else:
                future.set_result(answer)


def _step_back() -> None:
    """Let the thread that answers requests go before this one, where threads have priorities: on Linux."""
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)


def _cause(error: BaseException) -> BaseException:
    """The driver's own error."""
    return error.orig if isinstance(error, DBAPIError) and error.orig is not None else error


def _in_short(error: BaseException) -> str:
    lines = str(error).splitlines()
    return lines[0] if lines else type(error).__name__


def _is_unstorable(error: BaseException) -> bool:
    """Whether it is the fault of a row, not of the store."""
    if isinstance(error, UnicodeError | OverflowError | sqlite3.IntegrityError | sqlite3.ProgrammingError):
        return True
    return str(getattr(error, "sqlstate", None) or "")[:2] in _UNSTORABLE
