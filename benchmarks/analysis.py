"""Analysing 10 million events in Parquet: armlift beside tea-tasting.

Four metrics with CUPED, two arms. The events are generated first, from a seed, into a temporary folder.
"""

import argparse
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import ibis
import numpy as np
import tea_tasting as tt
import tea_tasting.aggr

from armlift.experiments.analysis import analyse, compare
from armlift.experiments.metrics import find_metrics
from armlift.experiments.summary import roll_up, summarise

START = datetime(2026, 1, 15)
METRICS = find_metrics(["ctr", "conversion", "add_to_cart_rate", "revenue_per_user"])
CHUNK = 1_000_000

# Uniform numbers come from hashes of the event's number: the same file whatever the number of threads.
EVENTS = """
copy (
  with numbers as (
    select i, hash(i, {seed}, 'user') % {users} as user, hash(i, {seed}, 'kind') / 18446744073709551616.0 as u
    from range({first}, {last}) as t(i)
  ), drawn as (
    select *, 0.02 + 0.1 * pow((hash(user, {seed}, 'taste') % 1000) / 1000.0, 2) as taste,
      case when hash(user, {seed}, 'arm') % 2 = 0 then 'control' else 'treatment' end as arm
    from numbers
  )
  select 'e-' || i as event_id,
    make_timestamp(1767225600000000 + (i * (28 * 86400e6 / {events}))::bigint) as ts,
    'bench' as experiment_id, 'fixed' as strategy_id,
    case when i * 2 >= {events} then arm end as arm_id,
    printf('%016x', hash(user, {seed})) as user_key,
    printf('%x-%d', user, i // 500000) as session_id,
    case when u < taste * 0.2 then 'purchase' when u < taste * 0.5 then 'add_to_cart'
      when u < taste * 1.5 then 'click_detail' else 'impression' end as event_type,
    case when event_type = 'click_detail' then 1.0 end as reward,
    case when event_type = 'purchase' then 5.0 + hash(i, {seed}, 'price') % 100 end as revenue,
    case when user % 5 < 3 then 'mobile' else 'desktop' end as device,
    hash(user, {seed}, 'bot') % 100 = 0 as bot_flag
  from drawn
) to '{file}' (format parquet)
"""


def generate(folder: Path, events: int, users: int, seed: int) -> float:
    """Write the events and return the size of the files in MiB."""
    database = duckdb.connect(config={"threads": 2})
    for first in range(0, events, CHUNK):
        last = min(first + CHUNK, events)
        file = folder / f"events-{first // CHUNK:03}.parquet"
        database.execute(
            EVENTS.format(first=first, last=last, events=events, users=users, seed=seed, file=file)
        )
        print(f"\rgenerated {last:,} of {events:,} events", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return sum(file.stat().st_size for file in folder.iterdir()) / 2**20


def tea_experiment() -> tt.Experiment:
    """The same metrics and covariates in tea-tasting's words."""
    return tt.Experiment(
        ctr=tt.RatioOfMeans("clicks", "impressions", "clicks_before", "impressions_before"),
        conversion=tt.Mean("any_purchases", "any_purchases_before"),
        add_to_cart_rate=tt.RatioOfMeans(
            "add_to_carts", "impressions", "add_to_carts_before", "impressions_before"
        ),
        revenue_per_user=tt.Mean("revenue", "revenue_before"),
        variant="arm_id",
    )


def timed(work: Callable[[], Any], rounds: int) -> tuple[list[float], list[float]]:
    """Wall and processor seconds of each round."""
    wall, cpu = [], []
    for _ in range(rounds):
        started, used = time.perf_counter(), time.process_time()
        work()
        wall.append(time.perf_counter() - started)
        cpu.append(time.process_time() - used)
    return wall, cpu


def row(name: str, wall: list[float], cpu: list[float], scale: float = 1.0) -> str:
    """A line of a table, with medians and spreads."""
    cells = [
        f"{statistics.median(v) * scale:.2f} ({min(v) * scale:.2f} .. {max(v) * scale:.2f})"
        for v in (wall, cpu)
    ]
    return f"| {name} | {' | '.join(cells)} |"


def main() -> None:
    """Generate, measure both in turn, and print the tables as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        size = generate(Path(name), options.events, options.users, options.seed)
        connection = ibis.duckdb.connect(threads=options.threads)
        events = connection.read_parquet(f"{name}/*.parquet")
        peer = tea_experiment()

        def ours() -> Any:
            return analyse(events, METRICS, "control", start=START)

        def theirs() -> Any:
            return peer.analyze(roll_up(events, METRICS, start=START), control="control")

        mine, tea = ours(), theirs()  # not timed: the files are cached from here on
        rounds = []
        for number in range(options.rounds):
            first, second = (ours, theirs) if number % 2 == 0 else (theirs, ours)
            pair = timed(first, 1), timed(second, 1)
            rounds.append(pair if first is ours else pair[::-1])
        summary = summarise(events, METRICS, start=START)
        users = connection.create_table("users", roll_up(events, METRICS, start=START), temp=True)
        columns = sorted(set(users.columns) - {"arm_id", "user_key"})
        aggregates = tea_tasting.aggr.read_aggregates(
            users, "arm_id", has_count=True, mean_cols=columns, var_cols=columns,
            cov_cols=[(x, y) for x in columns for y in columns if x < y],
        )  # fmt: skip
        small_mine = timed(lambda: compare(summary, "control"), 200)
        small_tea = timed(lambda: peer.analyze(aggregates, control="control"), 200)

    n = np.asarray(summary.statistics["conversion"].n).sum()
    print(
        f"\n{options.events:,} events, {size:,.0f} MiB of Parquet, {n:,.0f} users, {os.cpu_count()} cores\n"
    )
    print("| from Parquet | wall seconds | processor seconds |\n|---|---|---|")
    for label, at in (("armlift `analyse`", 0), ("tea-tasting on armlift's `roll_up`", 1)):
        print(row(label, [r[at][0][0] for r in rounds], [r[at][1][0] for r in rounds]))
    print("\n| from the same aggregates | wall milliseconds | processor milliseconds |\n|---|---|---|")
    print(row("armlift `compare`", *small_mine, 1e3))
    print(row("tea-tasting `analyze`", *small_tea, 1e3))
    print("\n| metric | armlift | tea-tasting | difference in standard errors |\n|---|---|---|---|")
    for number, metric in enumerate(mine.metrics):
        estimate, error = mine.absolute.estimate[number, 0], mine.absolute.standard_error[number, 0]
        other = tea[metric].effect_size
        print(f"| {metric} | {estimate:.6g} | {other:.6g} | {(estimate - other) / error:.1e} |")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
    ratios = [statistics.median(r[1][clock][0] / r[0][clock][0] for r in rounds) for clock in (0, 1)]
    small = statistics.median(small_tea[0]) / statistics.median(small_mine[0])
    print(f"\ntea-tasting / armlift, wall time: {ratios[0]:.2f} from Parquet, {small:.2f} from aggregates")
    print(f"processor time: {ratios[1]:.2f} from Parquet; peak memory of the process {peak:,.0f} MiB")


if __name__ == "__main__":
    main()
