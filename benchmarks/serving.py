"""Speed of the live router beside bare Litestar and beside the in-request design, in one interleaved run.

Servers have one core, the client the other, in every row alike. wrk measures throughput over 32 connections;
it has no constant rate, so the latency under load is measured by `router/open_loop.py`. On a busy machine
compare the processor time of an answer as well: it moves less than the rate.
"""

import argparse
import gc
import itertools
import json
import os
import shutil
import sqlite3
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
from router.contestants import PROJECT, Contestants, ask, contestants, update_body
from router.disk import fdatasync_seconds
from router.open_loop import drive
from router.servers import CLIENT_CORE, SERVER_CORE, Server
from router.wrk import CONNECTIONS, Throughput, require_wrk, run_wrk

CHOOSE, UPDATE = "/choose", "/update"
BARE_GET, BARE_POST = "bare Litestar, GET", "bare Litestar, POST"
WITHOUT, IN_REQUEST = "/choose without middleware", "in-request design, /update"
ROWS = (BARE_GET, CHOOSE, WITHOUT, BARE_POST, UPDATE, IN_REQUEST)
# Row, what it is compared with, what is asked of the ratio.
TARGETS = (
    (CHOOSE, BARE_GET, "0.5, aim 0.8"),
    (UPDATE, BARE_GET, "0.25"),
    (UPDATE, BARE_POST, "aim 0.5"),
    (UPDATE, IN_REQUEST, "50"),
    (CHOOSE, WITHOUT, "0.75"),
)
SPARE = 4.0  # bodies written for a run, by how many the run before it used


