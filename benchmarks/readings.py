"""Time of every reading, and of the aggregation, on a SQLite store with some 10 million events.

The store is built in a temporary folder by bulk inserts: two experiments of five arms and two strategies over
30 days, an impression for each decision, a click for every fifth, a reward for every second one. Counters and
sums by day are those that the ledger would have made.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator, Sized
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from sqlalchemy import text

from armlift.experiments.brief import Brief
from armlift.experiments.live_window import LiveSums
from armlift.storage import Database, ExperimentStore, Readings, migrate, open_database
from armlift.storage.interval_sums import refresh

DAYS = 30
END = datetime(2026, 6, 1, 12, tzinfo=UTC)
EVENTS_A_DECISION = 1.7
ARMS = tuple(f"arm_{number}" for number in range(5))

# Decision number i, with a few digits of i times a large prime as its chance.
DECISIONS = """
WITH RECURSIVE numbers(i) AS (SELECT :first UNION ALL SELECT i + 1 FROM numbers WHERE i + 1 < :last)
INSERT INTO decisions
SELECT printf('%026d', i), :start + i * :step, 'films_' || (i % 2),
    CASE (i * 2654435761 >> 8) % 2 WHEN 0 THEN 'split' ELSE 'bandit' END,
    'arm_' || ((i * 2654435761 >> 12) % 5), 0.2, i / 1000,
    printf('%032x', (i * 2654435761 >> 4) % :users), printf('s%x', i / 3),
    CASE i % 3 WHEN 0 THEN '{"device":"mobile","channel":"search","category":"drama"}'
        WHEN 1 THEN '{"device":"desktop","channel":"mail","category":"crime"}' ELSE '{}' END,
    0, (i % 97) = 0, CASE (i % 97) WHEN 0 THEN 'crawler' ELSE '' END
FROM numbers
"""

EVENTS = """
INSERT INTO events
SELECT decision_id || :suffix, decision_id, ts + 2000000, ts + 2000000, experiment_id, strategy_id, arm_id,
    propensity, allocation_version, user_key, session_id, '318', 0, :kind, {reward}, NULL, NULL, NULL, '', '',
    simulated, bot_flag, 0, 0, flag_reasons, '{{}}'
FROM decisions WHERE decision_id >= printf('%026d', :first) AND decision_id < printf('%026d', :last)
    AND CAST(substr(decision_id, -9) AS INTEGER) % :every = 0
"""
KINDS = (("-i", "impression", 1), ("-c", "click_detail", 5), ("-r", "reward", 2))

COUNTED = """
INSERT INTO day_counters (experiment_id, strategy_id, day, session_batch, arm_id, decisions, propensity_total,
    excluded, impressions, clicks, rewards, reward_total, reward_squares)
SELECT experiment_id, strategy_id, day, 'live', arm_id, sum(decisions), sum(propensity), sum(excluded),
    sum(impressions), sum(clicks), sum(rewards), sum(reward), sum(reward)
