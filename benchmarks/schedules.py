"""The schedules ticking for real beside a router: what ran, and whether every count is the same everywhere.

A copy of a simulated project gets a router, some real traffic and Dagster, at the intervals of the
parameters; what runs once a day or a week comes due within the first ten minutes, and finds a file of ratings
in its drop folder. After so many minutes everything is stopped, and each session batch is compared: its own
counts, the log, the sums by day and MLflow; then the totals: the log, the counters and the sums by time.
"""

import argparse
import json
import os
import random
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import requests
import yaml

PROJECT = Path(__file__).parents[1]
STORE, MLFLOW = Path("data/live/armlift.db"), Path("mlflow.db")
KINDS = {"decisions": "decisions", "impressions": "impression", "clicks": "click_detail", "likes": "like"}
REAL = "live"
DUE_AFTER = {"ingest": 3, "report": 5, "retrain_check": 8}
DROPPED = 500
_LONGEST_START = 180.0
_EXPORTED_WITHIN = 240.0


def main() -> None:
    """Run it and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=15.0)
    parser.add_argument("--project", type=Path, default=PROJECT, help="simulated project that is copied")
    parser.add_argument("--folder", type=Path, required=True, help="where the copy is made")
    parser.add_argument("--visits", type=float, default=2.0, help="real visits a second")
    chosen = parser.parse_args()
    root = copied(chosen.project, chosen.folder)
    exported_before = in_mlflow(root)
    router_port, dagster_port = free_port(), free_port()
    url = f"http://127.0.0.1:{router_port}"
    environment = os.environ | {"API_BASE_URL": url, "PORT": str(router_port), "DO_NOT_TRACK": "true"}
    environment["PYTHONPATH"] = str(root / "src")  # what is edited meanwhile changes nothing
    for name in ("DATABASE_URL", "MLFLOW_TRACKING_URI", "DAGSTER_HOME"):
        environment.pop(name, None)
    serve = [sys.executable, "-m", "armlift", "serve"]
    dagster = [sys.executable, "-m", "dagster_defs", "--port", str(dagster_port)]
    made: Counter[str] = Counter()
    drop_ratings(root)
    due_soon(root)
    with running("router", serve, root, environment):
        wait_for(f"{url}/health/ready")
        stop = threading.Event()
        visitors = threading.Thread(target=real_visits, args=(url, chosen.visits, stop, made))
        visitors.start()
        started = time.monotonic()
        with running("dagster", dagster, root, environment) as process:
            wait_for(f"http://127.0.0.1:{dagster_port}/server_info")
            print(f"Dagster answers after {time.monotonic() - started:.0f} s", flush=True)
            most = watch(process.pid, 60.0 * chosen.minutes)
        stop.set()
        visitors.join()
        subprocess.run([sys.executable, "-m", "armlift", "aggregate"], cwd=root, env=environment, check=True)
        wait_for_export(root)
    print(f"Dagster's processes took {most / 2**20:.0f} MiB at most\n")
    what_ran(root)
    kept = sum(len(pd.read_parquet(file)) for file in root.glob("data/ingested/ratings/*/*.parquet"))
    print(f"{DROPPED} ratings lay in the drop folder, {kept} were taken in\n")
    agree(root, made, exported_before)


def copied(project: Path, folder: Path) -> Path:
    """Make a project of this checkout's code and another one's data, without live traffic."""
    folder.mkdir(parents=True)
    for name in ("conf", "dagster_defs", "src"):
        shutil.copytree(PROJECT / name, folder / name)
    shutil.copy(PROJECT / "pyproject.toml", folder)
    for name in ("simulation", "processed", "features", "models", "live/slates"):
        shutil.copytree(project / "data" / name, folder / "data" / name)
    shutil.copy(project / MLFLOW, folder)
    return folder


def drop_ratings(root: Path) -> None:
    """Leave a file of yesterday's ratings where the ingest looks."""
    inbox = root / "data/raw/inbox"
    inbox.mkdir(parents=True)
    items = pd.read_parquet(root / "data/processed/items.parquet")["item_id"].head(50).tolist()
    begun = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
    lines = [
        f"{number // 50 + 1},{items[number % 50]},{1 + number % 5},{begun.timestamp():.0f}"
        for number in range(DROPPED)
    ]
    (inbox / "ratings.csv").write_text("\n".join(["user_id,item_id,rating,timestamp", *lines, ""]))


