"""How time and memory of `run_bernoulli` grow with the number of replicates and with the horizon.

One size doubles over more than a decade while the other stays. Each point has a process of its own, and so a
peak memory of its own; most of that peak is Python and the compiled loop, so the memory that the simulation
itself allocates is told apart. The slope of log cost against log size is 1 when the growth is linear.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

MEANS = tuple(round(0.30 + 0.02 * arm, 2) for arm in range(10))


@dataclass(frozen=True)
class Cost:
    """Cost of one size.

    Attributes:
        seconds: Wall time of each repeat, without imports and compilation.
        cpu_seconds: Processor time of each repeat, over both workers.
        peak_mib: Peak resident memory of the process, in MiB.
        allocated_kib: Peak of the memory allocated during one run, in KiB.
    """

    seconds: list[float]
    cpu_seconds: list[float]
    peak_mib: float
    allocated_kib: float


def cost(replicates: int, horizon: int, repeats: int) -> Cost:
    """Run one size in this process."""
    from armlift.bandits import ThompsonSampling
    from armlift.simulation import run_bernoulli

    def run(replicates: int, horizon: int, seed: int) -> None:
        run_bernoulli(ThompsonSampling(), MEANS, horizon, replicates, seed, workers=2)

    run(replicates=2, horizon=10, seed=0)  # loads the compiled loop
    seconds, cpu_seconds = [], []
    for seed in range(repeats):
        started, cpu_started = time.perf_counter(), time.process_time()
        run(replicates, horizon, seed)
        seconds.append(time.perf_counter() - started)
        cpu_seconds.append(time.process_time() - cpu_started)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    tracemalloc.start()
    run(replicates, horizon, seed=0)
    allocated = tracemalloc.get_traced_memory()[1]
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return Cost(seconds, cpu_seconds, peak / unit, allocated / 2**10)


def cost_in_fresh_process(replicates: int, horizon: int, repeats: int) -> Cost:
    """Run one size in a process of its own."""
    command = [sys.executable, __file__, "--single", "--repeats", str(repeats)]
    command += ["--replicates", str(replicates), "--horizon", str(horizon)]
    finished = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return Cost(**json.loads(finished.stdout))


def slope(sizes: Sequence[int], costs: Sequence[float]) -> str:
    """Slope of log cost against log size, and its standard error."""
    coefficients, covariance = np.polyfit(np.log(sizes), np.log(costs), 1, cov=True)
    return f"{coefficients[0]:.2f} ± {covariance[0, 0] ** 0.5:.2f}"


def spread(values: Sequence[float]) -> str:
    """Median, minimum and maximum, in words for a table."""
    return f"{statistics.median(values):.3f} ({min(values):.3f} .. {max(values):.3f})"


def print_table(growing: str, sizes: Sequence[int], costs: Sequence[Cost]) -> None:
    """Print the costs of one growing size, and their slopes."""
    print(f"\n| {growing} | wall seconds | processor seconds | peak MiB | allocated KiB |")
    print("|---|---|---|---|---|")
    for size, point in zip(sizes, costs, strict=True):
        times = f"{spread(point.seconds)} | {spread(point.cpu_seconds)}"
        print(f"| {size:,} | {times} | {point.peak_mib:.0f} | {point.allocated_kib:,.0f} |")
    cpu_slope = slope(sizes, [statistics.median(point.cpu_seconds) for point in costs])
    memory_slope = slope(sizes, [point.allocated_kib for point in costs])
    print(f"\nSlope: processor time {cpu_slope}, allocated memory {memory_slope}.")


def main() -> None:
    """Parse the command line and print both tables as Markdown."""
    parser = argparse.ArgumentParser(description="Growth of run_bernoulli's time and memory.")
    parser.add_argument("--replicates", type=int, default=160, help="smallest number of replicates")
    parser.add_argument("--horizon", type=int, default=10_000, help="smallest horizon")
    parser.add_argument("--doublings", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--single", action="store_true", help="only the smallest size, as JSON")
    options = parser.parse_args()
    replicates, horizon, repeats = options.replicates, options.horizon, options.repeats
    if options.single:
        print(json.dumps(asdict(cost(replicates, horizon, repeats))))
        return

    print("Seconds: median (minimum .. maximum). Slopes of log cost against log size: ± standard error.")
    sizes = [replicates * 2**doubling for doubling in range(options.doublings + 1)]
    print_table("replicates", sizes, [cost_in_fresh_process(size, horizon, repeats) for size in sizes])
    sizes = [horizon * 2**doubling for doubling in range(options.doublings + 1)]
    print_table("horizon", sizes, [cost_in_fresh_process(replicates, size, repeats) for size in sizes])


if __name__ == "__main__":
    main()
