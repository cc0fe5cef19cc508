"""Speed of Bernoulli Thompson sampling: armlift against other bandit libraries, on the same work in one run.

Each library plays ten arms to a horizon of 10,000 on two cores: armlift with two workers, a peer with two
processes. A run of armlift comes before each run of a peer, and ratios are taken pair by pair, so that a slow
spell of the machine meets both. `make bench` runs it.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PEERS = Path(__file__).parent / "peers"
MEANS = tuple(round(0.30 + 0.02 * arm, 2) for arm in range(10))
HORIZON = 10_000
CORES = 2
#: Replicates in one run, by batch size: few enough for no run to take much longer than ten seconds, enough
#: for armlift's to take most of a tenth of a second.
REPLICATES = {
    1: {"armlift": 120, "obp": 120, "smpybandits": 40, "mabwiser": 4, "pybandits": 4},
    100: {"armlift": 1200, "obp": 40, "smpybandits": 40, "mabwiser": 120, "pybandits": 8},
}


@dataclass(frozen=True)
class Run:
    """One timed run of a library.

    Attributes:
        decisions: Decisions over all replicates.
        seconds: Wall time, without imports and compilation.
        cpu_seconds: Processor time over all processes and threads.
        regrets: Cumulative pseudo-regret of each replicate, shape (R,).
    """

    decisions: int
    seconds: float
    cpu_seconds: float
    regrets: tuple[float, ...]

    @property
    def rate(self) -> float:
        """Decisions per second."""
        return self.decisions / self.seconds


def run_armlift(batch: int, replicates: int, seed: int) -> Run:
    """Play armlift's replicates in this process."""
    from armlift.bandits import ThompsonSampling
    from armlift.simulation import run_bernoulli

    cpu_started, started = time.process_time(), time.perf_counter()
    result = run_bernoulli(
        ThompsonSampling(),
        means=MEANS,
        horizon=HORIZON,
        replicates=replicates,
        seed=seed,
        batch_size=batch,
        workers=CORES,
    )
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu_started
    return Run(HORIZON * replicates, seconds, cpu_seconds, tuple(result.cumulative_regret.tolist()))


def run_peer(python: Path, peer: str, batch: int, replicates: int, seed: int) -> Run:
    """Play a peer's replicates in the peers' environment."""
    command = [str(python), str(PEERS / f"peer_{peer}.py"), "--means", *map(str, MEANS)]
    command += ["--horizon", str(HORIZON), "--replicates", str(replicates), "--batch", str(batch)]
    command += ["--seed", str(seed), "--processes", str(CORES)]
    finished = subprocess.run(command, capture_output=True, text=True)
    if finished.returncode != 0:
        raise SystemExit(f"{peer} failed:\n{finished.stderr}")
    report = json.loads(finished.stdout.splitlines()[-1])
    return Run(report["decisions"], report["seconds"], report["cpu_seconds"], tuple(report["regrets"]))


def compile_seconds() -> float:
    """Seconds that the very first run takes beyond a second one."""
    import armlift

    # Compiled code is kept beside the sources: a copy of the sources alone has none.
    with tempfile.TemporaryDirectory() as fresh:
        package = Path(armlift.__file__).parent
        shutil.copytree(package, Path(fresh, "armlift"), ignore=shutil.ignore_patterns("__pycache__"))
        finished = subprocess.run(
            [sys.executable, __file__, "--compile"],
            env=os.environ | {"PYTHONPATH": fresh, "NUMBA_CACHE_DIR": fresh},
            capture_output=True,
            text=True,
            check=True,
        )
    return float(finished.stdout)


def spread(values: Sequence[float]) -> str:
    """Median, minimum and maximum, in words for a table."""
    return f"{statistics.median(values):,.1f} ({min(values):,.1f} .. {max(values):,.1f})"


def regret(runs: Sequence[Run]) -> tuple[float, float]:
    """Mean cumulative regret over all replicates, and its standard error."""
    regrets = [value for run in runs for value in run.regrets]
    return statistics.fmean(regrets), statistics.stdev(regrets) / len(regrets) ** 0.5


def table_row(library: str, runs: Sequence[Run], faster: str, gap: str) -> str:
    """One line of the table."""
    mean, error = regret(runs)
    cells = (
        library,
        f"{len(runs)} x {len(runs[0].regrets)}",
        spread([run.rate / 1000 for run in runs]),
        faster,
        f"{statistics.median(run.cpu_seconds / run.seconds for run in runs):.2f}",
        f"{mean:.1f} ± {error:.1f}",
        gap,
    )
    return f"| {' | '.join(cells)} |"


def compare(python: Path, batch: int, rounds: int) -> None:
    """Measure one batch size and print its table."""
    peers = {peer: replicates for peer, replicates in REPLICATES[batch].items() if peer != "armlift"}
    pairs: dict[str, list[tuple[Run, Run]]] = {peer: [] for peer in peers}
    for turn in range(rounds):
        for number, (peer, replicates) in enumerate(peers.items()):
            seed = 10_000 * (turn * len(peers) + number)  # apart by more than the replicates, which add to it
            armlift = run_armlift(batch, REPLICATES[batch]["armlift"], seed)
            pairs[peer].append((armlift, run_peer(python, peer, batch, replicates, seed)))

    print(f"\nRewards after each batch of {batch}:\n")
    print("| library | runs x replicates | 1,000 decisions/s | armlift is faster by | cores | regret | gap |")
    print("|---|---|---|---|---|---|---|")
    ours = [armlift for played in pairs.values() for armlift, _ in played]
    our_regret, our_error = regret(ours)
    print(table_row("armlift", ours, "", ""))
    ratios = {
        peer: [armlift.rate / other.rate for armlift, other in played] for peer, played in pairs.items()
    }
    for peer, played in pairs.items():
        theirs = [other for _, other in played]
        mean, error = regret(theirs)
        gap = (mean - our_regret) / (error**2 + our_error**2) ** 0.5
        print(table_row(peer, theirs, spread(ratios[peer]), f"{gap:+.1f}"))

    fastest = min(ratios, key=lambda peer: statistics.median(ratios[peer]))
    by_cpu = [
        (armlift.decisions / armlift.cpu_seconds) / (other.decisions / other.cpu_seconds)
        for armlift, other in pairs[fastest]
    ]
    print(f"\nFastest peer: {fastest}. armlift is faster by {spread(ratios[fastest])};", end=" ")
    print(f"in decisions per second of processor time, by {spread(by_cpu)}.")


def main() -> None:
    """Parse the command line and print the tables as Markdown."""
    parser = argparse.ArgumentParser(description="Compare armlift's Thompson sampling with other libraries'.")
    parser.add_argument("--peers", type=Path, default=Path(".venv-bench/bin/python"), help="their Python")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch", type=int, nargs="+", choices=sorted(REPLICATES), default=[1, 100])
    parser.add_argument("--compile", action="store_true", help="only time a first run beyond a second one")
    options = parser.parse_args()
    if options.compile:
        first, second = (run_armlift(batch=1, replicates=1, seed=0).seconds for _ in range(2))
        print(first - second)
        return

    print(f"{len(MEANS)} arms of means {MEANS[0]} .. {MEANS[-1]}, horizon {HORIZON:,}, {CORES} cores.")
    print(f"Compiling, once after installation and not counted below: {compile_seconds():.1f} s.")
    print("Rates and ratios: median (minimum .. maximum) over runs. Regret: mean ± standard error.")
    for batch in options.batch:
        run_armlift(batch, replicates=1, seed=0)  # loads the compiled loop
        compare(options.peers, batch, options.rounds)


if __name__ == "__main__":
    main()