class Bench:
    """The measurements, on servers that run already.

    Args:
        servers: The servers.
        folder: For bodies.
        seconds: Length of each run of wrk.
    """

    def __init__(self, servers: Contestants, folder: Path, seconds: int) -> None:
        self._servers, self._folder, self._seconds = servers, folder, seconds
        self._prefixes = itertools.count(100)
        self._bodies_a_second: dict[str, float] = defaultdict(lambda: 10_000.0)
        self.updates = self.runs_of_updates = 0

    def row(self, name: str) -> Throughput:
        """Measure one row once, when everybody has finished the one before."""
        servers, key = self._servers, self._servers.key
        self._wait_until_idle()
        if name == BARE_GET:
            return run_wrk(servers.bare, "/", self._seconds)
        if name == CHOOSE:
            return run_wrk(servers.router, CHOOSE, self._seconds, "choose.lua", self._prefix(), key)
        if name == WITHOUT:
            return run_wrk(
                servers.without_middleware, CHOOSE, self._seconds, "choose.lua", self._prefix(), key
            )
        server, path = {
            BARE_POST: (servers.bare, "/"),
            UPDATE: (servers.router, UPDATE),
            IN_REQUEST: (servers.in_request, UPDATE),
        }[name]
        needed = int(self._bodies_a_second[name] * self._seconds * SPARE) + 10 * CONNECTIONS
        bodies = self._bodies(needed)
        self._wait_until_idle()  # the decisions behind the bodies are written
        measured = run_wrk(server, path, self._seconds, "bodies.lua", str(bodies), path, key)
        self._bodies_a_second[name] = measured.rate
        if name == UPDATE:
            self.updates += measured.answers
            self.runs_of_updates += 1
        return measured

    def latencies(self, server: Server, path: str, rate: float, seconds: float) -> Sequence[float]:
        """Median, p99 and p99.9 at a constant rate, in milliseconds."""
        # Everybody asks twice in a row, so that half of the users are new.
        requests = (
            self._get(path, number // 2 if path == CHOOSE else None) for number in range(int(rate * seconds))
        )
        gc.disable()
        answers = drive(server.port, requests, rate, CONNECTIONS)
        gc.enable()
        if answers.failures:
            raise SystemExit(
                f"{server.name}: {answers.failures} answers were not good at {rate:,.0f} a second."
            )
        return [float(value) * 1e3 for value in np.quantile(answers.latencies, [0.5, 0.99, 0.999])]

    def memory(self, decisions: int) -> list[tuple[int, float]]:
        """Resident memory after each tenth of this many decisions, in MiB."""
        router = self._servers.router
        made, sampled = 0, [(0, router.resident_mib())]
        while made < decisions:
            made += run_wrk(
                router, CHOOSE, self._seconds, "choose.lua", self._prefix(), self._servers.key
            ).answers
            if made >= decisions * len(sampled) / 10:
                sampled.append((made, router.resident_mib()))
        return sampled

    def rewards_counted(self) -> int:
        """Rewards in the router's counters."""
        with closing(sqlite3.connect(self._servers.store)) as store:
            return int(store.execute("SELECT sum(rewards) FROM counters").fetchone()[0])

    def _wait_until_idle(self) -> None:
        servers = self._servers
        for server in (servers.router, servers.without_middleware, servers.bare, servers.in_request):
            server.wait_until_idle()

    def _prefix(self) -> str:
        return str(next(self._prefixes))

    def _get(self, path: str, user: int | None, prefix: str = "9") -> bytes:
        query = "" if user is None else f"?experiment=movielens&user_id={prefix}{user}"
        head = f"Host: localhost\r\nX-API-Key: {self._servers.key}\r\n\r\n"
        return f"GET {path}{query} HTTP/1.1\r\n{head}".encode()

    def _bodies(self, number: int) -> Path:
        """Write bodies of /update to a file, one a line, each for a decision made now for a new user."""
        file, prefix = self._folder / "bodies.jsonl", self._prefix()
        requests = (self._get(CHOOSE, user, prefix) for user in range(number))
        answers = drive(self._servers.router.port, requests, connections=CONNECTIONS, keep_bodies=True)
        lines = (
            update_body(f"{prefix}{user}", json.loads(body), user) for user, body in enumerate(answers.bodies)
        )
        file.write_text("".join(f"{line}\n" for line in lines))
        return file


def spread(values: Sequence[float], digits: int) -> str:
    """Median, minimum and maximum, in words for a table."""
    return f"{statistics.median(values):,.{digits}f} ({min(values):,.{digits}f} .. {max(values):,.{digits}f})"


def print_throughput(bench: Bench, rounds: int) -> float:
    """Measure all rows in turn, round by round, and print them.

    Returns:
        Median rate of `/choose`, answers a second.
    """
    measured: dict[str, list[Throughput]] = defaultdict(list)
    for _ in range(rounds):
        for name in ROWS:
            measured[name].append(bench.row(name))
    print("\n| | answers a second | server's processor time for one, microseconds |\n|---|---|---|")
    for name in ROWS:
        rates = [run.rate for run in measured[name]]
        costs = [run.cpu_microseconds for run in measured[name]]
        print(f"| {name} | {spread(rates, 0)} | {spread(costs, 0)} |")
    print("\n| ratio | asked | rates | processor time |\n|---|---|---|---|")
    for name, other, asked in TARGETS:
        pairs = list(zip(measured[name], measured[other], strict=True))
        rates = [run.rate / beside.rate for run, beside in pairs]
        costs = [beside.cpu_microseconds / run.cpu_microseconds for run, beside in pairs]
        print(f"| {name} / {other} | {asked} | {spread(rates, 2)} | {spread(costs, 2)} |")
    counted, answered, in_flight = bench.rewards_counted(), bench.updates, bench.runs_of_updates * CONNECTIONS
    verdict = "every one" if answered <= counted <= answered + in_flight else "**NOT EXACT**"
    print(
        f"\nRewards answered: {answered:,}; counted in the store: {counted:,}, up to {in_flight} in flight:"
        f" {verdict}."
    )
    return statistics.median(run.rate for run in measured[CHOOSE])


def print_latency(bench: Bench, servers: Contestants, rate: float, rounds: int, seconds: float) -> None:
    """Print latencies at a constant rate in turn with bare Litestar at the same rate."""
    servers.in_request.stop()
    servers.without_middleware.stop()
    servers.router.wait_until_idle()
    contestants = {CHOOSE: (servers.router, CHOOSE), BARE_GET: (servers.bare, "/")}
    measured: dict[str, list[Sequence[float]]] = defaultdict(list)
    for _ in range(rounds):
        for name, (server, path) in contestants.items():
            measured[name].append(bench.latencies(server, path, rate, seconds))
    print(f"\nAt a constant {rate:,.0f} a second, milliseconds from the moment each request was due:")
    print("\n| | p50 | p99 | p99.9 |\n|---|---|---|---|")
    for name, runs in measured.items():
        print(f"| {name} | {' | '.join(spread(quantile, 2) for quantile in zip(*runs, strict=True))} |")


def print_memory(bench: Bench, servers: Contestants, decisions: int) -> None:
    """Print the router's memory while it decides, and how many decisions it could not keep up with."""
    print("\n| decisions | resident, MiB |\n|---|---|")
    for made, mebibytes in bench.memory(decisions):
        print(f"| {made:,} | {mebibytes:,.0f} |")
    servers.router.wait_until_idle()
    told = ask(servers.router, "/metrics", servers.key).decode().splitlines()
    dropped = next(line.split()[1] for line in told if line.startswith("armlift_writer_dropped"))
    print(f"\nDecisions that were answered and not recorded: {float(dropped):,.0f}.")


def main() -> None:
    """Parse the command line and print the tables as Markdown."""
    parser = argparse.ArgumentParser(description="Speed of the live router.")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=5, help="length of each run of wrk")
    parser.add_argument("--decisions", type=int, default=1_000_000, help="for the memory; 0 leaves it out")
    parser.add_argument("--quick", action="store_true", help="two rounds of 2 s, 50,000 decisions")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.seconds, options.decisions = 2, 2, 50_000
    require_wrk()
    os.sched_setaffinity(0, {CLIENT_CORE})
    folder = Path(tempfile.mkdtemp(prefix="benchmark-", dir=PROJECT / "data"))
    servers = contestants(folder)
    every = (servers.router, servers.without_middleware, servers.bare, servers.in_request)
    try:
        print(
            f"Servers on core {SERVER_CORE}, the client on core {CLIENT_CORE};"
            " median (minimum .. maximum) over rounds."
        )
        syncs = np.quantile(fdatasync_seconds(folder), [0.5, 0.99]) * 1e3
        print(f"Writing 4 KiB and fdatasync beside the store: {syncs[0]:.2f} ms, p99 {syncs[1]:.2f} ms.")
        starts = []
        for _ in range(1 + options.rounds):
            servers.router.stop()
            starts.append(servers.router.start())
        print(
            f"Start to ready: {starts[0]:.2f} s on an empty store, then {spread(starts[1:], 2)} s;"
            " asked: under 3."
        )
        servers.answer.write_bytes(
            ask(servers.router, f"{CHOOSE}?user_id=1&experiment=movielens", servers.key)
        )
        print(f"An answer of /choose has {servers.answer.stat().st_size:,} bytes.")
        for server in every[1:]:
            server.start()
        bench = Bench(servers, folder, options.seconds)
        rate = print_throughput(bench, options.rounds)
        print_latency(bench, servers, rate / 2, options.rounds, 2.0 * options.seconds)
        if options.decisions:
            print_memory(bench, servers, options.decisions)
    finally:
        for server in every:
            server.stop()
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