FROM (
    SELECT experiment_id, strategy_id, date(ts / 1000000, 'unixepoch') AS day, arm_id,
        sum(NOT bot_flag) AS decisions,
        sum(CASE WHEN bot_flag THEN 0 ELSE propensity END) AS propensity, sum(bot_flag) AS excluded,
        0 AS impressions, 0 AS clicks, 0 AS rewards, 0 AS reward
    FROM decisions GROUP BY 1, 2, 3, 4
    UNION ALL
    SELECT experiment_id, strategy_id, date(ts_server / 1000000, 'unixepoch'), arm_id, 0, 0, sum(bot_flag),
        sum(NOT bot_flag AND event_type = 'impression'), sum(NOT bot_flag AND event_type = 'click_detail'),
        sum(NOT bot_flag AND event_type = 'reward'),
        sum(CASE WHEN bot_flag THEN 0 ELSE coalesce(reward, 0) END)
    FROM events GROUP BY 1, 2, 3, 4
)
GROUP BY 1, 2, 3, 5
"""


def declared(name: str) -> Brief:
    """Five arms, a fixed split beside Thompson sampling."""
    return Brief.model_validate(
        {
            "id": name,
            "objective": "More clicks.",
            "hypothesis": "One of them gets more.",
            "primary_metric": {"id": "ctr", "baseline": 0.2, "mde": 0.1},
            "variants": list(ARMS),
            "control": ARMS[0],
            "strategies": [
                {"id": "split", "share": 0.5, "allocation": "fixed"},
                {"id": "bandit", "share": 0.5, "allocation": "thompson"},
            ],
            "minimum_sample": 1000,
            "daily_users": 10_000,
            "maximum_duration_days": DAYS,
        }
    )


def build(database: Database, events: int) -> tuple[int, int]:
    """Fill a store; give the numbers of decisions and events."""
    migrate(database)
    for number in range(2):
        ExperimentStore(database).create(declared(f"films_{number}"), who="benchmark", start=True)
    number = round(events / EVENTS_A_DECISION)
    span = DAYS * 86_400 * 1_000_000
    start = round(END.timestamp()) * 1_000_000 - span
    made, some = 0, 200_000
    for first in range(0, number, some):
        part = {"first": first, "last": min(first + some, number)}
        with database.begin() as connection:
            placed = {"start": start, "step": span // number, "users": max(number // 10, 1)}
            connection.execute(text(DECISIONS), part | placed)
            for suffix, kind, every in KINDS:
                reward = f"({every} * length(arm_id)) % 2" if kind == "reward" else "NULL"
                row = part | {"suffix": suffix, "kind": kind, "every": every}
                made += connection.execute(text(EVENTS.format(reward=reward)), row).rowcount
    sums = ", ".join(f"sum({name})" for name in LiveSums._fields[:-1])
    with database.begin() as connection:
        connection.execute(text("UPDATE experiments SET started_ts = :start"), {"start": start})
        connection.execute(text(COUNTED))
        connection.execute(
            text(
                f"INSERT INTO counters SELECT experiment_id, strategy_id, arm_id, {sums} FROM day_counters"
                " GROUP BY 1, 2, 3"
            )
        )
    return number, made


def readings(read: Readings) -> Iterator[tuple[str, Callable[[], Sized]]]:
    """Every reading as a page asks for it."""
    films, day, week = "films_0", timedelta(days=1), timedelta(days=7)
    user = f"{5:032x}"
    yield "fingerprint()", read.fingerprint
    yield "totals()", read.totals
    yield "series: last hour, 5 minutes", lambda: read.series(films, since=END - timedelta(hours=1))
    yield "series: last day, 5 minutes", lambda: read.series(films, since=END - day)
    yield (
        "series: last week, hours",
        lambda: read.series(films, since=END - week, width=timedelta(hours=1)),
    )
    yield "series: 30 days, days", lambda: read.series(films, width=day)
    yield "series: 30 days, 5 minutes", lambda: read.series(films)
    yield "segments: 30 days, device", lambda: read.segments(films, "device")
    yield "segment_values()", lambda: read.segment_values(films)
    yield "decisions: newest 500", read.decisions
    yield "decisions: newest 500 of an arm", lambda: read.decisions(films, arm_id="arm_3")
    yield "decisions: of a user", lambda: read.decisions(user_key=user)
    yield "decisions: a text nobody wrote", lambda: read.decisions(text="nowhere")
    yield "events: newest 500 clicks", lambda: read.events(films, event_type="click_detail")
    yield "events: a text nobody wrote", lambda: read.events(text="nowhere")
    yield "sessions()", lambda: read.sessions(films)
    yield "reward_per_session()", lambda: read.reward_per_session(films)
    yield "users()", lambda: read.users(films)
    yield "monitoring()", read.monitoring
    yield "audit()", read.audit
    yield "freshness()", read.freshness


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Print how long something took."""
    start, busy = time.perf_counter(), time.process_time()
    yield
    took, worked = time.perf_counter() - start, time.process_time() - busy
    print(f"| {what} | {took:,.1f} s | {worked:,.1f} s |", flush=True)


def main() -> None:
    """Build, aggregate, read, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--folder", type=Path, help="where to build the store; a temporary folder if left out"
    )
    chosen = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(dir=chosen.folder) as folder,
        open_database(f"sqlite:///{folder}/armlift.db", exclusive=True) as database,
    ):
        print("| aggregation | time | processor time |\n|---|---|---|")
        with timed("building the store"):
            decisions, events = build(database, chosen.events)
        with timed(f"first refresh, {decisions:,} decisions and {events:,} events"):
            refresh(database, now=END)
        with timed("refresh five minutes later, which compares two days"):
            refresh(database, now=END + timedelta(minutes=5))
        with timed("refresh on the next day, which compares all days"):
            refresh(database, now=END + timedelta(days=1))
        with timed("a day again"):
            refresh(database, now=END, since=END - timedelta(days=2), until=END - timedelta(days=1))
        size = sum(file.stat().st_size for file in Path(folder).iterdir())
        print(f"\nThe store has {size / 2**30:.1f} GiB.\n")
        print("| reading | median | worst | processor time | rows |\n|---|---|---|---|---|")
        for name, read in readings(Readings(database)):
            seconds, busy, rows = [], time.process_time(), 0
            for _ in range(chosen.rounds):
                start = time.perf_counter()
                found = read()
                seconds.append(1e3 * (time.perf_counter() - start))
                rows = len(found)
            worked = 1e3 * (time.process_time() - busy) / chosen.rounds
            times = " | ".join(f"{number:,.0f} ms" for number in (median(seconds), max(seconds), worked))
            print(f"| {name} | {times} | {rows:,} |")


if __name__ == "__main__":
    main()
