"""A router of a few lines on SQLite, honest or broken in one way: and what the harness must say of it.

`python fake_router.py PORT FILE FAULT`, where FAULT is one of `FAULTS` or `none`.
"""

from __future__ import annotations

import asyncio
import json
import random
import sqlite3
import sys
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

FAULTS = {
    "answers_first": "acknowledged and lost",
    "repeats_count": "counters say",
    "two_transactions": "counters say",
    "decision_stays_lost": "its decision is not in the log",
    "last_value_wins": "another value was answered",
}

TABLES = """
create table if not exists decisions (decision_id text primary key, ts int,
  experiment_id text, strategy_id text, arm_id text, propensity real,
  bot_flag int default 0, flag_reasons text default '');
create table if not exists events (decision_id text primary key, ts_server int,
  experiment_id text, strategy_id text, arm_id text, reward real, event_type text default 'reward',
  bot_flag int default 0, flag_reasons text default '');
create table if not exists counters (experiment_id text, strategy_id text, arm_id text,
  rewards int default 0, reward_total real default 0, reward_squares real default 0, decisions int default 0,
  primary key (experiment_id, strategy_id, arm_id));
"""


def now() -> int:
    return time.time_ns() // 1000


class Router:
    def __init__(self, file: str, fault: str) -> None:
        self.fault, self.loop = fault, asyncio.get_running_loop()
        self.db = sqlite3.connect(file, isolation_level=None)
        self.db.execute("pragma journal_mode = wal")
        self.db.execute("pragma synchronous = full")
        self.db.executescript(TABLES)
        for arm in "ab":
            self.db.execute(
                "insert or ignore into counters values ('movielens', 'even', ?, 0, 0, 0, 0)", [arm]
            )

    def choose(self) -> dict[str, Any]:
        ts, arm = now(), random.choice("ab")
        name = f"{ts}-{random.getrandbits(40)}-{arm}"
        self.loop.call_later(0.05, self.record, name)
        answer = {"experiment": "movielens", "strategy": "even", "arm": arm, "propensity": 0.5}
        return {"decision_id": name, **answer}

    def record(self, name: str) -> None:
        self.db.execute("begin immediate")
        self.decide(name)
        self.db.execute("commit")

    def decide(self, name: str) -> None:
        ts, _, arm = name.split("-")
        row = [name, int(ts), arm]
        new = self.db.execute(
            "insert or ignore into decisions (decision_id, ts, experiment_id, strategy_id, arm_id,"
            " propensity) values (?, ?, 'movielens', 'even', ?, 0.5)",
            row,
        ).rowcount
        self.db.execute("update counters set decisions = decisions + ? where arm_id = ?", [new, arm])

    def update(self, name: str, value: float) -> tuple[int, dict[str, Any]]:
        if self.fault == "answers_first":
            self.loop.call_later(0.05, self.commit, name, value)
            return 200, {"duplicate": False}
        return self.commit(name, value)

    def commit(self, name: str, value: float) -> tuple[int, dict[str, Any]]:
        self.db.execute("begin immediate")
        arm = name[-1]
        before = self.db.execute("select reward from events where decision_id = ?", [name]).fetchone()
        if before is None:
            self.db.execute(
                "insert into events (decision_id, ts_server, experiment_id, strategy_id, arm_id, reward)"
                " values (?, ?, 'movielens', 'even', ?, ?)",
                [name, now(), arm, value],
            )
            if self.fault != "decision_stays_lost":
                self.decide(name)
        elif before[0] != value:
            if self.fault != "last_value_wins":
                self.db.execute("rollback")
                return 409, {}
            self.db.execute("update events set reward = ? where decision_id = ?", [value, name])
        if before is None or self.fault == "repeats_count":
            if self.fault == "two_transactions":
                self.db.execute("commit")
                self.loop.call_later(0.02, self.count, arm, value)
                return 200, {"duplicate": False}
            self.count(arm, value)
        self.db.execute("commit")
        return 200, {"duplicate": before is not None}

    def count(self, arm: str, value: float) -> None:
        self.db.execute(
            "update counters set rewards = rewards + 1, reward_total = reward_total + ?,"
            " reward_squares = reward_squares + ? where arm_id = ?",
            [value, value * value, arm],
        )


async def main(port: int, file: str, fault: str) -> None:
    router = Router(file, fault)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            method, target = head.decode().split(" ", 2)[:2]
            length = head.decode().lower().partition("content-length: ")[2].split("\r\n", 1)[0]
            body = json.loads(await reader.readexactly(int(length or 0)) or "{}")
            status, answer = 200, {}
            if method == "GET" and urlsplit(target).path == "/choose":
                assert parse_qs(urlsplit(target).query)["user_id"]
                answer = router.choose()
            elif method == "POST":
                status, answer = router.update(body["decision_id"], body["reward"])
            data = json.dumps(answer).encode()
            writer.write(f"HTTP/1.1 {status} -\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data)

    async def serve_quietly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(serve_quietly, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2], sys.argv[3]))