def due_soon(root: Path) -> None:
    """Let what runs once a day, or a week, come due a few minutes from now."""
    file = root / "conf/base/parameters/orchestration.yml"
    parameters = yaml.safe_load(file.read_text())
    now = datetime.now(UTC)
    for name, minutes in DUE_AFTER.items():
        parameters["orchestration"][name]["at"] = f"{now + timedelta(minutes=minutes):%H:%M}"
    parameters["orchestration"]["report"]["weekday"] = f"{now:%A}".lower()
    file.write_text(yaml.safe_dump(parameters))


def free_port() -> int:
    """A port that nobody listens on."""
    with closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def running(
    name: str, command: list[str], root: Path, environment: dict[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server of its own process group, and end it as Ctrl-C does."""
    with (root / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=root, env=environment, stdout=log, stderr=log, start_new_session=True
        )
        try:
            yield process
        finally:
            os.killpg(process.pid, signal.SIGINT)
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def wait_for(url: str) -> None:
    """Wait until a server answers."""
    end = time.monotonic() + _LONGEST_START
    while time.monotonic() < end:
        try:
            if requests.get(url, timeout=2).ok:
                return
        except requests.RequestException:
            pass
        time.sleep(0.5)
    raise SystemExit(f"{url} does not answer after {_LONGEST_START:.0f} s: look into the logs")


def real_visits(url: str, a_second: float, stop: threading.Event, made: Counter[str]) -> None:
    """Be real users, who send impressions and clicks, and count what was acknowledged."""
    draw, session = random.Random(1), requests.Session()
    session.trust_env = False
    number = 0
    while not stop.wait(1.0 / a_second):
        number += 1
        user = f"person-{number}"
        chosen = session.post(f"{url}/choose", json={"user_id": user, "experiment": "movielens"}).json()
        made["decisions"] += 1
        kinds = ["impression", "click_detail"] if draw.random() < 0.15 else ["impression"]
        events = [
            {"user_id": user, "decision_id": chosen["decision_id"], "event_type": kind} for kind in kinds
        ]
        answer = session.post(f"{url}/events", json=events).json()
        assert answer["accepted"] == len(kinds), answer
        made["impressions"] += 1
        made["clicks"] += len(kinds) - 1


def watch(pid: int, seconds: float) -> int:
    """Wait; give the most memory that a process and its children had, bytes."""
    end, most = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        most = max(most, sum(resident(each) for each in family(pid)))
        time.sleep(2.0)
    return most


def family(pid: int) -> Iterator[int]:
    """A process and all that it started."""
    yield pid
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        children = [child for task in tasks for child in (task / "children").read_text().split()]
    except OSError:
        return
    for child in children:
        yield from family(int(child))


def resident(pid: int) -> int:
    """Memory of its own that a process has, bytes."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    found = [line.split()[1] for line in lines if line.startswith("RssAnon")]
    return int(found[0]) * 1024 if found else 0


def ask(file: Path, query: str) -> list[tuple]:
    """Ask a SQLite file."""
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
        return connection.execute(query).fetchall()


def wait_for_export(root: Path) -> None:
    """Wait until MLflow has what the router counted."""
    end = time.monotonic() + _EXPORTED_WITHIN
    waiting = (
        "SELECT (SELECT count(*) FROM live_windows)"
        " + (SELECT sum(decisions + impressions + clicks + likes + rewards) FROM day_counters)"
        " - (SELECT coalesce(sum(decisions + impressions + clicks + likes + rewards), 0) FROM counters)"
    )
    until = "SELECT coalesce(min(watermark), 0) FROM exports WHERE name = 'mlflow'"
    begun = time.time_ns() // 1000
    while time.monotonic() < end:
        if ask(root / STORE, waiting) == [(0,)] and ask(root / STORE, until)[0][0] > begun:
            return
        time.sleep(2.0)
    print("MLflow is behind", flush=True)


def what_ran(root: Path) -> None:
    """Print what each schedule and each job did."""
    import dagster as dg

    with dg.DagsterInstance.from_config(str(root / "data/dagster")) as instance:
        print(f"{'schedule':<16} {'ticks':>6} {'runs':>5} {'skipped':>8} {'failed':>7}")
        for state in sorted(instance.all_instigator_state(), key=lambda each: each.instigator_name):
            statuses = Counter(
                tick.status.value
                for tick in instance.get_ticks(state.instigator_origin_id, state.selector_id)
            )
            row = (statuses["SUCCESS"], statuses["SKIPPED"], statuses["FAILURE"])
            print(f"{state.instigator_name:<16} {sum(row):>6} {row[0]:>5} {row[1]:>8} {row[2]:>7}")
        print(f"\n{'job':<18} {'runs':>5} {'ok':>4} {'median s':>9} {'longest s':>10}")
        records = instance.get_run_records()
        for job in sorted({record.dagster_run.job_name for record in records}):
            mine = [record for record in records if record.dagster_run.job_name == job]
            took = sorted(
                each.end_time - each.start_time for each in mine if each.end_time and each.start_time
            )
            fine = sum(each.dagster_run.status == dg.DagsterRunStatus.SUCCESS for each in mine)
            times = f"{took[len(took) // 2]:>9.1f} {took[-1]:>10.1f}" if took else ""
            print(f"{job:<18} {len(mine):>5} {fine:>4} {times}")
    print()


def agree(root: Path, made: Counter[str], exported_before: dict[str, dict[str, float]]) -> None:
    """Compare the counts of each batch, and the totals, wherever they are kept."""
    ledger = json.loads((root / "data/live/session_batches.json").read_text())
    own = {REAL: dict(made)}
    for batch in ledger:
        counts = {name: batch["events"].get(kind, 0) for name, kind in KINDS.items()}
        own[batch["batch"]] = counts | {"decisions": batch["decisions"]}
    log, sums = logged(root), by_day(root)
    mlflow = {
        batch: {name: number - exported_before.get(batch, {}).get(name, 0) for name, number in counts.items()}
        for batch, counts in in_mlflow(root).items()
    }
    print(f"{'batch':<20} {'what':<12} {'own':>7} {'log':>7} {'by day':>7} {'MLflow':>7}")
    differ = 0
    for batch, counts in own.items():
        for name in KINDS:
            row = [each.get(batch, {}).get(name, 0) for each in (own, log, sums, mlflow)]
            differ += len(set(row)) > 1
            print(f"{batch:<20} {name:<12} " + " ".join(f"{value:>7.0f}" for value in row))
        del counts
    names = ("decisions", "impressions", "clicks", "likes", "rewards")
    columns = ", ".join(f"sum({name})" for name in names)
    totals = {
        "log": total_of(log, names),
        "counters": ask(root / STORE, f"SELECT {columns} FROM counters")[0],
        "by day": ask(root / STORE, f"SELECT {columns} FROM day_counters")[0],
        "by time": ask(root / STORE, f"SELECT {columns} FROM interval_sums WHERE segment = ''")[0],
        "MLflow": total_of(mlflow, names),
    }
    print(f"\n{'total':<12} " + " ".join(f"{name:>9}" for name in totals))
    for place, name in enumerate(names):
        row = [total[place] for total in totals.values()]
        differ += len(set(row)) > 1
        print(f"{name:<12} " + " ".join(f"{value:>9.0f}" for value in row))
    print("\nAll counts are the same." if not differ else f"\n{differ} rows differ.")


def total_of(batches: dict[str, dict[str, float]], names: tuple[str, ...]) -> tuple[float, ...]:
    """Sums over batches."""
    return tuple(sum(counts.get(name, 0) for counts in batches.values()) for name in names)


def logged(root: Path) -> dict[str, dict[str, float]]:
    """Rows of the log by batch."""
    batch = f"CASE WHEN simulated THEN json_extract(context, '$.session_batch') ELSE '{REAL}' END"
    found: dict[str, dict[str, float]] = {}
    for name, number in ask(root / STORE, f"SELECT {batch}, count(*) FROM decisions GROUP BY 1"):
        found.setdefault(name, {})["decisions"] = number
    words = {kind: name for name, kind in KINDS.items()} | {"reward": "rewards"}
    for name, kind, number in ask(
        root / STORE, f"SELECT {batch}, event_type, count(*) FROM events GROUP BY 1, 2"
    ):
        found.setdefault(name, {})[words[kind]] = number
    return found


def by_day(root: Path) -> dict[str, dict[str, float]]:
    """The store's sums by day, by batch."""
    names = (*KINDS, "rewards")
    columns = ", ".join(f"sum({name})" for name in names)
    rows = ask(root / STORE, f"SELECT session_batch, {columns} FROM day_counters GROUP BY 1")
    return {row[0]: dict(zip(names, row[1:], strict=True)) for row in rows}


def in_mlflow(root: Path) -> dict[str, dict[str, float]]:
    """What MLflow has, by batch: the sum of all points of a metric over arms, runs and windows."""
    found: dict[str, dict[str, float]] = {}
    query = (
        "SELECT tags.value, substr(metrics.key, 1, instr(metrics.key, '/') - 1), sum(metrics.value)"
        " FROM metrics JOIN tags ON tags.run_uuid = metrics.run_uuid AND tags.key = 'session_batch'"
        " WHERE instr(metrics.key, '/') > 0 GROUP BY 1, 2"
    )
    for batch, name, number in ask(root / MLFLOW, query):
        found.setdefault(batch, {})[name] = number
    return found


if __name__ == "__main__":
    main()
