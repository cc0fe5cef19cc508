"""A project with a running experiment, and what its log says of a batch."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path

from live_log import brief

from armlift.environment import RouterSettings
from armlift.storage import ExperimentStore, migrate, open_database

STORE = Path("data/live/armlift.db")

KILLED = """
import os, signal, sys
from pathlib import Path
from armlift.commands import visiting
from armlift.commands.visit import visit_batch
from armlift.environment import RouterSettings

calls = 0

def killing(method, after):
    def call(self, *arguments):
        global calls
        calls += 1
        if calls == int(sys.argv[1]) and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        answer = method(self, *arguments)
        if calls == int(sys.argv[1]):
            os.kill(os.getpid(), signal.SIGKILL)
        return answer
    return call

for site in (visiting._OverHttp, visiting._InProcess):
    setattr(site, sys.argv[2], killing(getattr(site, sys.argv[2]), sys.argv[3] == "after"))
root = Path.cwd()
visit_batch(RouterSettings.from_environment(root), root, batch="night", sessions=12, seed=int(sys.argv[4]))
"""
"""Visits that end themselves: at the how manieth call of which method, before or after it is answered."""


def project(root: Path, *briefs):
    """A store with running experiments, two arms each; no router runs."""
    with open_database(f"sqlite:///{root / STORE}", exclusive=False) as database:
        migrate(database)
        for each in briefs or (brief(reward_event="click_detail"),):
            ExperimentStore(database).create(each, who="tests", start=True)
    return RouterSettings.from_environment(root, {})


def killed(root: Path, *arguments: str, seed: int = 1, **environment: str) -> int:
    """Run visits in a process that kills itself; give its exit status."""
    command = [sys.executable, "-c", KILLED, *arguments, str(seed)]
    return subprocess.run(command, cwd=root, env=environment or {}, check=False, timeout=60).returncode


def logged(root: Path, batch: str, file: Path = STORE) -> dict[str, int]:
    """Rows of a batch in the log, each id once: decisions, and events by type."""
    with closing(sqlite3.connect(f"file:{root / file}?mode=ro", uri=True)) as connection:
        decisions = connection.execute("SELECT context, simulated FROM decisions").fetchall()
        events = connection.execute("SELECT context, simulated, event_type FROM events").fetchall()
    named = [row for row in decisions if json.loads(row[0]).get("session_batch") == batch]
    of_batch = [row for row in events if json.loads(row[0]).get("session_batch") == batch]
    assert all(row[1] for row in named + of_batch)
    return {"decisions": len(named), **Counter(row[2] for row in of_batch if row[2] != "reward")}


def counted(root: Path, batch: str, file: Path = STORE) -> dict[str, int]:
    """The same from the sums by day."""
    names = ("decisions", "impressions", "clicks", "likes", "purchases", "excluded")
    sums = ", ".join(f"coalesce(sum({name}), 0)" for name in names)
    with closing(sqlite3.connect(f"file:{root / file}?mode=ro", uri=True)) as connection:
        query = f"SELECT {sums} FROM day_counters WHERE session_batch = ?"
        return dict(zip(names, connection.execute(query, (batch,)).fetchone(), strict=True))
